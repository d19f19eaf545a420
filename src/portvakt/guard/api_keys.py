"""Personal API keys at a guard: each is asked about, and the answer holds for five seconds at most."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from portvakt.client.fetch import FetchFailed
from portvakt.guard.asking_issuer import basic
from portvakt.jose.strict_json import read_object
from portvakt.model.message import Request
from portvakt.model.values import Instant
from portvakt.protocol.admit.api_key import admit_api_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.client.fetch import Fetcher
    from portvakt.model.decision import Refused
    from portvakt.model.values import Secret
    from portvakt.protocol.admit.claims import Rules
    from portvakt.protocol.admit.verified import Verified

KEPT = 5
"""Seconds for which an answer holds."""

GIVES_UP = 5.0
"""Seconds that an answer may take."""

MOST_A_SECOND = 100
"""Questions: whoever makes keys up, of keys of the issuer's that nobody knows, makes no end of them."""

CAPACITY = 10_000
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """That this API takes personal API keys, and how its guard asks the issuer about them.

    The client, `client_id` with `client_secret`, is made with `portvakt client create --scope portvakt:api-keys`.

    Raises:
        ValueError: no client or no secret.
    """

    client_id: str
    client_secret: str | Secret = field(repr=False)

    def __post_init__(self) -> None:
        basic(self.client_id, self.client_secret)


class ApiKeySource(Protocol):
    """Whoever knows an issuer's API keys, in the process of the issuer itself for instance."""

    async def ask(self, token: str) -> Mapping[str, object] | None:
        """Return what the issuer tells of a live key (RFC 7662 §2.2); None for whatever else."""


class ApiKeysUnanswered(Exception):
    """The issuer did not say whether a key is live, as the text says why."""


class AskedApiKeys:
    """The keys of an issuer, asked about at its introspection endpoint."""

    def __init__(self, issuer: str, api_keys: ApiKeys, fetcher: Fetcher) -> None:
        self._url = f"{issuer}/introspect"
        self._fetcher = fetcher
        self._authorization = basic(api_keys.client_id, api_keys.client_secret)

    async def ask(self, token: str) -> Mapping[str, object] | None:
        """Ask about one key. Raises: ApiKeysUnanswered."""
        headers = (
            ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Authorization", self._authorization.reveal()),
        )
        body = urlencode({"token": token}).encode()
        try:
            reply = await self._fetcher.send(Request(method="POST", url=self._url, headers=headers, body=body))
        except FetchFailed as error:
            raise ApiKeysUnanswered(str(error)) from None
        if reply.status != _OK:
            raise ApiKeysUnanswered(f"status {reply.status}")
        try:
            told = read_object(reply.body)
        except ValueError:
            raise ApiKeysUnanswered("the answer is no JSON object") from None
        return told if told.get("active") is True else None


class KeyAnswers:
    """What was answered about keys, by the SHA-256 of each; the key itself is not held. One event loop at a time."""

    def __init__(self, source: ApiKeySource, rules: Rules) -> None:
        self._source = source
        self._rules = rules
        self._answers: dict[bytes, tuple[Verified | Refused, Instant]] = {}
        self._flights: dict[bytes, asyncio.Task[Verified | Refused]] = {}
        self._second, self._asked = Instant(-1), 0

    async def judge(self, token: str, now: Instant) -> Verified | Refused:
        """Say who shows a key, asking at most once in `KEPT` seconds. Raises: ApiKeysUnanswered.

        An answer that was given before the clock was turned back is none.
        """
        digest = sha256(token.encode("ascii")).digest()
        known = self._answers.get(digest)
        if known is not None and 0 <= now - known[1] < KEPT:
            return known[0]
        flight = self._flights.get(digest)
        if flight is None or flight.get_loop() is not asyncio.get_running_loop():
            self._count(now)
            flight = asyncio.get_running_loop().create_task(self._ask(digest, token, now))
            self._flights[digest] = flight
        return await asyncio.shield(flight)  # one caller who gives up does not take the others' answer away

    def _count(self, now: Instant) -> None:
        self._asked = self._asked + 1 if now == self._second else 1
        self._second = now
        if self._asked > MOST_A_SECOND:
            raise ApiKeysUnanswered("too many keys to be asked about")

    async def _ask(self, digest: bytes, token: str, now: Instant) -> Verified | Refused:
        try:
            async with asyncio.timeout(GIVES_UP):
                told = await self._source.ask(token)
        except TimeoutError:
            raise ApiKeysUnanswered(f"no answer within {GIVES_UP:g} s") from None
        finally:
            self._flights.pop(digest, None)
        answer = admit_api_key(told, rules=self._rules, now=now)
        self._answers.pop(digest, None)
        if len(self._answers) >= CAPACITY:
            del self._answers[next(iter(self._answers))]
        self._answers[digest] = (answer, now)
        return answer
