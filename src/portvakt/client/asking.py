"""One attempt to get something of an issuer: find the endpoint, send the request, say what came of it. Never raises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from portvakt.client.fetch import Fetched, Fetcher, FetchFailed, Untrusted
from portvakt.model.decision import RATE_LIMITED, Refused, Tokens
from portvakt.protocol.ask.endpoint import (
    MetadataRefused,
    TokenEndpoint,
    documented_authorization,
    metadata_urls,
    read_authorization,
    read_metadata,
    read_revocation,
)
from portvakt.protocol.ask.timing import stated_wait
from portvakt.protocol.ask.token import read_token_reply, revocation_request, spellings, token_request
from portvakt.providers.hear import ReplyError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from portvakt.model.message import Reply, Request
    from portvakt.model.provider import Provider
    from portvakt.model.values import Instant, Secret
    from portvakt.protocol.ask.endpoint import AuthorizationEndpoint
    from portvakt.protocol.ask.wish import Wish

DEADLINE = 10.0
"""Seconds for a token request: name, connection, TLS, answer."""

_FAULT = 500
_OK = 200
_NOT_THERE = (404, 405)  # no answer of RFC 6749 §5, whatever the body says
_OWN_AUTHORITY = "for an authority of your own, say tls=, or set SSL_CERT_FILE"
_GUESSED = 3  # so many characters of a secret tell nothing


@dataclass(frozen=True, slots=True)
class No:
    """A refusal by the authorization server, whose words are made safe to show."""

    refused: Refused

    @property
    def cause(self) -> str:
        """The refusal in a word."""
        return self.refused.code


@dataclass(frozen=True, slots=True)
class Later:
    """A 429. `seconds`: how long it asks to wait; None: it does not say."""

    seconds: float | None
    cause: str = "too many requests"


@dataclass(frozen=True, slots=True)
class Nothing:
    """No answer came, or a fault of the server's own. `seconds`: as for `Later`.

    `lasting`: asking again is no use. `unsent`: the request certainly reached nobody.
    """

    cause: str
    seconds: float | None = None
    lasting: bool = False
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class Nonsense:
    """What came is no answer."""

    cause: str


@dataclass(frozen=True, slots=True)
class Over:
    """There is no log-in, or it has ended. `advice` says what the user has to do."""

    cause: str
    advice: str


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A token was revoked."""


Failed: TypeAlias = No | Later | Nothing | Nonsense | Over
Outcome: TypeAlias = Tokens | Failed
FoundT = TypeVar("FoundT")


@dataclass(slots=True)
class Asker:
    """Asks one issuer for tokens.

    `issuer` is its URL; `endpoint` is known beforehand, or None: then it is found by the issuer's metadata, which is
    read again after a failure, for it may have moved.
    """

    issuer: str
    provider: Provider
    wish: Wish
    endpoint: TokenEndpoint | None
    trust: ssl.SSLContext | None
    wall: Callable[[], Instant]
    _document: bytes | None = field(default=None, init=False, repr=False)

    async def ask(self, seconds: float = DEADLINE) -> Outcome:
        """Ask once with the client's own credentials, within `seconds`, metadata and all."""
        return await self.exchange(lambda endpoint: token_request(endpoint, self.wish), seconds)

    async def exchange(
        self, request: Callable[[TokenEndpoint], Request], seconds: float = DEADLINE, *hidden: Secret
    ) -> Outcome:
        """Send a request to the token endpoint, once. No outcome repeats what is `hidden`."""

        async def exchanged() -> Outcome:
            endpoint = await self._token_endpoint()
            reply = await self._fetcher(endpoint).send(request(endpoint))
            return self._heard(endpoint, reply, hidden)

        return await self._attempt(exchanged, seconds)

    async def authorization(self, seconds: float = DEADLINE) -> AuthorizationEndpoint | Failed:
        """Find out where a browser is sent."""
        if self.endpoint is not None:
            known = documented_authorization(self.provider, self.issuer)
            assert known is not None  # noqa: S101  connect states it
            return known

        async def found() -> AuthorizationEndpoint | Failed:
            return read_authorization(self.issuer, await self._metadata())

        return await self._attempt(found, seconds)

    async def give_back(self, token: Secret, seconds: float = DEADLINE) -> GivenBack | Failed | None:
        """Revoke a token (RFC 7009). None: the issuer's metadata names no place for that, or there is none."""

        async def given() -> GivenBack | Failed | None:
            endpoint = await self._token_endpoint()
            try:
                there = read_revocation(self.issuer, await self._metadata(), endpoint)
            except FetchFailed as error:
                if not error.answered:
                    raise
                return None
            if there is None:
                return None
            reply = await self._fetcher(there).send(revocation_request(there, self.wish, token))
            if reply.status == _OK:  # RFC 7009 §2.2: whatever the token was
                return GivenBack()
            heard = self._heard(there, reply, (token,))
            return Nonsense("tokens came for a revocation") if isinstance(heard, Tokens) else heard

        return await self._attempt(given, seconds)

    async def _attempt(self, work: Callable[[], Awaitable[FoundT | Failed]], seconds: float) -> FoundT | Failed:
        """Do a work within `seconds`; what it raises becomes an outcome."""
        outcome: FoundT | Failed
        try:
            async with asyncio.timeout(seconds):
                outcome = await work()
        except TimeoutError:
            outcome = Nothing(f"no complete answer within {seconds:.0f} s")
        except FetchFailed as error:
            outcome = self._unheard(error)
        except MetadataRefused as error:
            outcome = Nonsense(f"the metadata of {self.issuer} is not usable: {error}")
        if isinstance(outcome, Nothing | Nonsense):
            self._document = None
        return outcome

    def _heard(self, endpoint: TokenEndpoint, reply: Reply, hidden: tuple[Secret, ...]) -> Outcome:
        if reply.status in _NOT_THERE:
            whose = "check base_url, or is this the provider's address?" if self.endpoint else "its metadata names that"
            return Nonsense(f"there is no token endpoint at {endpoint.url} (HTTP {reply.status}): {whose}")
        try:
            heard = read_token_reply(endpoint, self.wish, reply)
        except ReplyError as error:
            return Nonsense(f"{error} ({endpoint.url})")
        if not isinstance(heard, Refused):
            return heard.answer
        wait = stated_wait(dict(reply.headers), None, self.wall())
        if heard.code == RATE_LIMITED:
            return Later(wait if heard.exceeded is None else float(heard.exceeded.seconds))
        if heard.status >= _FAULT:
            return Nothing(f"the token endpoint answers {heard.status}", wait)
        code, description = (self.safe(text, hidden) for text in (heard.code, heard.description))
        return No(replace(heard, code=code, description=description))

    def _unheard(self, error: FetchFailed) -> Nothing | Nonsense:
        if error.answered or error.forbidden:
            return Nonsense(str(error))
        advice = ""
        if isinstance(error, Untrusted):
            advice = f"; {_OWN_AUTHORITY}" if self.trust is None else ": it is of none of the authorities in tls="
        return Nothing(f"{error}{advice}", lasting=error.lasting, unsent=error.unsent)

    def safe(self, text: str, hidden: tuple[Secret, ...] = ()) -> str:
        """Return a stranger's words without line breaks and the like, and without a secret, should they repeat it."""
        shown = "".join(character if character.isprintable() else " " for character in text)
        for secret in spellings(self.wish, *hidden):
            shown = shown.replace(secret, "***")
            for length in range(len(secret) - 1, _GUESSED, -1):  # words that are too long were cut, perhaps within it
                shown = shown.removesuffix(secret[:length])
        return shown

    async def _token_endpoint(self) -> TokenEndpoint:
        if self.endpoint is not None:
            return self.endpoint
        public = self.wish.client_secret is None
        return read_metadata(self.issuer, await self._metadata(), self.provider, public=public)

    async def _metadata(self) -> bytes:
        """Read the issuer's metadata, where RFC 8414 puts it, else where OpenID Connect does."""
        if self._document is None:
            fetcher = Fetcher((self.issuer,), self.trust, from_environment=True)
            first, second = metadata_urls(self.issuer)
            try:
                fetched = await fetcher.fetch(first)
            except FetchFailed as error:
                if not error.answered:
                    raise
                fetched = await self._fetch_second(fetcher, second, f"no metadata at {first} ({error})")
            self._document = fetched.body
        return self._document

    async def _fetch_second(self, fetcher: Fetcher, url: str, first: str) -> Fetched:
        try:
            return await fetcher.fetch(url)
        except FetchFailed as error:
            if not error.answered:
                raise
            raise FetchFailed(f"{first}, nor at {url} ({error})", answered=True) from None

    def _fetcher(self, endpoint: TokenEndpoint) -> Fetcher:
        named = (endpoint.url,) if endpoint.named else ()
        return Fetcher(named, self.trust, deadline=DEADLINE, from_environment=True)
