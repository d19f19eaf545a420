"""One attempt to get a token: find the endpoint, send the request, say what came of it. It never raises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from portvakt.client.fetch import Fetched, Fetcher, FetchFailed, Untrusted
from portvakt.model.decision import RATE_LIMITED, Refused, Tokens
from portvakt.protocol.ask.endpoint import MetadataRefused, TokenEndpoint, metadata_urls, read_metadata
from portvakt.protocol.ask.timing import stated_wait
from portvakt.protocol.ask.token import Wish, read_token_reply, spellings, token_request
from portvakt.providers.hear import ReplyError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from portvakt.model.message import Reply
    from portvakt.model.provider import Provider
    from portvakt.model.values import Instant

DEADLINE = 10.0
"""Seconds for a token request: name, connection, TLS, answer."""

_FAULT = 500
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
    """No answer came, or a fault of the server's own. `seconds`: as for `Later`. `lasting`: asking again is no use."""

    cause: str
    seconds: float | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Nonsense:
    """What came is no answer."""

    cause: str


Outcome: TypeAlias = Tokens | No | Later | Nothing | Nonsense


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
    _found: TokenEndpoint | None = field(default=None, init=False)

    async def ask(self, seconds: float = DEADLINE) -> Outcome:
        """Ask once, within `seconds`, metadata and all."""
        outcome: Outcome
        try:
            async with asyncio.timeout(seconds):
                endpoint = self.endpoint or self._found or await self._discover()
                reply = await self._fetcher(endpoint).send(token_request(endpoint, self.wish))
            outcome = self._heard(endpoint, reply)
        except TimeoutError:
            outcome = Nothing(f"no complete answer within {seconds:.0f} s")
        except FetchFailed as error:
            outcome = self._unheard(error)
        except MetadataRefused as error:
            outcome = Nonsense(f"the metadata of {self.issuer} is not usable: {error}")
        if isinstance(outcome, Nothing | Nonsense):
            self._found = None
        return outcome

    def _heard(self, endpoint: TokenEndpoint, reply: Reply) -> Outcome:
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
        return No(replace(heard, code=self._safe(heard.code), description=self._safe(heard.description)))

    def _unheard(self, error: FetchFailed) -> Outcome:
        if error.answered or error.forbidden:
            return Nonsense(str(error))
        advice = ""
        if isinstance(error, Untrusted):
            advice = f"; {_OWN_AUTHORITY}" if self.trust is None else ": it is of none of the authorities in tls="
        return Nothing(f"{error}{advice}", lasting=error.lasting)

    def _safe(self, text: str) -> str:
        """Return a stranger's words without line breaks and the like, and without the secret, should they repeat it."""
        shown = "".join(character if character.isprintable() else " " for character in text)
        for secret in spellings(self.wish):
            shown = shown.replace(secret, "***")
            for length in range(len(secret) - 1, _GUESSED, -1):  # words that are too long were cut, perhaps within it
                shown = shown.removesuffix(secret[:length])
        return shown

    async def _discover(self) -> TokenEndpoint:
        """Read the issuer's metadata, where RFC 8414 puts it, else where OpenID Connect does."""
        fetcher = Fetcher((self.issuer,), self.trust, from_environment=True)
        first, second = metadata_urls(self.issuer)
        try:
            fetched = await fetcher.fetch(first)
        except FetchFailed as error:
            if not error.answered:
                raise
            fetched = await self._fetch_second(fetcher, second, f"no metadata at {first} ({error})")
        self._found = read_metadata(self.issuer, fetched.body, self.provider)
        return self._found

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
