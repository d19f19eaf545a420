"""What the pages of users and organisations show; see `console`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.values import Instant
    from portvakt.pages.console_frame import Frame, OtherMeans
    from portvakt.pages.views import Brand


class PersonDone(Enum):
    """What was just done to a user or an organisation."""

    CREATED = "created"
    CHANGED = "changed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    LOGGED_OUT = "logged_out"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLine:
    """One line of `Users`."""

    url: str
    email: str
    roles: tuple[str, ...]
    since: Instant
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """The users of an issuer, or those whose address begins with `sought` (the search sends `q` to `search_url`).

    Posts `email` and `roles` to `search_url`, for a new one, who is invited where there are log-ins. `problem`: why
    there is none, in English. `add`: the same by other means.
    """

    brand: Brand
    frame: Frame
    search_url: str
    csrf: str = field(repr=False)
    invites: bool
    add: OtherMeans
    email: str = ""
    roles: str = ""
    problem: str = ""
    status: int = 200
    sought: str
    lines: tuple[UserLine, ...]
    next_url: str | None
    means: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """An organisation that a user belongs to. `url`: its page."""

    number: str
    name: str
    administrator: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonActs:
    """Each act on a user's page by other means."""

    change: OtherMeans
    link: OtherMeans
    log_out: OtherMeans
    enable: OtherMeans
    disable: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A user. Posts `version` and `do` (enable, disable, link, log_out, change) to `action`; change: `roles`.

    `logs_in`: whether anybody does, at this issuer. `sessions`: in how many browsers they are logged in.
    """

    brand: Brand
    frame: Frame
    user_id: str
    email: str
    roles: tuple[str, ...]
    since: Instant
    enabled: bool
    has_password: bool
    companies: tuple[Belonging, ...]
    clients_url: str
    log_url: str
    action: str
    csrf: str = field(repr=False)
    version: int
    logs_in: bool
    sessions: int
    acts: PersonActs
    done: PersonDone | None = None
    problem: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShown:
    """A link by which a user chooses a password, for whoever sends it to them."""

    brand: Brand
    frame: Frame
    email: str
    link: str = field(repr=False)
    ends: Instant
    profile_url: str
    means: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationLine:
    """One line of `Organisations`."""

    number: str
    name: str
    enabled: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisations:
    """The organisations of an issuer, or those whose name or number begins with `sought`.

    Posts `number` and `name` to `search_url`, for a new one. `add`: the same by other means.
    """

    brand: Brand
    frame: Frame
    search_url: str
    csrf: str = field(repr=False)
    sought: str
    lines: tuple[OrganisationLine, ...]
    next_url: str | None
    means: OtherMeans
    add: OtherMeans
    number: str = ""
    name: str = ""
    problem: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """One member of an organisation. `url`: their profile, None where that is not shown.

    `change`: by other means, to have them administer it, or no more; `remove`: to have them leave.
    """

    user_id: str
    email: str
    administrator: bool
    since: Instant
    url: str | None
    change: OtherMeans
    remove: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationPage:
    """An organisation and its members, a page at a time.

    Posts `do` to `action`: enable, disable (with `version`); add (`email`, `administrator`); remove, raise and lower
    (`user`: whether a member administers it). `add`: by other means; `switch`: to enable or disable it, None for its
    own administrators, who may not.
    """

    brand: Brand
    frame: Frame
    number: str
    name: str
    enabled: bool
    members: tuple[MemberLine, ...]
    next_url: str | None
    clients_url: str
    log_url: str
    action: str
    csrf: str = field(repr=False)
    version: int
    add: OtherMeans
    switch: OtherMeans | None
    done: PersonDone | None = None
    email: str = ""
    administrator: bool = False
    problem: str = ""
    status: int = 200
