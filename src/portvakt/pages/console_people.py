"""What the pages of users and organisations show; see `console`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.values import Instant
    from portvakt.pages.console_frame import Frame, OtherMeans
    from portvakt.pages.views import Brand


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
    """The users of an issuer, or those whose address begins with `sought` (the search sends `q` to `search_url`)."""

    brand: Brand
    frame: Frame
    search_url: str
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
class Profile:
    """A user."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationLine:
    """One line of `Organisations`."""

    number: str
    name: str
    enabled: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisations:
    """The organisations of an issuer, or those whose name or number begins with `sought`."""

    brand: Brand
    frame: Frame
    search_url: str
    sought: str
    lines: tuple[OrganisationLine, ...]
    next_url: str | None
    means: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """One member of an organisation. `url`: their profile, None where that is not shown."""

    email: str
    administrator: bool
    since: Instant
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationPage:
    """An organisation and its members, a page at a time."""

    brand: Brand
    frame: Frame
    number: str
    name: str
    enabled: bool
    members: tuple[MemberLine, ...]
    next_url: str | None
    clients_url: str
    log_url: str | None
