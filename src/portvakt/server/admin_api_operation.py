"""What an operation of the administration's API is: who may ask for it, with what, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.values import ClientId, IssuerName, OrganisationNumber, SecretId, SessionId, UserId
from portvakt.protocol.own_scopes import MANAGE, READ
from portvakt.server.admin_api_pages import read_page_token, write_page_token
from portvakt.server.refusal import Refusal
from portvakt.wire.shape import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from portvakt.model.nouns import Issuer
    from portvakt.server.admin_api_pages import Cursor
    from portvakt.server.admin_api_who import Who
    from portvakt.server.clock import Clock
    from portvakt.store import Store
    from portvakt.wire.shape import Shape

LIMIT = 50
MOST = 100
"""How many a page has: unless another number is asked for, and at most."""


class Role(StrEnum):
    """Who may do it. An operator may do everything; without a token, nobody may anything but read the document."""

    ANYBODY = "anybody who has a token; what is told is theirs"
    OWNER = "whose client it is: its owner, a developer, or the administrators of its organisation"
    MAKER = "a developer, for themselves; an administrator of an organisation, for that"
    ADMINISTRATOR = "an administrator of the organisation"
    OPERATOR = "an operator"


class Versioned(Enum):
    """Whether the version that the caller saw must be named (RFC 9110 §13.1.1, RFC 6585 §3)."""

    NO = "no"
    MAY = "may"
    MUST = "must"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one path. `query`: the shapes of its parameters; `body`: of what is sent, None: nothing is.

    `answers`: the name of the shape that is answered, by status; None: no body. `refusals`: what else it may say,
    besides what every operation may. `media_types`: what it answers with, other than JSON. `reveals`: a credential.
    """

    name: str
    method: str
    path: str
    summary: str
    role: Role
    handle: Callable[[Ask], Awaitable[Answer | Export]]
    answers: Mapping[int, str | None]
    query: Mapping[str, Shape] = field(default_factory=dict)
    body: str | None = None
    needs_body: bool = True
    versioned: Versioned = Versioned.NO
    refusals: tuple[int, ...] = ()
    media_types: tuple[str, ...] = ()
    reveals: bool = False

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"

    @property
    def scope(self) -> str:
        """The scope that it needs. Whoever is told a credential may do what it is good for: that is not to read."""
        return READ if self.reads and not self.reveals else MANAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the administration's API works with. `issuers`: all that are served, by name; `own`: the installation's."""

    own: Issuer
    issuers: Mapping[IssuerName, Issuer]
    store: Store
    clock: Clock
    pepper: bytes = field(repr=False)
    sealing: bytes = field(repr=False)
    pages: bytes = field(repr=False)
    links: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request whose form is right, by somebody who is known. `issuer`: the one in the path, else the token's own.

    `version`: the one that the caller saw, None: none was named.
    """

    office: Office
    who: Who
    issuer: Issuer
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any] = field(repr=False)
    version: int | None
    accept: str = ""

    @property
    def client_id(self) -> ClientId:
        """The client in the path."""
        return ClientId(self.path["client_id"])

    @property
    def secret_id(self) -> SecretId:
        """The secret in the path."""
        return SecretId(self.path["secret_id"])

    @property
    def user_id(self) -> UserId:
        """The user in the path."""
        return UserId(self.path["user_id"])

    @property
    def session_id(self) -> SessionId:
        """The session in the path."""
        return SessionId(self.path["session_id"])

    @property
    def number(self) -> OrganisationNumber:
        """The organisation in the path."""
        return OrganisationNumber(self.path["organisation"])

    @property
    def url(self) -> str:
        """Where what the issuer has stands."""
        return f"{self.office.own.api_url}/issuers/{self.issuer.name}"

    @property
    def limit(self) -> int:
        """How many the page may have."""
        asked: int = self.query.get("limit", LIMIT)
        return asked

    def text(self, name: str) -> str | None:
        """Return a parameter of the query that is a text."""
        value: str | None = self.query.get(name)
        return value

    def cursor(self, of: str, *filters: str) -> list[str | int] | None:
        """Return where the page begins; None: with the first. Raises: Unfit, for a token of another list."""
        token = self.text("after")
        if token is None:
            return None
        cursor = read_page_token(self.office.pages, self._list(of, filters), token)
        if cursor is None:
            raise Unfit((Fault("/after", "is not a page token of this list with these filters"),))
        return cursor

    def following(self, of: str, cursor: Cursor | None, *filters: str) -> str | None:
        """Return the token of the next page; None where `cursor` is: there is none."""
        return None if cursor is None else write_page_token(self.office.pages, self._list(of, filters), cursor)

    def _list(self, of: str, filters: Sequence[str]) -> list[str | None]:
        told = [None if self.query.get(name) is None else str(self.query[name]) for name in filters]
        return [of, self.issuer.name, *filters, *told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered. `version` becomes the ETag."""

    status: int = 200
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    version: int | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """Lines that are sent as they are read."""

    media_type: str
    lines: AsyncGenerator[str]


class Unfit(Refusal):
    """What was asked has not the form that it must have, at these places."""

    def __init__(self, faults: tuple[Fault, ...], description: str = "", status: int = 400) -> None:
        text = description or f"{faults[0].path.lstrip('/') or 'The body'} {faults[0].detail}."
        # The reason is logged: a name that was sent may be a secret in the place of a name.
        super().__init__(Refused(INVALID_REQUEST, text, status, reason=f"what was sent {faults[0].detail}"))
        self.faults = faults
