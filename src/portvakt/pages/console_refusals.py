"""What the pages of refused requests show; see `console`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.values import Instant
    from portvakt.pages.console_frame import Frame, OtherMeans, Room
    from portvakt.pages.views import Brand


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """One line of `Refusals`. `answered` and `code`: as on the wire. `reason` is in English."""

    reference: str
    url: str
    at: Instant
    answered: int
    code: str
    reason: str
    method: str
    path: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What was refused of a client lately, of none where `client` is "". The search sends a reference as `q`.

    `sought`: a reference under which there is nothing to be seen. `clients_url`: where there are clients to look at,
    which are called `above`.
    """

    brand: Brand
    frame: Frame
    search_url: str
    sought: str = ""
    client: str
    clients_url: str
    above: Room
    lines: tuple[RefusalLine, ...] = ()
    next_url: str | None = None
    means: OtherMeans | None = None
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why a request was refused, in the page's language, but for the cause if it is `cause_in_english`.

    `curl`: "" for none to show.
    `client`: the name of its client, and `client_url` its page, "" and None where there is none to look at.
    """

    brand: Brand
    frame: Frame
    reference: str
    issuer: str
    at: Instant
    method: str
    path: str
    address: str
    answered: int
    code: str
    client_id: str
    client: str
    client_url: str | None
    others_url: str | None
    cause: str
    cause_in_english: bool
    rule: str
    what_to_do: str
    curl: str
    means: OtherMeans
