"""`connect`: from a provider's name, or an issuer's URL, to tokens and calls."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import cached_property
from inspect import iscoroutinefunction
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeVar

from portvakt.client.address import place
from portvakt.client.arguments import (
    CLIENT_CREDENTIALS,
    Public,
    check_credential,
    check_texts,
    check_wish,
    checked_wait,
    located,
)
from portvakt.client.asking import Asker
from portvakt.client.auth import auth_of
from portvakt.client.calling import Calls
from portvakt.client.clock import counting, wall
from portvakt.client.library import http_library
from portvakt.client.source import TokenSource
from portvakt.client.token import Token
from portvakt.model.provider import Refresh
from portvakt.model.values import Instant, Secret
from portvakt.protocol.ask.wish import Wish, asked_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeGuard

    from portvakt.client.auth import Auth
    from portvakt.client.begun import StartedLogin
    from portvakt.client.logging_in import LoggingIn
    from portvakt.client.login import Login
    from portvakt.client.renewing import Place
    from portvakt.model.provider import Provider

MAX_WAIT = 30.0
STORED: Literal["stored"] = "stored"
_ResultT = TypeVar("_ResultT")


class Connection:
    """Calls one API as one client. It may be shared by all threads and event loops of a process.

    Made by `connect`. The token lives in memory only. What logs users in is loaded when somebody does.
    """

    def __init__(self, who: str, source: TokenSource, calls: Calls, api_url: str | None, asker: Asker | None) -> None:
        self._who = who
        self._source = source
        self._calls = calls
        self._api_url = api_url
        self._asker = asker
        self._logging_in: LoggingIn | None = None
        self._lock = Lock()

    def get_token(self) -> Token:
        """Return an access token that is good now, asking for one only if there is none, or the old one nears its end.

        Within five minutes of its end (a fifth of its life, if that is less) the old one is returned and a new one is
        asked for beside its use. Where there is none, all who ask wait for one request.

        Raises:
            TokenRefused: the authorization server said no (RFC 6749 §5.2).
            RateLimited: a 429 asks for a longer wait than `max_wait`.
            Unreachable: no answer, or a fault of the server, three times within 10 seconds.
            BadReply: an answer that is none.
            LoginRequired: it acts for a user, and nobody is logged in.
        """
        held = self._source.held
        if counting() < held.renew_at:
            return held.token
        return self._source.get()

    async def aget_token(self) -> Token:
        """Do as `get_token`, in asyncio. Whoever is cancelled stops waiting; the request goes on for the others."""
        held = self._source.held
        if counting() < held.renew_at:
            return held.token
        return await self._source.aget()

    def refused(self, token: Token) -> bool:
        """Let go of a token that the API refused: for callers without `auth`, by its rules.

        Returns whether another is worth a try: yes once; then, until 5 minutes went by without a refusal, only after
        pauses of 1 s at first and 5 minutes at most, for a call that can never succeed would cost a token each time.
        Whether the call may be repeated is for you to know.

        Raises: TypeError if it is not what `get_token` returned.
        """
        if not isinstance(token, Token):
            raise TypeError(f"refused takes the Token that get_token returned, not {type(token).__name__}")
        return self._source.refused(token)

    @cached_property
    def auth(self) -> Auth:
        """An auth object for httpx2 and httpx, sync and async: `httpx2.Client(auth=connection.auth)`.

        It puts the token on each request. A 401, or a GraphQL `UNAUTHENTICATED` under any status, drops that token; the
        call is repeated once with a new one, unless it changes something and the provider may have begun to carry it
        out. A 429 is waited out, up to `max_wait` seconds a call. The last reply is returned as it came.

        Raises, from the call: what `get_token` raises, and WrongTarget for a request to another host than the API's.
        """
        return auth_of(self._calls)

    @property
    def api_url(self) -> str:
        """Where the API lives, without trailing slash. Breeze and Luca have GraphQL at `api_url + "/graphql"`.

        Raises: ValueError if `connect` was given an issuer's URL and no `api_url`.
        """
        if self._api_url is None:
            raise ValueError("an issuer's metadata does not name its API: say connect(..., api_url=...)")
        return self._api_url

    def start_login(self, *, redirect_uri: str, **more: str) -> StartedLogin:
        """Begin to log a user in: `url` is where to send the browser, `kept` is for the session of that browser.

        `redirect_uri` is a page of yours, as it was registered. `more` are parameters of the provider's own, such as
        `organisation_number` and `locale` at Luca.

        Raises:
            ValueError: nobody logs in at this provider; an argument is malformed.
            ClientError: an issuer's metadata could not be had.
        """
        return _in_a_thread(self._log_in().start(redirect_uri, more))

    async def astart_login(self, *, redirect_uri: str, **more: str) -> StartedLogin:
        """Do as `start_login`, in asyncio."""
        return await self._log_in().start(redirect_uri, more)

    def finish_login(self, callback_url: str, kept: str) -> Login:
        """Return the log-in, from the URL that the browser came back with and what its session kept.

        Take `kept` out of the session with the same move: it is good once. Nothing is stored here.

        Raises:
            LoginRefused: the user said no, or this is not the answer to what `kept` began.
            ClientError: the code was not exchanged (TokenRefused, Unreachable, …). Begin again: it is good once.
        """
        url, secret = Secret(callback_url), Secret(kept)
        callback_url = kept = ""  # from here on no traceback shows them
        return _in_a_thread(self._log_in().finish(url, secret))

    async def afinish_login(self, callback_url: str, kept: str) -> Login:
        """Do as `finish_login`, in asyncio."""
        url, secret = Secret(callback_url), Secret(kept)
        callback_url = kept = ""  # from here on no traceback shows them
        return await self._log_in().finish(url, secret)

    def revoke_login(self, login: Login) -> bool:
        """End a log-in at its server (RFC 7009): all its tokens. False: the server names no place for that.

        Raises: ClientError; then nothing was ended.
        """
        return _in_a_thread(self._log_in().give_back(login))

    async def arevoke_login(self, login: Login) -> bool:
        """Do as `revoke_login`, in asyncio."""
        return await self._log_in().give_back(login)

    def _log_in(self) -> LoggingIn:
        if self._asker is None:
            raise ValueError(f"nobody logs in at {self._who}: it gives tokens to clients themselves")
        from portvakt.client.logging_in import LoggingIn  # noqa: PLC0415  most connections log nobody in

        with self._lock:  # there is one, for it remembers what was finished
            if self._logging_in is None:
                self._logging_in = LoggingIn(self._asker, self._who, wall)
            return self._logging_in

    def __repr__(self) -> str:
        return f"<portvakt connection to {self._who}>"


def _in_a_thread(work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
    from portvakt.client.logging_in import in_a_thread  # noqa: PLC0415  loaded by now

    return in_a_thread(work)


def connect(  # noqa: PLR0913  each is a choice of the caller's, by name
    provider: str,
    *,
    client_id: str,
    client_secret: str | Public = Public.CLIENT,
    environment: str | None = None,
    base_url: str | None = None,
    api_url: str | None = None,
    scope: str = "",
    resource: str | None = None,
    login: Login | Literal["stored"] | None = None,
    on_renewed: Callable[[Login], object] | None = None,
    max_wait: float = MAX_WAIT,
    tls: ssl.SSLContext | None = None,
) -> Connection:
    """Return a connection to a provider's API. Nothing is sent yet.

    It acts with the client's own credentials (RFC 6749 §4.4); on a user's behalf (§4.1) if a log-in is named, if the
    provider knows nothing else (Luca), or if the client has no secret.

    Args:
        provider: `breeze`, `luca`, `prisjakt` or `standard`; or an issuer's URL, whose metadata is then read (RFC 8414,
            else OpenID Connect discovery; https, or http on loopback). Its `issuer` must be that very text.
        client_id: as the provider gave it.
        client_secret: from the environment or a secret manager, never from code. Left out: a public client, which has
            none.
        environment: which of the provider's, such as `test`; may be left out if it has only one.
        base_url: a sandbox or another deployment, instead of `environment`.
        api_url: where the API lives, if an issuer's URL is given: tokens then go there only.
        scope: what to ask for, separated by spaces (RFC 6749 §3.3); "" leaves it to the client's registration. Of a
            log-in: what it must have been given at least.
        resource: the API to ask a token for (RFC 8707 §2), an absolute URI.
        login: a log-in that `finish_login` returned; or `"stored"`, the one that `portvakt login` put into a file of
            this user's for this client at this issuer.
        on_renewed: is given each renewed log-in, in a thread of portvakt's own, before its token is used: whoever keeps
            the log-in that was given as `login` replaces it. If it raises, the token is not used.
        max_wait: seconds that a 429 may keep a call waiting, at the token endpoint and at the API each; more than
            that raises `RateLimited` at once.
        tls: whom to trust, for authorities that the system does not know. None: the system's, or `SSL_CERT_FILE`.

    Raises:
        ValueError: an argument is missing, unknown or malformed. No message repeats the secret.
        TypeError: an argument is of another type.
        ModuleNotFoundError: neither httpx2 nor httpx is installed.
    """
    secret = None if client_secret is Public.CLIENT else Secret(client_secret)
    client_secret = ""  # from here on no traceback shows it
    if not (login is None or login == STORED or _is_login(login)):
        login = None  # nor this, which may be the text of one
        raise TypeError('login is a Login, "stored", or None; a text that was kept is read by Login.from_text')
    if secret is not None:
        check_credential("client_secret", secret)
    check_credential("client_id", Secret(client_id))
    check_texts(provider=provider, scope=scope)
    choices = {"environment": environment, "base_url": base_url, "api_url": api_url, "resource": resource}
    check_texts(**{name: chosen for name, chosen in choices.items() if chosen is not None})
    check_wish(scope, resource)
    max_wait = checked_wait(max_wait)
    if tls is not None and not isinstance(tls, ssl.SSLContext):
        raise TypeError(f"tls must be an ssl.SSLContext, or None; not {type(tls).__name__}")
    http_library()  # it is missed here rather than at the first call
    contract, issuer, api, endpoint = located(provider, environment, base_url, api_url)
    who = f"{contract.title if endpoint else 'the issuer'} at {issuer}"
    wish = Wish(client_id=client_id, client_secret=secret, scope=scope, resource=resource)
    _check_login(contract, wish, login, on_renewed)
    on_behalf = login is not None or secret is None or CLIENT_CREDENTIALS not in contract.grants
    if on_behalf:
        wish = replace(wish, scope=asked_scope(contract, scope))
    asker = Asker(issuer, contract, wish, endpoint, tls, lambda: Instant(int(wall())))
    if _is_login(login) and login.issuer != issuer:
        raise ValueError("login is another issuer's")
    if on_behalf:
        advice = _advice(provider, base_url, client_id, has_secret=secret is not None)
        source = _source(asker, who, max_wait, login, on_renewed, advice)
    else:
        source = TokenSource(asker.ask, who, max_wait)
    home = None if api is None else place(api)
    logs_in = contract.authorize_path is not None
    return Connection(who, source, Calls(source, contract.api, home, max_wait), api, asker if logs_in else None)


def _source(
    asker: Asker,
    who: str,
    max_wait: float,
    login: Login | Literal["stored"] | None,
    on_renewed: Callable[[Login], object] | None,
    advice: str,
) -> TokenSource:
    """Return what gives the tokens of a log-in."""
    from portvakt.client.folder import LoginFile, login_folder  # noqa: PLC0415  most connections act for nobody
    from portvakt.client.renewing import FilePlace, HandedPlace, Renewer  # noqa: PLC0415  only who logs in needs it

    at: Place
    if _is_login(login):
        at, advice = HandedPlace(login, on_renewed), "The user has to log in again: begin with start_login."
    else:
        at = FilePlace(LoginFile(login_folder(), asker.issuer, asker.wish.client_id))
    renewer = Renewer(asker, at, who=who, advice=advice, wall=wall)
    return TokenSource(renewer.ask, who, max_wait, let_go=renewer.let_go)


def _is_login(login: object) -> TypeGuard[Login]:
    if login is None or isinstance(login, str):
        return False
    from portvakt.client.login import Login  # noqa: PLC0415  whoever gives one has loaded it

    return isinstance(login, Login)


def _advice(provider: str, base_url: str | None, client_id: str, *, has_secret: bool) -> str:
    """Return what to type, so that a shell takes it as it is once FILE is the one that holds the client's secret."""
    import shlex  # noqa: PLC0415  only where a command is shown

    words = ["portvakt", "login", provider, *(["--base-url", base_url] if base_url else []), "--client-id", client_id]
    words += ["--secret-file", "FILE"] if has_secret else []
    return f"Run: {shlex.join(words)}"


def _check_login(contract: Provider, wish: Wish, login: object, on_renewed: object) -> None:
    """Raise what is wrong with how a user is to be acted for."""
    if on_renewed is not None and (not callable(on_renewed) or iscoroutinefunction(on_renewed)):
        raise TypeError("on_renewed is a plain function")
    if on_renewed is not None and not _is_login(login):
        raise ValueError("on_renewed is for a log-in that is given as login=")
    if contract.authorize_path is None and login is not None:
        raise ValueError(f"{contract.title} knows no log-in: leave login out")
    if wish.client_secret is None and (contract.authorize_path is None or contract.refresh is Refresh.STATIC):
        raise ValueError(f"client_secret is missing: {contract.title} gives nothing to a client without one")
    if _is_login(login) and login.client_id != wish.client_id:
        raise ValueError("login is another client's")
