from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from builders import NOW, PEPPER, an_issuer
from portvakt.model.behalf_change import SetPassword
from portvakt.model.change import AddClient, AddMember, AddOrganisation, AddUser
from portvakt.model.nouns import Client, ClientAuthentication
from portvakt.model.values import Secret
from portvakt.sandbox.people import COMPANIES, settle
from portvakt.sandbox.seed import Seed, Sower
from portvakt.sandbox.stage import sow
from portvakt.server.passwords import Passwords, password_problem

BASE = "http://127.0.0.1:8040"


def a_sower(seed: str = "spring", provider: str = "luca", name: str = "luca-test") -> Sower:
    return Sower(Seed(seed), an_issuer(provider, name=name, url=f"{BASE}/{name}"), PEPPER, NOW)


def passwords(sower: Sower) -> list[Any]:
    return [user["password"] for user in settle(sower).told]


def clients(sower: Sower) -> list[Client]:
    plots = sow(sower, BASE).plots
    return [change.client for changes in plots for change in changes if isinstance(change, AddClient)]


@pytest.mark.parametrize("number", COMPANIES)
def test_an_organisation_number_has_its_check_digit_and_is_no_companys(number: str) -> None:
    weights = (3, 2, 7, 6, 5, 4, 3, 2, 1)

    assert re.fullmatch("[0-9]{9}", number)
    assert sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True)) % 11 == 0
    assert number[0] not in "89"


def test_one_user_has_one_company_and_one_has_several() -> None:
    told = settle(a_sower()).told

    several: Any = [(user["locale"], user["organisations"]) for user in told]
    assert [(locale, len(organisations)) for locale, organisations in several] == [("nb", 1), ("en", 3)]
    assert [list(user) for user in told] == [["email", "password", "locale", "organisations"]] * 2
    named = {one["organisation_number"]: one["name"] for _, organisations in several for one in organisations}
    assert named == COMPANIES


def test_what_is_told_is_what_is_made() -> None:
    settled = settle(a_sower())

    users = {change.user.id: change.user for change in settled.changes if isinstance(change, AddUser)}
    names = {c.organisation.number: c.organisation.name for c in settled.changes if isinstance(c, AddOrganisation)}
    made = [
        {
            "email": user.email,
            "locale": user.locale,
            "organisations": [
                {"organisation_number": change.number, "name": names[change.number]}
                for change in settled.changes
                if isinstance(change, AddMember) and change.user_id == user.id
            ],
        }
        for user in users.values()
    ]
    assert made == [{key: value for key, value in user.items() if key != "password"} for user in settled.told]


async def test_the_passwords_that_are_told_are_those_of_the_hashes() -> None:
    settled = settle(a_sower())
    hashes = [change.password.hash for change in settled.changes if isinstance(change, SetPassword)]
    checking = Passwords()

    told = [Secret(str(user["password"])) for user in settled.told]
    right = await asyncio.gather(*map(checking.verify, hashes, told))
    wrong = await asyncio.gather(*map(checking.verify, hashes, reversed(told)))

    checking.close()
    assert (right, wrong) == ([True, True], [False, False])
    assert all(one.startswith("$argon2id$") for one in hashes)
    assert [password_problem(one) for one in told] == [None, None]
    assert all(re.fullmatch("[a-z0-9]{4}(-[a-z0-9]{4}){3}", one.reveal()) for one in told)


def test_the_same_seed_makes_the_same_people_and_another_seed_or_issuer_other_passwords() -> None:
    here, autumn, elsewhere = a_sower(), a_sower("autumn"), a_sower(name="standard")

    assert settle(here) == settle(a_sower())
    assert len({*passwords(here), *passwords(autumn), *passwords(elsewhere)}) == 6


def test_lucas_application_acts_for_users_only() -> None:
    (client,) = clients(a_sower())

    assert client.redirect_uris == ("http://127.0.0.1/callback",)
    assert client.grants == {"authorization_code", "refresh_token"}
    assert client.scopes == client.default_scopes == ("accounting",)
    assert client.authentication is ClientAuthentication.ANY_SECRET


def test_the_clients_of_standard_act_for_users_too() -> None:
    main, public = clients(a_sower(provider="standard", name="standard"))

    assert main.redirect_uris == public.redirect_uris == ("http://127.0.0.1/callback",)
    assert main.grants == {"client_credentials", "authorization_code", "refresh_token"}
    assert public.grants == {"authorization_code", "refresh_token"}
    assert (public.authentication, public.scopes) == (ClientAuthentication.NONE, ("read", "write"))


@pytest.mark.parametrize(("provider", "name"), [("breeze", "breeze-test"), ("prisjakt", "prisjakt")])
def test_where_users_do_not_log_in_there_are_none(provider: str, name: str) -> None:
    sower = a_sower(provider=provider, name=name)

    assert {"users", "redirect_uris"} & sow(sower, BASE).told.keys() == set()
    assert {(client.redirect_uris, client.grants) for client in clients(sower)} == {
        ((), frozenset({"client_credentials"}))
    }
