"""Is this token good, and what does it say (RFC 7662), at the server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from acting import COMPANY, a_company, an_application, ask, post, refresh, tokens
from builders import NOW
from issuing import BREEZE, CANARY, LUCA, OWNER, STANDARD, a_client, body, error, known, serving
from portvakt.model.change import Applied, RemoveMember, SetClientDisabled
from portvakt.model.nouns import ClientAuthentication
from portvakt.protocol.ending import begin_client, end_client
from portvakt.protocol.own_scopes import INTROSPECT

if TYPE_CHECKING:
    from pathlib import Path

    from issuing import Serving

INACTIVE = {"active": False}


async def an_api(served: Serving, *scopes: str) -> None:
    assert await served.store.apply(a_client(STANDARD, "api", scopes=scopes, default_scopes=())) == Applied()


async def told(served: Serving, token: str, label: str = "app") -> Any:
    answer = await post(served, STANDARD, "/introspect", label, token=token)
    assert answer.status == 200, answer.body
    assert (answer.header("content-type"), answer.header("cache-control")) == ("application/json", "no-store")
    return answer.json()


async def test_a_client_learns_what_its_own_tokens_say(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    await a_company(standard, STANDARD)
    given = await tokens(standard, STANDARD, organisation=COMPANY)

    access = await told(standard, given["access_token"])
    token = await told(standard, given["refresh_token"])

    assert len(access.pop("jti")) == 32
    client_id = known(STANDARD, "app").client_id
    assert access == {
        "active": True,
        "token_type": "Bearer",
        "scope": "read write",
        "client_id": client_id,
        "sub": OWNER,
        "aud": STANDARD.audience,
        "iss": STANDARD.url,
        "iat": NOW,
        "exp": NOW + 600,
        "organisation_number": COMPANY,
        "roles": ["credentials:read"],
    }
    assert token["active"] is True
    assert (token["client_id"], token["sub"]) == (client_id, OWNER)


async def test_a_clients_own_token_is_active_while_the_client_lives(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    token = (await ask(standard, STANDARD, grant_type="client_credentials")).json()["access_token"]
    await an_api(standard, INTROSPECT)

    before = await told(standard, token, "api")
    client_id = known(STANDARD, "app").client_id
    await standard.store.apply([SetClientDisabled(STANDARD.name, client_id, NOW)])

    assert (before["active"], before["sub"]) == (True, client_id)
    assert await told(standard, token, "api") == INACTIVE


async def test_G7_a_token_of_before_its_client_was_disabled_is_not_active_once_that_is_enabled_again(
    standard: Serving,
) -> None:
    await an_application(standard, STANDARD)
    await an_api(standard, INTROSPECT)
    name, client_id = STANDARD.name, known(STANDARD, "app").client_id

    async def both() -> list[str]:
        own = (await ask(standard, STANDARD, grant_type="client_credentials")).json()["access_token"]
        return [own, (await tokens(standard, STANDARD))["access_token"]]

    old = await both()
    for change in (end_client(name, client_id, NOW), *begin_client(name, client_id, NOW, NOW)):
        assert await standard.store.apply([change]) == Applied()
    standard.clock.advance(1)
    new = await both()

    assert [(await told(standard, token, "api"))["active"] for token in (*old, *new)] == [False, False, True, True]


async def test_N1_who_does_not_prove_who_they_are_learns_nothing(standard: Serving) -> None:
    await an_application(standard, STANDARD, "spa", authentication=ClientAuthentication.NONE)
    await an_application(standard, STANDARD)
    token = (await tokens(standard, STANDARD))["access_token"]
    bearer = [("authorization", f"Bearer {token}")]

    answers = [
        await post(standard, STANDARD, "/introspect", client_secret=CANARY, token=token),
        await post(standard, STANDARD, "/introspect", "spa", client_secret="", token=token),
        await post(standard, STANDARD, "/introspect", None, token=token, headers=bearer),
    ]

    assert [error(answer) for answer in answers] == [(401, "invalid_client")] * 3
    assert [list(answer.json()) for answer in answers] == [["error", "error_description"]] * 3


async def test_N3_an_api_asks_about_access_tokens_and_a_stranger_learns_nothing(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    await an_application(standard, STANDARD, "other")
    await an_api(standard, INTROSPECT)
    given = await tokens(standard, STANDARD)

    assert (await told(standard, given["access_token"], "api"))["active"] is True
    assert await told(standard, given["refresh_token"], "api") == INACTIVE
    assert await told(standard, given["access_token"], "other") == INACTIVE


async def test_N3_a_token_of_another_issuer_or_for_another_api_is_not_active(database: Path) -> None:
    elsewhere = replace(STANDARD, audience="https://other.example/api")
    async with serving(database, [elsewhere]) as served:
        foreign = (await served.ask(elsewhere)).json()["access_token"]
    async with serving(database, [STANDARD, BREEZE]) as served:
        await an_api(served, INTROSPECT)
        of_breeze = (await served.ask(BREEZE, body(BREEZE))).json()["access_token"]

        assert await told(served, foreign, "api") == INACTIVE
        assert await told(served, of_breeze, "api") == INACTIVE
        own = (await served.ask(STANDARD)).json()["access_token"]
        assert (await told(served, own, "api"))["active"] is True


@pytest.mark.parametrize("token", ["x", "a.b.c", "pvk_rt_" + "A" * 49, "pvk_ac_" + "A" * 49])
async def test_V1_a_token_that_is_none_is_not_active(standard: Serving, token: str) -> None:
    await an_application(standard, STANDARD)

    assert await told(standard, token) == INACTIVE


async def test_a_code_is_no_token(standard: Serving) -> None:
    from acting import a_code

    await an_application(standard, STANDARD)

    assert await told(standard, await a_code(standard, STANDARD)) == INACTIVE


async def test_a_token_ends_with_the_clock_and_a_rotated_one_with_its_use(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    given = await tokens(standard, STANDARD)

    assert (await refresh(standard, STANDARD, given["refresh_token"])).status == 200
    assert await told(standard, given["refresh_token"]) == INACTIVE
    standard.clock.advance(600)
    assert await told(standard, given["access_token"]) == INACTIVE


async def test_G6_G7_a_token_is_not_active_once_its_user_left_the_company(database: Path) -> None:
    async with serving(database, [LUCA]) as served:
        await an_application(served, LUCA)
        await a_company(served, LUCA)
        given = await tokens(served, LUCA, organisation=COMPANY)
        before = await post(served, LUCA, "/introspect", token=given["access_token"])

        await served.store.apply([RemoveMember(LUCA.name, COMPANY, OWNER)])
        after = await post(served, LUCA, "/introspect", token=given["access_token"])

        assert (before.json()["active"], after.json()) == (True, INACTIVE)
        assert error(await refresh(served, LUCA, given["refresh_token"])) == (400, "invalid_grant")
