"""What stands around every page of administration, and the same act by other means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An issuer that may be administered. `address`: its URL; `own`: it is the installation's, of the operators."""

    name: str
    title: str
    url: str
    address: str
    test: bool
    own: bool = False
    here: bool = False


class Room(Enum):
    """A part of administration that the navigation leads to."""

    USERS = "users"
    CLIENTS = "clients"
    ORGANISATIONS = "organisations"
    REFUSALS = "refusals"
    KEYS = "keys"
    OUTBOX = "outbox"
    LOG = "log"
    ACCOUNT = "account"
    SETTINGS = "settings"
    APPLICATIONS = "applications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An entry of the navigation."""

    room: Room
    url: str
    here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Crumb:
    """A page above this one, by its own name, or by that of a room or of a page ("" for a name)."""

    url: str
    name: str = ""
    room: Room | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around every page: who looks, at which issuer, and where else they may go."""

    email: str
    home_url: str
    log_out_url: str
    doors: tuple[Door, ...] = ()
    environments: tuple[Environment, ...] = ()
    crumbs: tuple[Crumb, ...] = ()

    @property
    def environment(self) -> Environment | None:
        """The issuer that is looked at."""
        return next((one for one in self.environments if one.here), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherMeans:
    """The same act by the JSON API, as curl, and by the command."""

    curl: str
    command: str
