"""An issuer without a wire: it answers a `TokenSource` with the outcomes that a test wrote."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from portvakt.client.source import TokenSource
from portvakt.model.decision import Tokens
from portvakt.model.values import Seconds, Secret

if TYPE_CHECKING:
    from portvakt.client.asking import Outcome
    from portvakt.client.token import Token
    from times import Times

PATIENCE = 10.0
"""Seconds after which a test gives up: far above what anything here takes."""

HOUR = 3600


class Issuer:
    """Answers with `outcomes` one after the other, then with tokens of `lifetime` seconds: name-1, name-2, …

    `asked` are the moments at which it was asked. While `open` is cleared it answers nobody. Each answer takes
    `takes` seconds of the clock that counts.
    """

    def __init__(self, times: Times, *outcomes: Outcome | Exception, lifetime: int = HOUR, name: str = "token") -> None:
        self.times = times
        self.outcomes = list(outcomes)
        self.lifetime = lifetime
        self.name = name
        self.given = 0
        self.takes = 0.0
        self.asked: list[float] = []
        self.deadlines: list[float] = []
        self.open = threading.Event()
        self.open.set()

    async def __call__(self, seconds: float) -> Outcome:
        self.asked.append(self.times.now)
        self.deadlines.append(seconds)
        assert self.open.wait(PATIENCE)  # the thread is this request's own
        self.times.pass_by(self.takes)
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        self.given += 1
        return Tokens(access_token=Secret(f"{self.name}-{self.given}"), lifetime=Seconds(self.lifetime), scope="read")

    def source(self, max_wait: float = 30.0) -> TokenSource:
        """Return a source that asks this issuer, by this clock."""
        times = self.times
        return TokenSource(
            self,
            "Standard at https://id.example",
            max_wait,
            now=times.counting,
            wall=times.wall,
            draw=times.draw,
            sleep=times.sleep,
        )


def landed(source: TokenSource) -> None:
    """Wait until the request that is under way has its answer."""
    flight = source._flight
    assert flight is not None
    flight.result(PATIENCE)


def values(*tokens: Token) -> list[str]:
    return [token.value for token in tokens]
