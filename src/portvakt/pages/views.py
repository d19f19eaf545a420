"""What each page shows and where its forms go, as values: a route fills one in, `render` makes the reply.

Texts in them may come from strangers (names of applications and of companies): pages escape, clean and cut them.
Addresses in them are the server's own, except where they say that they lead to the application.

Names of form fields are in each view's text. All forms are posted as application/x-www-form-urlencoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.values import ApiKeyId, ClientId, Instant, OrganisationNumber, SessionId

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_LOGO = re.compile(r"data:image/(?:png|webp|jpeg);base64,[A-Za-z0-9+/]{1,87380}={0,2}", re.ASCII)
_ROOT = re.compile(r"(?:/[A-Za-z0-9._~-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """Whose pages these are.

    `root`: the path of the issuer's URL, "" or like "/luca-test"; what pages load and their own links are under it
    (/static, /account, /connected, /api-keys, /sessions, /logout).
    `colour`: the accent, as #rrggbb; where it would be hard to read, a lighter or darker shade of it is used.
    `logo`: a small raster picture as a data URL (at most 64 KiB), None for a mark with the first letter of the name.
    `test`: a band on each page says that this is a test environment.

    Raises:
        ValueError: the colour, the logo or the root is not of that form.
    """

    name: str
    root: str
    colour: str = "#1d4f7c"
    logo: str | None = field(default=None, repr=False)
    test: bool = False

    def __post_init__(self) -> None:
        if not _COLOUR.fullmatch(self.colour):
            raise ValueError(f"The colour {self.colour!r} is not of the form #rrggbb.")
        if self.logo is not None and not _LOGO.fullmatch(self.logo):  # never SVG, which may hold scripts
            raise ValueError("The logo is not a data URL of a PNG, WebP or JPEG of at most 64 KiB.")
        if not _ROOT.fullmatch(self.root):
            raise ValueError(f"The root {self.root!r} is not a path without a slash at its end.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """An organisation as a page shows it."""

    number: OrganisationNumber
    name: str


class LogInProblem(Enum):
    """Why the log-in page is shown again."""

    WRONG = "wrong"  # the same for an unknown email and a wrong password
    BUSY = "busy"  # too many passwords are being checked at this moment
    LIMITED = "limited"  # too many wrong ones
    EXPIRED = "expired"  # the form is too old, or of another browser


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """The log-in page. Posts `email`, `password`, `csrf`, `return_to` to `action`.

    `client_name` and `redirect_uri`: the application that the user came from, and where it will want them back. They
    are given whenever `return_to` is its request, also after a wrong password: a browser follows a form's redirects
    only as far as the page allows. `mistake`: what is wrong with the request, for whoever made it, in English.
    """

    brand: Brand
    action: str
    csrf: str = field(repr=False)
    return_to: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    problem: LogInProblem | None = None
    client_name: str | None = None
    redirect_uri: str | None = None
    mistake: str = ""


class ConsentProblem(Enum):
    """Why the consent page is shown again, and nothing was given."""

    MISSING = "missing"  # the user allowed, but chose no company
    CHANGED = "changed"  # the user's companies are others than those that the page showed


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """May this application act for the user? Posts `transaction`, `csrf`, `decision` and `organisation` to `action`.

    `decision` is "allow" or "deny". `organisation` is a company's number, and is sent only where there is a choice:
    several companies and `forced` None. `forced`: the only company that the application wants. `chosen`: the number
    that is marked already. `client_owner`: who registered the application, "" if that is not to be shown.
    `other_account_url`: where another user logs in for the same request.
    """

    brand: Brand
    action: str
    csrf: str = field(repr=False)
    transaction: str = field(repr=False)
    client_name: str
    client_owner: str = ""
    redirect_uri: str
    email: str
    other_account_url: str
    scopes: tuple[str, ...]
    companies: tuple[Company, ...] = ()
    forced: Company | None = None
    chosen: OrganisationNumber | None = None
    problem: ConsentProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAccess:
    """The application wants a company that this user is no member of. `back_url` leads to the application.

    `number` is what the application sent; whether there is such a company is not told.
    """

    brand: Brand
    client_name: str
    number: str
    email: str
    other_account_url: str
    back_url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCompany:
    """The application needs a company, and this user has none. `back_url` leads to the application.

    `disabled`: they belong to some, and all of those are disabled.
    """

    brand: Brand
    client_name: str
    email: str
    other_account_url: str
    back_url: str = field(repr=False)
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyAnswered:
    """The consent form was posted a second time. `back_url` leads to the application, None if it has no address."""

    brand: Brand
    client_name: str
    back_url: str | None = None


class Fault(Enum):
    """Why there is an error page: its status is the first number, its texts are found by its name."""

    CLIENT = (400, "client")  # unknown, or disabled
    REDIRECT_URI = (400, "redirect_uri")  # missing, or not one that the application registered
    REQUEST = (400, "request")  # anything else that is wrong before client and redirect URI are known
    EXPIRED = (400, "expired")  # the transaction or the form is too old
    FORBIDDEN = (403, "forbidden")  # from another page or another browser
    NOT_FOUND = (404, "not_found")
    LIMITED = (429, "limited")
    SERVER = (503, "server")

    @property
    def status(self) -> int:
        """The status of the reply."""
        return self.value[0]

    @property
    def key(self) -> str:
        """The name of its texts."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error page, with no link to an address that a stranger sent.

    `detail`: for whoever made the application, in English. `reference`: by which the operator finds the reason.
    """

    brand: Brand
    fault: Fault
    detail: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut:
    """Does the user want to log out? Posts `csrf` to `action`."""

    brand: Brand
    action: str
    csrf: str = field(repr=False)
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """The user has logged out."""

    brand: Brand
    log_in_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What a user who has logged in finds at the issuer's own address. `api_keys`: whether there are any here.

    `applications`: whether they look after some, or may make them. `member_code`: by which a company adds them.
    """

    brand: Brand
    email: str
    member_code: str = field(repr=False)
    api_keys: bool = False
    applications: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One line of `Connected`: all that a user gave to an application for one company.

    `last_renewed`: when it last got a new access token. What it does with one, its API alone sees.
    """

    client_id: ClientId
    client_name: str
    company: Company | None
    scopes: tuple[str, ...]
    since: Instant
    last_renewed: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Connected applications. Posts `client` (its id), `organisation` ("" for none) and `csrf` to `action`.

    `ended`: the name of the application whose line was just revoked.
    """

    brand: Brand
    email: str
    action: str
    csrf: str = field(repr=False)
    connections: tuple[Connection, ...] = ()
    ended: str | None = None
    api_keys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One line of `ApiKeys`. `name` "" if it has none; `expires` None if it does not."""

    id: ApiKeyId
    name: str
    company: Company | None
    created: Instant
    expires: Instant | None = None
    last_used: Instant | None = None


class ApiKeyProblem(Enum):
    """Why no key was made."""

    COMPANY = "company"  # none chosen, or not the user's
    EXPIRES = "expires"  # not a date, or not in the future
    NAME = "name"  # too long
    LIMITED = "limited"  # the user has as many as one may have


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """Personal API keys.

    To make one, posts `do`=create, `name`, `expires` (YYYY-MM-DD or ""), `organisation`, `csrf`; to revoke one,
    `do`=revoke, `key` (its id), `csrf`. Both go to `action`. `organisation` is a number, and is sent only where there
    are several companies. `needs_company`: a user without a company makes no key. `made`: the key that was just made,
    which is shown this once. `earliest`: the first day on which a key may end, as YYYY-MM-DD. `name`, `expires`,
    `chosen`: what to fill in again after a problem.
    """

    brand: Brand
    email: str
    action: str
    csrf: str = field(repr=False)
    companies: tuple[Company, ...]
    earliest: str
    needs_company: bool = True
    keys: tuple[ApiKey, ...] = ()
    made: str | None = field(default=None, repr=False)
    revoked: bool = False
    problem: ApiKeyProblem | None = None
    name: str = ""
    expires: str = ""
    chosen: OrganisationNumber | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One line of `Sessions`: a browser in which the user is logged in. `here`: it is the one that asks."""

    id: SessionId
    since: Instant
    until: Instant
    here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Where the user is logged in.

    To log out one other browser, posts `do`=end, `session` (its id), `csrf` to `action`; all others: `do`=end_others,
    `csrf`. This one is logged out on its own page.
    """

    brand: Brand
    email: str
    action: str
    csrf: str = field(repr=False)
    sessions: tuple[Session, ...]
    api_keys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgotPassword:
    """Where a link to choose another password is asked for. Posts `email`, `csrf` to `action`. `sent`: it was asked."""

    brand: Brand
    action: str
    csrf: str = field(repr=False)
    log_in_url: str
    sent: bool = False


class PasswordProblem(Enum):
    """Why a password was not taken."""

    LENGTH = "length"
    BUSY = "busy"  # too many passwords are being hashed at this moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoosePassword:
    """Where a user who has a link chooses a password. Posts `password`, `csrf` to `action`."""

    brand: Brand
    action: str
    csrf: str = field(repr=False)
    email: str
    shortest: int
    longest: int
    problem: PasswordProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnded:
    """The link was used, or is too old. `forgot_url`: where another one is asked for."""

    brand: Brand
    forgot_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChosen:
    """The password was taken."""

    brand: Brand
    log_in_url: str


View = (
    LogIn
    | Consent
    | NoAccess
    | NoCompany
    | AlreadyAnswered
    | Problem
    | LogOut
    | LoggedOut
    | Home
    | Connected
    | ApiKeys
    | Sessions
    | ForgotPassword
    | ChoosePassword
    | LinkEnded
    | PasswordChosen
)
