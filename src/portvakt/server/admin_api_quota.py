"""How often somebody may ask the administration's API: fixed windows, like those of the token endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.decision import RATE_LIMITED, Refused
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.server.authenticating import count_bad_bearer
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.model.decision import Exceeded
    from portvakt.model.values import Instant
    from portvakt.server.admin_api_who import Who
    from portvakt.server.call import Call
    from portvakt.server.quota import Windows

REQUESTS = Quota(3_000, Seconds(60))
"""What one program may ask, for each user that it acts for: some fifty lists a second, of a page each."""

CHANGES = Quota(300, Seconds(60))
"""How much of that may change something: each change is a line in a log that is kept for good."""


CHANGES_OF_ONE = Quota(1_000, Seconds(60))
"""How much all programs together may change for one user: a developer has a hundred clients."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Counts who asks in `windows`, and those whose token is none in `strangers`. Each may raise Refusal (429)."""

    windows: Windows
    strangers: Windows

    def request(self, who: Who, now: Instant) -> None:
        """Count a request."""
        _check(self.windows.take(("administration", *_holder(who)), REQUESTS, now), "requests")

    def change(self, who: Who, now: Instant) -> None:
        """Count a request that may change something, once its form is right."""
        _check(self.windows.take(("administration", "changes", *_holder(who)), CHANGES, now), "changes")
        of = ("administration", "changes", who.issuer.name, who.user.id)
        _check(self.windows.take(of, CHANGES_OF_ONE, now), "changes by all programs of one user")

    def bad_bearer(self, call: Call, now: Instant) -> None:
        """Count a token that is none, or has ended. The right token is never refused for others'."""
        _check(count_bad_bearer(self.strangers, "administration", call.address, now), "tokens that are not valid here")


def _holder(who: Who) -> tuple[str, ...]:
    return who.issuer.name, who.client.client.id, who.user.id


def _check(exceeded: Exceeded | None, what: str) -> None:
    if exceeded is not None:
        text = f"These were {exceeded.limit} {what} in {exceeded.window} seconds. Try again in {exceeded.seconds}."
        raise Refusal(Refused(RATE_LIMITED, text, 429, exceeded=exceeded, reason=f"quota: {what}"))
