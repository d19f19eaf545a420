"""The guard itself: from a request's headers to `Verified`, or `Denied`."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from portvakt.client.address import NotPlain, place
from portvakt.client.fetch import Fetcher
from portvakt.guard.api_keys import ApiKeys, ApiKeysUnanswered, AskedApiKeys, KeyAnswers
from portvakt.guard.asgi import GuardedApp, MetadataApp
from portvakt.guard.key_set import FetchedKeys, KeysUnavailable
from portvakt.guard.revocations import READ_EVERY, FetchedRevocations, Revocations, RevocationsUnread, TakenBack
from portvakt.guard.seen import SeenTokens
from portvakt.guard.tongue import MISSING_TOKEN, Denied, say
from portvakt.model.decision import INVALID_REQUEST, INVALID_TOKEN, SERVER_ERROR, Refused
from portvakt.model.provider import ApiKind, Provider
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.admit.api_key import refuse_forged
from portvakt.protocol.admit.claims import LEEWAY, Rules
from portvakt.protocol.admit.verdict import UnknownKey, admit, missing_scopes
from portvakt.protocol.admit.verified import Verified
from portvakt.protocol.token_kind import is_api_key
from portvakt.providers import PROVIDERS
from portvakt.wire.basic import authorization_scheme
from portvakt.wire.errors import WireError
from portvakt.wire.query import parameter_names
from portvakt.wire.www_authenticate import bearer_challenge, parse_bearer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from collections.abc import Set as AbstractSet

    from portvakt.guard.api_keys import ApiKeySource
    from portvakt.guard.asgi import App
    from portvakt.guard.key_set import KeySource
    from portvakt.guard.revocations import RevocationSource
    from portvakt.jose.keys import PublicKey

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_log = logging.getLogger("portvakt.guard")
_NO_SCOPES: frozenset[str] = frozenset()


def _system_clock() -> Instant:
    return Instant(int(time.time()))


class Guard:
    """Lets in whoever shows an access token of `issuer` that is meant for `audience`.

    Callers are told that their token is not good; why is logged, by the logger `portvakt.guard` at INFO, and never
    the token itself.

    Args:
        issuer: the authorization server, as its tokens spell it in `iss`: https (plain http on loopback only), no
            query, fragment or trailing slash. Its metadata and keys are fetched with the first token.
        audience: this API's own URL, as tokens name it in `aud`.
        provider: whose tokens these are: the name of a provider or a provider; `typ` and refusals follow it.
        api: "rest" or "graphql": the tongue in which refusals are put. None: as the provider's API.
        leeway: seconds, 0..30, by which the two clocks may differ.
        clock: what time it is.
        keys: where the keys come from instead of the network, for an API in the process of its issuer.
        revocations: how to learn what was taken back before its end: `Revocations(client_id=…, client_secret=…)`, or
            a source in the process of the issuer. None: a token is good until it expires.
        api_keys: that personal API keys are taken too, and how the issuer is asked about each:
            `ApiKeys(client_id=…, client_secret=…)`, or a source in the process of the issuer. None: they are not.
        fetcher: replaces what fetches, for private certificate authorities.

    Raises:
        ValueError: one of these is missing or cannot be right.
    """

    def __init__(  # noqa: PLR0913  two of them are needed, the others have their usual values
        self,
        *,
        issuer: str,
        audience: str = "",
        provider: Provider | str = "standard",
        api: ApiKind | str | None = None,
        leeway: int = LEEWAY,
        clock: Callable[[], Instant] = _system_clock,
        keys: KeySource | None = None,
        revocations: Revocations | RevocationSource | None = None,
        api_keys: ApiKeys | ApiKeySource | None = None,
        fetcher: Fetcher | None = None,
    ) -> None:
        _check_issuer(issuer)
        _check_audience(audience)
        known = _provider(provider)
        self._rules = Rules(issuer=issuer, audience=audience, provider=known, leeway=Seconds(leeway))
        self._kind = known.api.kind if api is None else ApiKind(api)
        self._clock = clock
        fetcher = fetcher or Fetcher(named_urls=(issuer,))
        self._keys = keys or FetchedKeys(issuer, clock, fetcher)
        self._taken_back = _taken_back(revocations, issuer, clock, fetcher)
        self._api_keys = None
        if api_keys is not None:
            source = AskedApiKeys(issuer, api_keys, fetcher) if isinstance(api_keys, ApiKeys) else api_keys
            self._api_keys = KeyAnswers(source, self._rules)
        self._seen = SeenTokens(self._rules.leeway)
        self._looked_at = Instant(-1)
        self._scopes = set(known.scopes or ())
        parts = urlsplit(audience)
        self.metadata_path: str = _WELL_KNOWN + parts.path.rstrip("/")
        """Where the protected resource metadata lies on this API's host (RFC 9728 §3.1)."""
        is_url = parts.scheme in {"https", "http"} and bool(parts.netloc)
        self._metadata_url = f"{parts.scheme}://{parts.netloc}{self.metadata_path}" if is_url else None
        bearer_challenge(resource_metadata=self._metadata_url)  # ValueError now rather than with the first request

    def __repr__(self) -> str:
        rules = self._rules
        return f"Guard(issuer={rules.issuer!r}, audience={rules.audience!r}, provider={rules.provider.name!r})"

    async def verify(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        scopes: AbstractSet[str] = _NO_SCOPES,
        query: bytes = b"",
    ) -> Verified:
        """Verify the access token of a request that needs all of `scopes`.

        `headers` are pairs with names in lower case, as in ASGI; only `authorization` is read. `query` is the raw
        query string, in which no token may stand. A token that was seen before costs a hash, no signature.

        Raises:
            Denied: 400 malformed, 401 no token or a bad one, 403 a scope is missing, 503 no keys are to be had.
        """
        # RFC 6750 §2: one method, and §5.3: not in page URLs. What is in the query has leaked into logs by now.
        if query and _names_a_token(query):
            raise self._denied(Refused(INVALID_REQUEST, "access_token does not belong in the query.", 400))
        values = []
        for name, value in headers:  # a comprehension takes a third more, and this is on the way of every request
            if name == b"authorization":
                values.append(value)
        as_nearly_all = len(values) == 1 and values[0][:7] == b"Bearer "
        token = values[0][7:] if as_nearly_all else self._token(values)
        now = self._clock()
        if now != self._looked_at:  # the keys are looked at once a second: more would cost as much as the rest
            await self._look(now)
        verified = self._seen.find(token, now) or await self._judged(token, now)
        if self._taken_back is not None and self._taken_back.holds(verified, now):  # also of what was seen before
            bad = self._rules.provider.api.refused_text
            raise self._denied(Refused(INVALID_TOKEN, bad, 401, reason="the token was revoked"))
        if scopes <= verified.scopes:  # asked with every request: what is remembered says who it is, not what for
            return verified
        raise self._denied(missing_scopes(verified, scopes), frozenset(scopes))

    def asgi(self, app: App, *, scopes: Iterable[str] = ()) -> GuardedApp:
        """Put this guard before an ASGI application, or a part of one.

        Requests and web sockets need a good token with all of `scopes`; the application finds `Verified` in
        `scope["portvakt"]`. The metadata of RFC 9728 is answered without one, at `metadata_path`, which is never the
        application's. Put CORS handling outside of it: a browser's preflight shows no token.
        """
        return GuardedApp(app, self, self._known(scopes))

    def metadata_app(self) -> App:
        """Return the ASGI application that answers the metadata alone, to be mounted at `metadata_path`."""
        return MetadataApp(self)

    def requires(self, *scopes: str) -> Callable[..., Awaitable[Verified]]:
        """Return a dependency for FastAPI, `Depends(guard.requires("read"))`, which gives `Verified`.

        In Starlette call it yourself: `verified = await guard.requires("read")(request)`.
        """
        from portvakt.guard.routes import dependency  # noqa: PLC0415 - Starlette is not in the base installation

        return dependency(self, self._known(scopes))

    def check_routes(self, app: Any, *, public: AbstractSet[str] = _NO_SCOPES) -> list[str]:
        """List the routes of a FastAPI or Starlette application that no guard keeps, `public` paths left out.

        Meant for a test of the application: `assert guard.check_routes(app, public={"/livez"}) == []`.
        """
        from portvakt.guard.routes import unguarded  # noqa: PLC0415 - Starlette is not in the base installation

        return unguarded(app, public)

    def require_an_end(self, verified: Verified) -> None:
        """Refuse an API key for something long, such as a web socket: it may end at any time. Raises: Denied."""
        if verified.is_api_key:
            bad = self._rules.provider.api.refused_text
            raise self._denied(Refused(INVALID_TOKEN, bad, 401, reason="an API key opens no web socket"))

    def still_good(self, verified: Verified) -> bool:
        """Whether a token that was verified for something long has not ended by now, nor was taken back."""
        now = self._clock()
        if self._taken_back is not None:
            self._taken_back.nudge(now)
            if self._taken_back.holds(verified, now):
                return False
        return now < verified.expires_at + self._rules.leeway

    def metadata(self) -> dict[str, object]:
        """Return the protected resource metadata (RFC 9728 §2), to be served at `metadata_path`."""
        metadata: dict[str, object] = {
            "resource": self._rules.audience,
            "authorization_servers": [self._rules.issuer],
            "bearer_methods_supported": ["header"],
        }
        if self._scopes:
            metadata["scopes_supported"] = sorted(self._scopes)
        return metadata

    def _token(self, values: list[bytes]) -> bytes:
        """Read the token out of the Authorization headers of a request (RFC 6750 §2.1), in any spelling."""
        graphql = self._kind is ApiKind.GRAPHQL
        bad = self._rules.provider.api.refused_text
        try:
            token = parse_bearer(values)
        except WireError as error:
            said = error.description
            if graphql:  # to such an API it is one more bad token
                raise self._denied(Refused(INVALID_TOKEN, bad, 401, reason=said)) from None
            raise self._denied(Refused(error.code, said, error.status, reason=said)) from None
        if token is None:
            text = bad if graphql else "This needs an access token: Authorization: Bearer TOKEN."
            raise self._denied(Refused(MISSING_TOKEN, text, 401, reason=f"no bearer token{_instead(values)}"))
        return token.encode("ascii")

    async def _look(self, now: Instant) -> tuple[PublicKey, ...]:
        try:
            keys = await self._keys.keys()
        except KeysUnavailable as error:
            refused = Refused(SERVER_ERROR, "Access tokens cannot be verified now.", 503, reason=str(error))
            raise self._denied(refused, retry_after=error.retry_after) from None
        if self._taken_back is not None:
            try:
                await self._taken_back.look(now)
            except RevocationsUnread as error:
                refused = Refused(SERVER_ERROR, "Access tokens cannot be verified now.", 503, reason=str(error))
                raise self._denied(refused, retry_after=Seconds(READ_EVERY)) from None
        self._seen.hold_to(keys)
        self._looked_at = now
        return keys

    async def _judged(self, shown: bytes, now: Instant) -> Verified:
        token = self._token([b"Bearer " + shown])  # its characters and length, before anything is decoded
        if token != shown and (found := self._seen.find(token, now)):
            return found  # another space stood before it
        keys = await self._look(now)
        if self._api_keys is not None and is_api_key(token.decode("ascii")):
            return await self._key(self._api_keys, token.decode("ascii"), keys, now)
        verdict = admit(token.decode("ascii"), rules=self._rules, keys=keys, now=now)
        if isinstance(verdict, UnknownKey) and isinstance(self._keys, FetchedKeys) and await self._keys.look_again():
            keys = await self._look(now)
            verdict = admit(token.decode("ascii"), rules=self._rules, keys=keys, now=now)
        if isinstance(verdict, Verified):
            self._seen.keep(token, verdict, now)
            return verdict
        raise self._denied(verdict.refused if isinstance(verdict, UnknownKey) else verdict)

    async def _key(self, answers: KeyAnswers, token: str, keys: tuple[PublicKey, ...], now: Instant) -> Verified:
        """Judge a personal API key: never remembered as a token is, for it may end at any time."""
        forged = refuse_forged(token, rules=self._rules, keys=keys)
        if forged is not None:
            raise self._denied(forged)
        try:
            verdict = await answers.judge(token, now)
        except ApiKeysUnanswered as error:
            refused = Refused(SERVER_ERROR, "API keys cannot be verified now.", 503, reason=str(error))
            raise self._denied(refused, retry_after=Seconds(1)) from None
        if isinstance(verdict, Refused):
            raise self._denied(verdict)
        return verdict

    def _denied(
        self, refused: Refused, needed: frozenset[str] = _NO_SCOPES, retry_after: Seconds | None = None
    ) -> Denied:
        _log.info("refused: %s", refused.reason or refused.description)
        reply = say(refused, self._kind, resource_metadata=self._metadata_url, needed=needed, retry_after=retry_after)
        return Denied(refused, reply)

    def _known(self, scopes: Iterable[str]) -> frozenset[str]:
        if isinstance(scopes, str):
            raise ValueError('scopes is a set of names: {"read"}, not "read"')  # noqa: TRY004 - the house's one error
        needed = frozenset(scopes)
        bearer_challenge(scope=" ".join(needed))  # ValueError: a name that no challenge can hold
        self._scopes |= needed
        return needed


def _taken_back(
    revocations: Revocations | RevocationSource | None, issuer: str, clock: Callable[[], Instant], fetcher: Fetcher
) -> TakenBack | None:
    if revocations is None:
        return None
    if isinstance(revocations, Revocations):
        source = FetchedRevocations(issuer, revocations, fetcher)
        return TakenBack(source, clock, refuses_unread=revocations.unread == "refuse")
    return TakenBack(revocations, clock, refuses_unread=False)


def _instead(values: list[bytes]) -> str:
    """Say what stands where a bearer token should, in words of ours alone: it may be a secret."""
    if not values:
        return ""
    if authorization_scheme(values[0]) == b"basic":
        return ": Basic credentials, which are for the token endpoint"
    if values[0].startswith(b"eyJ"):
        return ": a token without the word Bearer before it"
    return ": another scheme than Bearer"


def _names_a_token(query: bytes) -> bool:
    if b"%" not in query and b"access_token" not in query.lower():
        return False
    return "access_token" in parameter_names(query)


def _check_issuer(issuer: object) -> None:
    says = "issuer is the authorization server's URL as tokens spell it in iss, such as https://id.example/acme"
    if not isinstance(issuer, str):
        raise ValueError(says)  # noqa: TRY004 - the house's one error
    try:
        found = place(issuer)
    except NotPlain:
        raise ValueError(f"{says}: this is none") from None
    if "?" in issuer:
        raise ValueError(f"{says}: without query")
    if issuer.endswith("/"):
        raise ValueError(f"issuer ends with a slash, which no issuer of portvakt's has: say {issuer.rstrip('/')}")
    if found.scheme != "https" and not _names_loopback(found.host):
        raise ValueError(f"{says}: plain http is for loopback only")


def _names_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _check_audience(audience: object) -> None:
    if not isinstance(audience, str) or not audience or not audience.isascii() or not audience.isprintable():
        raise ValueError(
            "audience is this API's own URL as tokens name it in aud, such as https://api.example. Without it a"
            " token meant for any other API of the same issuer would be good here (RFC 9700 2.3)"
        )


def _provider(provider: Provider | str) -> Provider:
    if isinstance(provider, Provider):
        return provider
    if provider not in PROVIDERS:
        raise ValueError(f"provider is one of {', '.join(sorted(PROVIDERS))}, or a Provider")
    return PROVIDERS[provider]
