"""The list of what was taken back, for those who may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from acting import COMPANY, a_company, an_application, ask, exchange, post, refresh, tokens
from acting import a_code as agreed
from builders import NOW
from issuing import BREEZE, CANARY, LUCA, PRISJAKT, STANDARD, a_client, a_copy, basic, error, known, opened, serving
from portvakt.guard import Denied, Guard
from portvakt.guard.revocations import WAIT_AT, RevocationPage, TakenBack
from portvakt.model.change import Applied, SetClientDisabled
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.values import ClientId, Instant, KeyId, OrganisationNumber, UserId
from portvakt.protocol.ending import begin_client, begin_user, end_client, end_key, end_organisation, end_user
from portvakt.protocol.own_scopes import REVOCATIONS
from portvakt.server.own_keys import OwnKeys
from portvakt.server.revocations import OwnRevocations

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_driver import Answer
    from issuing import Serving
    from portvakt.model.nouns import Issuer


async def a_guards_client(served: Serving, issuer: Issuer, **fields: Any) -> str:
    """Register the client of a guard; return its Authorization header."""
    usual: dict[str, Any] = {"scopes": (REVOCATIONS,), "default_scopes": ()}
    assert await served.store.apply(a_client(issuer, "guard", **(usual | fields))) == Applied()
    return known(issuer, "guard").basic


async def listed(served: Serving, issuer: Issuer, authorization: str | None, query: str = "") -> Answer:
    headers = [] if authorization is None else [("authorization", authorization)]
    return await served.get(f"{issuer.url}/revocations{query}", headers=headers)


async def test_a_grant_that_ended_is_told_once_and_after_its_cursor_no_more(standard: Serving) -> None:
    guard = await a_guards_client(standard, STANDARD)
    await an_application(standard, STANDARD)
    before = await listed(standard, STANDARD, guard)
    given = await tokens(standard, STANDARD)
    answer = await post(standard, STANDARD, "/introspect", token=given["access_token"])
    assert answer.json()["active"]

    await post(standard, STANDARD, "/revoke", token=given["refresh_token"])
    after = await listed(standard, STANDARD, guard, f"?after={before.json()['cursor']}")
    again = await listed(standard, STANDARD, guard, f"?after={after.json()['cursor']}")

    assert before.json()["revocations"] == []
    (entry,) = after.json()["revocations"]
    assert (entry["kind"], entry["until"]) == ("grant", NOW + 86_400 + 60)
    assert entry["id"].startswith("grant_")
    assert again.json() == {"cursor": after.json()["cursor"], "revocations": []}
    assert (after.header("content-type"), after.header("cache-control")) == ("application/json", "no-store")


async def test_G7_whatever_ends_is_told_and_what_may_begin_again_with_the_moment(standard: Serving) -> None:
    guard = await a_guards_client(standard, STANDARD)
    name, until = STANDARD.name, NOW + 86_400 + 60

    for ended in (
        end_client(name, ClientId("client_1"), NOW),
        end_user(name, UserId("user_1"), NOW),
        end_organisation(name, OrganisationNumber("312047152"), NOW),
        end_key(name, KeyId("key_1"), NOW),
        *begin_user(name, UserId("user_1"), NOW, Instant(NOW + 9)),
    ):
        assert await standard.store.apply([ended]) == Applied()

    assert (await listed(standard, STANDARD, guard)).json()["revocations"] == [
        {"kind": "client", "id": "client_1", "until": until, "before": NOW + 60},
        {"kind": "user", "id": "user_1", "until": until, "before": NOW + 60},
        {"kind": "organisation", "id": "312047152", "until": until, "before": NOW + 60},
        {"kind": "key", "id": "key_1", "until": until},
        {"kind": "user", "id": "user_1", "until": until + 9, "before": NOW + 8},
    ]


async def test_I1_F1_replays_are_told_too(standard: Serving) -> None:
    guard = await a_guards_client(standard, STANDARD)
    await an_application(standard, STANDARD)
    code = await agreed(standard, STANDARD)
    assert (await exchange(standard, STANDARD, code)).status == 200
    assert error(await exchange(standard, STANDARD, code)) == (400, "invalid_grant")
    given = await tokens(standard, STANDARD)
    assert (await refresh(standard, STANDARD, given["refresh_token"])).status == 200
    standard.clock.advance(60)
    assert error(await refresh(standard, STANDARD, given["refresh_token"])) == (400, "invalid_grant")

    assert len((await listed(standard, STANDARD, guard)).json()["revocations"]) == 2


@pytest.mark.parametrize("issuer", [STANDARD, BREEZE, PRISJAKT], ids=lambda issuer: issuer.name)
async def test_a_token_with_the_scope_reads_it(database: Path, issuer: Issuer) -> None:
    async with serving(database, [issuer]) as served:
        await a_guards_client(served, issuer)
        answer = await ask(served, issuer, "guard", grant_type="client_credentials", scope=REVOCATIONS)

        assert (await opened(served, issuer, answer))["scope"] == REVOCATIONS
        assert (await listed(served, issuer, f"Bearer {answer.json()['access_token']}")).status == 200


async def test_where_no_client_has_a_token_of_its_own_the_secret_reads_it(database: Path) -> None:
    async with serving(database, [LUCA]) as served:
        guard = await a_guards_client(served, LUCA)

        assert (await listed(served, LUCA, guard)).status == 200


async def test_N1_nobody_else_reads_it(standard: Serving) -> None:
    await a_guards_client(standard, STANDARD)
    await an_application(standard, STANDARD, scopes=("read", REVOCATIONS))
    await an_application(standard, STANDARD, "spa", authentication=ClientAuthentication.NONE, scopes=(REVOCATIONS,))
    guard, main = known(STANDARD, "guard"), known(STANDARD)
    plain = (await ask(standard, STANDARD, "guard", grant_type="client_credentials")).json()["access_token"]
    users = (await tokens(standard, STANDARD))["access_token"]
    standard.secrets |= {plain, users}

    refused = {
        "nothing": await listed(standard, STANDARD, None),
        "wrong secret": await listed(standard, STANDARD, basic(guard.client_id, CANARY)),
        "no secret": await listed(standard, STANDARD, basic(known(STANDARD, "spa").client_id, "")),
        "half a secret": await listed(standard, STANDARD, "Basic !"),
        "a client without the scope": await listed(standard, STANDARD, main.basic),
        "a token without the scope": await listed(standard, STANDARD, f"Bearer {plain}"),
        "a user's token": await listed(standard, STANDARD, f"Bearer {users}"),
        "no token": await listed(standard, STANDARD, "Bearer x.y.z"),
    }

    assert {who: error(answer) for who, answer in refused.items()} == {
        "nothing": (401, "invalid_client"),
        "wrong secret": (401, "invalid_client"),
        "no secret": (401, "invalid_client"),
        "half a secret": (400, "invalid_request"),
        "a client without the scope": (403, "insufficient_scope"),
        "a token without the scope": (403, "insufficient_scope"),
        "a user's token": (401, "invalid_token"),
        "no token": (401, "invalid_token"),
    }
    challenges = {who: answer.header("www-authenticate") for who, answer in refused.items() if answer.status != 400}
    assert challenges.pop("nothing") == f'Basic realm="{STANDARD.url}", charset="UTF-8"'
    assert challenges["no token"] == 'Bearer error="invalid_token"'
    assert challenges["a token without the scope"] == f'Bearer error="insufficient_scope", scope="{REVOCATIONS}"'


async def test_G7_a_disabled_client_reads_it_no_more(standard: Serving) -> None:
    basic_ = await a_guards_client(standard, STANDARD)
    token = await ask(standard, STANDARD, "guard", grant_type="client_credentials", scope=REVOCATIONS)

    name, client_id = STANDARD.name, known(STANDARD, "guard").client_id
    bearer = f"Bearer {token.json()['access_token']}"
    await standard.store.apply([SetClientDisabled(name, client_id, NOW)])

    assert error(await listed(standard, STANDARD, basic_)) == (401, "invalid_client")
    assert error(await listed(standard, STANDARD, bearer)) == (401, "invalid_token")

    begun = begin_client(name, client_id, NOW, NOW)
    assert await standard.store.apply([SetClientDisabled(name, client_id, None), *begun]) == Applied()
    assert (await listed(standard, STANDARD, basic_)).status == 200
    assert error(await listed(standard, STANDARD, bearer)) == (401, "invalid_token")


async def test_a_list_from_a_backup_is_told_from_its_beginning(database: Path, tmp_path: Path) -> None:
    """Its numbers are given again, to other things: lower ones than the guard knows, and after a while the same."""
    (tmp_path / "backup").mkdir()
    backup = a_copy(database, tmp_path / "backup")
    name = STANDARD.name

    async def end(served: Serving, *users: str) -> None:
        for user in users:
            assert await served.store.apply([end_user(name, UserId(user), NOW)]) == Applied()

    async with serving(database, [STANDARD]) as served:
        await end(served, "before_1", "before_2", "before_3")
        lost = await OwnRevocations(STANDARD, served.store).after(None)

    async with serving(backup, [STANDARD]) as served:
        own = OwnRevocations(STANDARD, served.store)
        told = []
        for user in ("after_1", "after_2", "after_3", "after_4"):
            await end(served, user)
            told.append([each.id for each in (await own.after(lost.cursor)).revocations])
        whole = await own.after(None)
        again = await own.after(whole.cursor)
        await end(served, "after_5")
        more = await own.after(whole.cursor)

    everybody = ["after_1", "after_2", "after_3", "after_4"]
    assert told == [everybody[:count] for count in (1, 2, 3, 4)]
    assert (again.cursor, again.revocations) == (whole.cursor, ())
    assert [each.id for each in more.revocations] == ["after_5"]


async def test_a_guard_goes_on_by_a_list_that_was_restored_and_forgets_nothing_that_it_knew(
    database: Path, tmp_path: Path
) -> None:
    (tmp_path / "backup").mkdir()
    backup = a_copy(database, tmp_path / "backup")
    name = STANDARD.name
    async with serving(database, [STANDARD]) as before, serving(backup, [STANDARD]) as after:
        sources = [OwnRevocations(STANDARD, served.store) for served in (before, after)]

        class Restored:
            async def after(self, cursor: str | None) -> RevocationPage:
                return await sources[0].after(cursor)

        now = [NOW]
        taken_back = TakenBack(Restored(), lambda: now[0], refuses_unread=False)
        for served, users in ((before, ("one", "two", "three")), (after, ("four",))):
            for user in users:
                assert await served.store.apply([end_user(name, UserId(user), NOW)]) == Applied()
        await taken_back.look(now[0])
        sources.reverse()
        now[0] = Instant(NOW + WAIT_AT)
        await taken_back.look(now[0])

    assert {key for _, key in taken_back._ends} == {"one", "two", "three", "four"}


@pytest.mark.parametrize(
    "cursor", ["x", "-1", "1.5", "1-", "1-5", "1-" + "g" * 16, "-" + "0" * 16, "", "9" * 19, "٣", "1&after=2"]
)
async def test_a_cursor_is_one_that_was_given(standard: Serving, cursor: str) -> None:
    guard = await a_guards_client(standard, STANDARD)

    assert error(await listed(standard, STANDARD, guard, f"?after={cursor}")) == (400, "invalid_request")


async def test_the_list_is_read_with_get(standard: Serving) -> None:
    answer = await standard.get(f"{STANDARD.url}/revocations", "POST")

    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


async def test_G7_V5_a_guard_refuses_within_five_seconds_what_the_user_took_back(database: Path) -> None:
    """Every way in which a grant ends reaches the guard by its next reading; that it is in time, its own tests say."""
    async with serving(database, [LUCA]) as served:
        await an_application(served, LUCA)
        await a_company(served, LUCA)
        guard = Guard(
            issuer=LUCA.url,
            audience=LUCA.audience,
            provider="luca",
            clock=served.clock,
            keys=OwnKeys(LUCA, served.application.copy, served.clock),
            revocations=OwnRevocations(LUCA, served.store),
        )
        given = await tokens(served, LUCA, organisation=COMPANY)
        headers = [(b"authorization", f"Bearer {given['access_token']}".encode())]
        assert (await guard.verify(headers)).organisation_number == COMPANY

        await post(served, LUCA, "/revoke", token=given["refresh_token"])
        served.clock.advance(WAIT_AT)

        with pytest.raises(Denied) as denied:
            await guard.verify(headers)
        assert denied.value.refused.reason == "the token was revoked"


async def test_a_query_of_many_parameters_is_the_callers_fault_or_nobodys(standard: Serving) -> None:
    guard = await a_guards_client(standard, STANDARD)
    cursor = (await listed(standard, STANDARD, guard)).json()["cursor"]
    many = "&".join(f"p{number}={number}" for number in range(200))

    assert (await listed(standard, STANDARD, guard, f"?{many}&after={cursor}")).status == 200
    assert error(await listed(standard, STANDARD, guard, f"?{many}&after={cursor}&after=1")) == (400, "invalid_request")
