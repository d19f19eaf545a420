"""Browsers of people of each role, at a server in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from builders import NOW
from people_served import HASHER, Browser, Person
from portvakt.model.behalf import Password
from portvakt.model.behalf_change import SetPassword
from portvakt.model.change import Applied

if TYPE_CHECKING:
    from administered import Administered, Role
    from portvakt.model.values import UserId

PASS_PHRASE = "a pass phrase of somebody"


@dataclass(frozen=True)
class _Somebody(Person):
    address: str = ""

    @property
    def email(self) -> str:
        return self.address

    @property
    def password(self) -> str:
        return PASS_PHRASE


def admin(role: Role, email: str = "") -> Person:
    """Return who logs in with that role's address."""
    return _Somebody(name=role.label, companies=(), address=email or role.email)


async def a_browser(administered: Administered, role: Role, *, user_id: UserId | None = None) -> Browser:
    """Return a browser at the role's issuer, whose user can log in."""
    served = administered.served
    served.application._passwords._hasher = HASHER
    issuer = role.issuer
    row = Password(issuer=issuer.name, user_id=user_id or role.user_id, hash=HASHER.hash(PASS_PHRASE), changed_at=NOW)
    assert await served.store.apply([SetPassword(row)]) == Applied()
    return Browser(served, issuer, language="en")


async def signed_in(
    administered: Administered, role: Role, *, email: str = "", user_id: UserId | None = None
) -> Browser:
    """Return a browser in which the role's user, or another of the issuer, has logged in."""
    browser = await a_browser(administered, role, user_id=user_id)
    await browser.log_in(admin(role, email))
    return browser
