"""What stands at the root of an installation's URL: which doors there are; see `console`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.pages.views import Brand


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """An issuer of a sandbox. `url`: the `base_url` that callers name.

    `account_url`: where its users log in, "" where nobody does.
    """

    name: str
    url: str
    account_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The root of an installation's URL. `played`: a sandbox's issuers; nothing is told of those of a server."""

    brand: Brand
    console_url: str
    played: tuple[Played, ...] = ()
