"""How a decision that says no reaches whoever administers."""

from __future__ import annotations

from typing import TypeVar

from portvakt.model.decision import Granted, Refused

AnswerT = TypeVar("AnswerT")


class Refusal(Exception):
    """A decision said no. `refused.description` says why, to the one who asked."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.description)
        self.refused = refused


def granted(decision: Granted[AnswerT] | Refused) -> AnswerT:
    """Return the answer. Raises: Refusal."""
    if isinstance(decision, Refused):
        raise Refusal(decision)
    return decision.answer


def found(what: str, value: AnswerT | None) -> AnswerT:
    """Return what was looked up. Raises: Refusal, for None."""
    if value is None:
        raise Refusal(Refused("not_found", f"There is no such {what}.", 404))
    return value
