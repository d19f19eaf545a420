"""Who logs in at a sandbox: made-up users with passwords, and the companies that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from portvakt.model.behalf import Password
from portvakt.model.behalf_change import SetPassword
from portvakt.model.change import AddMember, AddOrganisation, AddUser
from portvakt.model.nouns import Organisation
from portvakt.model.values import OrganisationNumber
from portvakt.protocol.govern.actor import OPERATOR

if TYPE_CHECKING:
    from portvakt.model.change import Change
    from portvakt.sandbox.seed import Sower


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user who logs in, in their language, and the numbers of their companies."""

    email: str
    locale: str
    companies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """The users of an issuer: what is told of them, and the changes that make them, which belong together."""

    told: tuple[dict[str, object], ...]
    changes: tuple[Change, ...]


# The check digits are right, yet no company has such a number: real ones begin with 8 or 9.
COMPANIES = {
    "312047152": "Eksempelfjord Bakeri AS",
    "313580261": "Oppdiktet Båtbyggeri AS",
    "314661907": "Påfunn Kaffe AS",
    "316804179": "Tenkt Snekkeri AS",
}

PEOPLE = (
    Person(email="kari@example.com", locale="nb", companies=("312047152",)),
    Person(email="sam@example.com", locale="en", companies=("313580261", "314661907", "316804179")),
)

OPERATOR_EMAIL = "operator@example.com"

# About 10 ms each, where the usual parameters take 200 to 500: a sandbox is to start at once, and these passwords
# are 82 random bits that no dictionary holds.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)


def settle(sower: Sower) -> Settled:
    """Return the users of an issuer. The same seed makes the same passwords and hashes."""
    issuer, now = sower.issuer.name, sower.now
    told: list[dict[str, object]] = []
    changes: list[Change] = [
        AddOrganisation(Organisation(issuer=issuer, number=OrganisationNumber(number), name=name, created_at=now))
        for number, name in COMPANIES.items()
    ]
    for person in PEOPLE:
        user = sower.user(person.email, locale=person.locale)
        password = sower.password(person.email)
        hashed = _HASHER.hash(password.reveal(), salt=sower.salt(person.email))
        changes += [
            AddUser(user),
            SetPassword(Password(issuer=issuer, user_id=user.id, hash=hashed, changed_at=now)),
            *(AddMember(issuer, OrganisationNumber(number), user.id, now) for number in person.companies),
        ]
        organisations = [{"organisation_number": number, "name": COMPANIES[number]} for number in person.companies]
        told.append(
            {
                "email": person.email,
                "password": password.reveal(),
                "locale": person.locale,
                "organisations": organisations,
            }
        )
    return Settled(tuple(told), tuple(changes))


def operate(sower: Sower, url: str) -> Settled:
    """Return the operator of the sandbox's own issuer. `url`: the console's, which is told with the password."""
    user, password = sower.user(OPERATOR_EMAIL, roles=frozenset({OPERATOR})), sower.password(OPERATOR_EMAIL)
    hashed = _HASHER.hash(password.reveal(), salt=sower.salt(OPERATOR_EMAIL))
    row = Password(issuer=user.issuer, user_id=user.id, hash=hashed, changed_at=sower.now)
    told: dict[str, object] = {"url": url, "email": user.email, "password": password.reveal()}
    return Settled((told,), (AddUser(user), SetPassword(row)))
