"""What the pages of an issuer's signing keys and of its outbox show; see `console`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.behalf import Purpose
    from portvakt.model.values import Instant
    from portvakt.pages.console_frame import Frame, OtherMeans
    from portvakt.pages.views import Brand


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """A signing key. `state`: next, signing, retired or revoked.

    `until`: when it leaves the key set, None for not yet known.
    """

    key_id: str
    algorithm: str
    state: str
    created: Instant
    signs_from: Instant
    until: Instant | None


class KeysDone(Enum):
    """What was just done on the page of keys."""

    ROTATED = "rotated"
    REVOKED = "revoked"
    AGAIN = "again"  # nothing yet: the operator has logged in again, as was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The signing keys of an issuer, newest first. Posts `do` (rotate, revoke) to `action`.

    With revoke, `key` is the key's id and `confirm` what was typed: the name of the `issuer`.

    `waits`: whether the newest has not signed yet, so that there is nothing to rotate. `algorithm`: the one that the
    settings ask for, where the newest key has another, else "".
    """

    brand: Brand
    frame: Frame
    action: str
    csrf: str = field(repr=False)
    lines: tuple[KeyLine, ...]
    waits: bool
    algorithm: str = ""
    done: KeysDone | None = None
    problem: str = ""
    status: int = 200
    means: OtherMeans
    rotate: OtherMeans
    issuer: str
    revoke: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """A link that waits. `url`: the user's profile. `why`: why it was not sent, in English, "" if that is not known."""

    user_id: str
    email: str
    url: str
    purpose: Purpose
    since: Instant
    ends: Instant
    enabled: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """Links by which users choose a password, that were not sent. Posts `user` and `do` (show) to `action`.

    `logs_in`: whether anybody does, at this issuer. `mail_host`: who is given mail, "" if nobody is. `why`: why nothing
    could be sent lately, in English. `again`: the operator has just logged in again, as was asked for.
    """

    brand: Brand
    frame: Frame
    action: str
    csrf: str = field(repr=False)
    logs_in: bool
    mail_host: str
    why: str = ""
    lines: tuple[OutboxLine, ...]
    next_url: str | None
    users_url: str
    again: bool = False
    means: OtherMeans
