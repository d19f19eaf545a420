"""What each page of administration shows and where its forms go, as values: as in `views`.

The same pages serve an operator, who looks at any issuer, and a developer or an administrator of an organisation, who
looks at one: what differs is the `Frame`. Every form posts `csrf`. Members that end in `url` are our own paths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from portvakt.pages.console_frame import Crumb, Door, Environment, Frame, OtherMeans, Room
from portvakt.pages.console_installed import KeyLine, Keys, KeysDone, Outbox, OutboxLine
from portvakt.pages.console_log import Difference, LogLine, LogPage, Sought
from portvakt.pages.console_people import (
    Belonging,
    LinkShown,
    MemberLine,
    OrganisationLine,
    OrganisationPage,
    Organisations,
    PersonActs,
    PersonDone,
    Profile,
    UserLine,
    Users,
)
from portvakt.pages.console_refusals import Explained, RefusalLine, Refusals
from portvakt.pages.front import Front

if TYPE_CHECKING:
    from portvakt.model.values import Instant
    from portvakt.pages.views import Brand

__all__ = [
    "Belonging",
    "Choice",
    "ClientActs",
    "ClientForm",
    "ClientLine",
    "ClientList",
    "ClientPage",
    "ConsoleView",
    "Crumb",
    "Difference",
    "Done",
    "Door",
    "Environment",
    "Environments",
    "Explained",
    "Filled",
    "Frame",
    "KeyLine",
    "Keys",
    "KeysDone",
    "LinkShown",
    "LogLine",
    "LogPage",
    "MemberLine",
    "OrganisationLine",
    "OrganisationPage",
    "Organisations",
    "OtherMeans",
    "Outbox",
    "OutboxLine",
    "PersonActs",
    "PersonDone",
    "Profile",
    "RefusalLine",
    "Refusals",
    "Room",
    "SecretLine",
    "SecretShown",
    "Settings",
    "Sought",
    "State",
    "Stop",
    "Stopped",
    "Tab",
    "UserLine",
    "Users",
    "Wrong",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """Which issuer to administer."""

    brand: Brand
    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of somebody who makes applications, or administers `companies`."""

    brand: Brand
    frame: Frame
    advanced_url: str
    refusals_url: str
    companies: tuple[Tab, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLine:
    """One line of `ClientList`. `owner`: an address or an organisation's name. `ends`: the last live secret's end."""

    client_id: str
    url: str
    name: str
    owner: str
    enabled: bool
    public: bool
    live: int
    ends: Instant | None
    used: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """Whose applications may be looked at."""

    url: str
    name: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientList:
    """Clients: of `owner`, or all where that is "". `search_url` None: nothing to search through.

    `tabs`: whose there are, where they are somebody's own: then they are called API applications.
    """

    brand: Brand
    frame: Frame
    owner: str
    tabs: tuple[Tab, ...] = ()
    sought: str
    search_url: str | None
    lines: tuple[ClientLine, ...]
    next_url: str | None
    create_url: str | None
    means: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An organisation whose a new client may be, by its number; "" for the user's own."""

    number: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What stands in a client's form; of a choice, its value. `scopes` and the like are separated by white space."""

    name: str = ""
    description: str = ""
    scopes: str = ""
    default_scopes: str = ""
    redirect_uris: str = ""
    authentication: str = "any_secret"
    expires: str = "180"
    until: str = ""
    owner: str = ""
    organisation: str = ""
    version: str = ""
    token_quota: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientForm:
    """Make a client, or change one.

    Posts the members of `Filled` to `action`. `known_scopes`: those that there are, None for any; () hides the field.
    `expires` is a number of days or "date", and then `until` says which. `asks_owner`: an operator says whose it is, by
    address; others choose among `choices`. `acts_alone`: a client without redirect URIs is of use, too. `problem`: what
    is wrong, in English.
    """

    brand: Brand
    frame: Frame
    action: str
    csrf: str = field(repr=False)
    filled: Filled
    changes: str = ""  # the name of the client that is changed
    asks_owner: bool = False
    choices: tuple[Choice, ...] = ()
    known_scopes: tuple[str, ...] | None
    acts_for_users: bool
    acts_alone: bool = True
    authentications: tuple[str, ...]
    has_quotas: bool
    earliest: str
    problem: str = ""
    status: int = 200
    means: OtherMeans
    back_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretShown:
    """A client's credentials, this once. `env`, `curl`: what to paste. `older_end`: until when the older ones work.

    `code_url`: where a user gives the code that `curl` has a place for, "" where it has none.
    """

    brand: Brand
    frame: Frame
    client_name: str
    client_id: str
    client_secret: str | None = field(repr=False)
    env: str = field(repr=False)
    file_name: str
    code_url: str = field(default="", repr=False)
    curl: str = field(repr=False)
    ends: Instant | None
    rotated: bool
    older_end: Instant | None
    client_url: str
    means: OtherMeans


class State(Enum):
    """What a secret is good for now."""

    LIVE = "live"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLine:
    """A secret as it may be shown (K4). `in_use`: used within the last hour, so its end needs the client's name."""

    secret_id: str
    prefix: str
    last4: str
    created: Instant
    ends: Instant | None
    used: Instant | None
    used_from: str
    state: State
    in_use: bool
    means: OtherMeans


class Done(Enum):
    """What was just done to a client."""

    CHANGED = "changed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    REVOKED = "revoked"
    AGAIN = "again"  # nothing yet: the user has logged in again, as was asked for


class Wrong(Enum):
    """Why nothing was done to a client."""

    NAME = "name"  # another than the client's was typed
    IN_USE = "in_use"
    CHANGED = "changed"  # meanwhile
    REFUSED = "refused"  # `detail` says why, in English


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientActs:
    """Each act on a client's page by other means."""

    rotate: OtherMeans
    enable: OtherMeans
    disable: OtherMeans
    delete: OtherMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPage:
    """A client and its secrets.

    Forms post `version`, `do` (rotate, revoke, disable, enable, delete) and, as each needs: `grace` (seconds) and
    `expires`, `until` as in `ClientForm`; `secret` (its id); `confirm` (the client's name). `enables`, `disables`:
    whether who looks may do that now; where they may do neither, an operator disabled it.
    """

    brand: Brand
    frame: Frame
    action: str
    csrf: str = field(repr=False)
    version: int
    client_id: str
    name: str
    description: str
    owner: str
    owner_url: str | None
    organisation: str
    authentication: str
    public: bool
    grants: tuple[str, ...]
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    token_quota: str
    created: Instant
    enabled: bool
    enables: bool
    disables: bool
    secrets: tuple[SecretLine, ...]
    earliest: str
    change_url: str
    log_url: str
    refusals_url: str
    acts: ClientActs
    done: Done | None = None
    wrong: Wrong | None = None
    detail: str = ""
    status: int = 200


class Stop(Enum):
    """Why there is no such page for who asks: its status, and the name of its texts."""

    ROLE = (403, "role")  # logged in, and no operator
    DEVELOPER = (403, "developer")  # logged in, and with no applications to look after
    FORM = (403, "form")  # from another page, or a log-in that has ended
    NOT_FOUND = (404, "not_found")

    @property
    def status(self) -> int:
        """The status of the reply."""
        return self.value[0]

    @property
    def key(self) -> str:
        """The name of its texts."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An error page. `back_url`: where to go on."""

    brand: Brand
    frame: Frame
    why: Stop
    reference: str
    back_url: str

    @property
    def status(self) -> int:
        """The status of the reply."""
        return self.why.status


ConsoleView = (
    Environments
    | Settings
    | Users
    | Profile
    | LinkShown
    | Organisations
    | OrganisationPage
    | ClientList
    | ClientForm
    | SecretShown
    | ClientPage
    | Refusals
    | Explained
    | Keys
    | Outbox
    | LogPage
    | Stopped
    | Front
)
