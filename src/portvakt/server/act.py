"""The way of every change: load the facts, decide, apply in one transaction.

It knows no web framework; routes, commands and console all come this way. So one place decides, one place is
atomic, and who loses a race is decided again on what the winner left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from portvakt.model.audit import NOBODY
from portvakt.model.change import Applied

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Protocol

    from portvakt.model.audit import By
    from portvakt.model.change import Change, Lost
    from portvakt.model.decision import Granted, Refused

    class Applying(Protocol):
        """What `act` asks of a store."""

        async def apply(self, changes: Sequence[Change], by: By) -> Applied | Lost:
            """Apply all changes in one transaction, or none. `by`: who makes them, for the audit log."""
            ...


FactsT = TypeVar("FactsT")
AnswerT = TypeVar("AnswerT")

TRIES = 4
"""Losing tells more each time: that a refresh token was used, then its successor, then that all of it has ended."""


class Contended(Exception):
    """Other requests were first, `TRIES` times running. Our fault, not the caller's: 503, try again."""


async def act(
    store: Applying,
    load: Callable[[], Awaitable[FactsT]],
    decide: Callable[[FactsT], Granted[AnswerT] | Refused],
    by: By = NOBODY,
) -> Granted[AnswerT] | Refused:
    """Load, decide and apply; on a lost change, load and decide again.

    The decision is returned once its changes are in the database. A refusal may hold changes too. `by`: who acts, for
    the audit log.

    Raises:
        Contended: the changes were lost `TRIES` times.
        portvakt.store.StoreUnavailable: the store did not answer.
    """
    for _ in range(TRIES):
        decision = decide(await load())
        if not decision.changes or isinstance(await store.apply(decision.changes, by), Applied):
            return decision
    raise Contended(f"other requests were first, {TRIES} times")
