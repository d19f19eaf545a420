"""What the page of the audit log shows; see `console`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.audit import Act
    from portvakt.model.values import Instant
    from portvakt.pages.console_frame import Frame, OtherMeans
    from portvakt.pages.views import Brand


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A member that an act changed. None: there was, or is, nothing."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of the audit log. `url`: the client that it is about, None for no link."""

    number: int
    act: Act
    at: Instant
    what: str
    url: str | None
    actor: str
    address: str
    reference: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """The filters of the log: ids, an act's name and a day (YYYY-MM-DD), "" for any."""

    client: str = ""
    user: str = ""
    organisation: str = ""
    actor: str = ""
    act: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """The audit log. The filter sends the members of `Sought` to `search_url`. `export`: all lines, by other means."""

    brand: Brand
    frame: Frame
    search_url: str
    sought: Sought
    acts: tuple[Act, ...]
    lines: tuple[LogLine, ...]
    next_url: str | None
    csv_url: str
    jsonl_url: str
    means: OtherMeans
    export: OtherMeans
