"""Refresh tokens over HTTP: Luca's that stay, and those of `standard` that rotate and may be asked for again."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW
from failing_store import FailingStore
from issuing import LUCA, STANDARD, a_copy, a_secret, basic, error, known, opened, serving
from people_served import KARI, quick
from portvakt.model.behalf_change import RevokeFamily, RevokeGrant
from portvakt.model.change import AddSecret, ChangeClient, ExpireSecret, RemoveMember
from portvakt.model.values import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from asgi_driver import Answer
    from people_served import Served

REFUSED = (400, "invalid_grant")
WINDOW = STANDARD.provider.reissue_window
STRICT = replace(STANDARD, provider=replace(STANDARD.provider, reissue_window=Seconds(0)))


@contextlib.asynccontextmanager
async def strict(file: Path, folder: Path) -> AsyncIterator[Served]:
    async with serving(a_copy(file, folder), [STRICT]) as served:
        yield quick(served)


async def rotated(people: Served, token: str, label: str = "app", **more: str) -> str:
    answer = await people.refresh(STANDARD, token, label, **more)
    assert answer.status == 200, answer.body
    found: str = answer.json()["refresh_token"]
    return found


async def first(people: Served, label: str = "app") -> str:
    found: str = (await people.tokens(STANDARD, KARI, label))["refresh_token"]
    return found


async def is_dead(people: Served, *tokens: str, label: str = "app") -> bool:
    return {error(await people.refresh(STANDARD, token, label)) for token in tokens} == {REFUSED}


# --- static -----------------------------------------------------------------------------------------------------------


async def test_lucas_refresh_token_comes_back_and_neither_changes_nor_ends(people: Served) -> None:
    token = (await people.tokens(LUCA))["refresh_token"]

    for _ in range(3):
        people.serving.clock.advance(400 * 86400)
        answer = await people.refresh(LUCA, token)
        assert list(answer.json()) == ["access_token", "refresh_token", "token_type", "expires_in"]
        assert answer.json()["refresh_token"] == token
        assert (await opened(people.serving, LUCA, answer))["organisation_number"] == KARI.companies[0]


async def test_lucas_refresh_token_may_be_used_by_many_at_once(people: Served) -> None:
    token = (await people.tokens(LUCA))["refresh_token"]

    answers = await asyncio.gather(*(people.refresh(LUCA, token) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}


async def test_G6_lucas_refresh_token_ends_with_the_membership(people: Served) -> None:
    token = (await people.tokens(LUCA))["refresh_token"]
    await people.apply(RemoveMember(LUCA.name, KARI.companies[0], KARI.user_id))

    assert error(await people.refresh(LUCA, token)) == REFUSED


# --- rotating ---------------------------------------------------------------------------------------------------------


async def test_F1_an_old_token_after_the_window_ends_the_family(people: Served) -> None:
    old = await first(people)
    new = await rotated(people, old)
    people.serving.clock.advance(WINDOW)

    assert error(await people.refresh(STANDARD, old)) == REFUSED
    assert await is_dead(people, new, old)
    _, told = await people.store.revocations(STANDARD.name, 0, 10)
    assert len(told) == 1


async def test_F2_of_many_at_once_one_wins_where_there_is_no_window(peopled_file: Path, tmp_path: Path) -> None:
    async with strict(peopled_file, tmp_path) as people:
        old = (await people.tokens(STRICT))["refresh_token"]

        answers = await asyncio.gather(*(people.refresh(STRICT, old) for _ in range(20)))

        assert sorted(answer.status for answer in answers) == [200, *[400] * 19]
        assert {error(answer) for answer in answers if answer.status != 200} == {REFUSED}
        (won,) = [answer.json()["refresh_token"] for answer in answers if answer.status == 200]
        assert error(await people.refresh(STRICT, won)) == REFUSED  # the others were replays


async def test_F3_F16_of_many_at_once_all_get_one_successor_and_one_set_of_claims(people: Served) -> None:
    old = await first(people)

    answers = await asyncio.gather(*(people.refresh(STANDARD, old) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    claims = [await opened(people.serving, STANDARD, answer) for answer in answers]
    assert all(one == claims[0] for one in claims)
    assert await rotated(people, successor) != successor


async def test_F4_F16_who_lost_the_answer_gets_it_again(people: Served) -> None:
    old = await first(people)
    lost = await people.refresh(STANDARD, old)
    people.serving.clock.advance(WINDOW - 1)

    again = await people.refresh(STANDARD, old)
    more = await people.refresh(STANDARD, old)

    assert again.json()["refresh_token"] == more.json()["refresh_token"] == lost.json()["refresh_token"]
    claims = [await opened(people.serving, STANDARD, answer) for answer in (lost, again, more)]
    assert claims[0] == claims[1] == claims[2]
    assert again.json()["expires_in"] == lost.json()["expires_in"] - (WINDOW - 1)
    people.serving.clock.advance(1)  # a repeat makes the window no longer
    assert error(await people.refresh(STANDARD, old)) == REFUSED
    assert await is_dead(people, lost.json()["refresh_token"])


async def test_F4_once_the_successor_was_used_a_repeat_is_a_replay(people: Served) -> None:
    old = await first(people)
    new = await rotated(people, old)
    newest = await rotated(people, new)

    assert await is_dead(people, old, new, newest)


async def test_F5_another_client_gets_nothing_and_ends_nothing(people: Served) -> None:
    old = await first(people)

    for label in ("other", "spa"):
        assert error(await people.refresh(STANDARD, old, label)) == REFUSED
    new = await rotated(people, old)
    for label in ("other", "spa"):
        assert error(await people.refresh(STANDARD, old, label)) == REFUSED

    assert (await people.refresh(STANDARD, new)).status == 200


@pytest.mark.parametrize("how", ["family", "grant"])
async def test_F6_what_was_revoked_on_purpose_is_not_given_again(people: Served, how: str) -> None:
    old = await first(people)
    new = await rotated(people, old)
    (grant,) = await people.store.grants_of_user(STANDARD.name, KARI.user_id)
    if how == "grant":
        await people.apply(RevokeGrant(STANDARD.name, grant.id, NOW))
    else:
        (family,) = await families(people)
        await people.apply(RevokeFamily(STANDARD.name, family, NOW))

    assert await is_dead(people, old, new)


@pytest.mark.parametrize("label", ["app", "spa"])
@pytest.mark.parametrize("how", ["family", "grant"])
async def test_F6_a_repeat_that_a_revocation_overtakes_is_refused(
    peopled_file: Path, tmp_path: Path, how: str, label: str
) -> None:
    path = a_copy(peopled_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [STANDARD], store=store) as served:
        people = quick(served)
        old = await first(people, label)
        new = await rotated(people, old, label)
        (grant,) = await people.store.grants_of_user(STANDARD.name, KARI.user_id)
        (family,) = await families(people)
        change = (
            RevokeGrant(STANDARD.name, grant.id, NOW) if how == "grant" else RevokeFamily(STANDARD.name, family, NOW)
        )
        store.beforehand["apply"] = lambda: people.apply(change)  # the repeat was decided on what was there before

        assert error(await people.refresh(STANDARD, old, label)) == REFUSED
        assert await is_dead(people, old, new, label=label)
    await store.close()


async def families(people: Served) -> list[Any]:
    people.serving.rows()
    assert people.serving._rows is not None
    return [row[0] for row in people.serving._rows.execute("SELECT id FROM families")]


async def test_F7_a_grandparent_is_a_replay_inside_the_window(people: Served) -> None:
    oldest = await first(people)
    newest = await rotated(people, await rotated(people, oldest))

    assert error(await people.refresh(STANDARD, oldest)) == REFUSED
    assert await is_dead(people, newest)


async def test_F8_scopes_narrow_for_once_and_never_widen(people: Served) -> None:
    browser = people.browser(STANDARD)
    code = await browser.get_code(KARI, scope="read write")
    token = (await people.exchange(STANDARD, code)).json()["refresh_token"]

    narrow = await people.refresh(STANDARD, token, scope="read")
    wide = await people.refresh(STANDARD, narrow.json()["refresh_token"])
    refused = await people.refresh(STANDARD, wide.json()["refresh_token"], scope="read write admin")
    elsewhere = await people.refresh(STANDARD, wide.json()["refresh_token"], resource="https://api.elsewhere.example")

    assert (narrow.json()["scope"], wide.json()["scope"]) == ("read", "read write")
    assert (error(refused), error(elsewhere)) == ((400, "invalid_scope"), (400, "invalid_target"))
    assert (await people.refresh(STANDARD, wide.json()["refresh_token"])).status == 200


async def test_F10_a_token_ends_when_idle_and_its_family_after_a_year(people: Served) -> None:
    idle, used = await first(people), await first(people)
    provider = STANDARD.provider
    for _ in range(provider.refresh_absolute // provider.refresh_idle + 1):
        people.serving.clock.advance(provider.refresh_idle - 1)
        answer = await people.refresh(STANDARD, used)
        if answer.status != 200:
            break
        used = answer.json()["refresh_token"]

    assert people.serving.clock() - NOW >= provider.refresh_absolute
    assert error(answer) == REFUSED
    assert await is_dead(people, idle, used)


async def test_F12_a_refresh_works_while_secrets_rotate(people: Served) -> None:
    token = await first(people)
    client = known(STANDARD, "app")
    facts = await people.store.client_facts(STANDARD.name, client.client_id)
    second = a_secret(STANDARD, "app", of="app-second")
    (old,) = facts.secrets
    name, version = STANDARD.name, facts.client.version
    await people.apply(ChangeClient(name, client.client_id, version), AddSecret(name, second))

    new = await rotated(people, token)
    again = await people.refresh(STANDARD, token, client_secret=known(STANDARD, "app-second").secret)
    await people.apply(
        ChangeClient(name, client.client_id, version + 1), ExpireSecret(name, client.client_id, old.id, NOW)
    )

    assert again.json()["refresh_token"] == new  # the same way of proving who one is, with another secret
    assert error(await people.refresh(STANDARD, new)) == (401, "invalid_client")
    assert (await people.refresh(STANDARD, new, client_secret=known(STANDARD, "app-second").secret)).status == 200


async def test_F14_a_restart_neither_ends_nor_lengthens_the_window(peopled_file: Path, tmp_path: Path) -> None:
    path = a_copy(peopled_file, tmp_path)
    async with serving(path, [STANDARD]) as served:
        one = quick(served)
        kept, old = await first(one), await first(one)
        successor, new = await rotated(one, kept), await rotated(one, old)
        clock = served.clock
    clock.advance(WINDOW - 1)
    async with serving(path, [STANDARD], clock=clock) as served:
        assert await rotated(quick(served), kept) == successor
    clock.advance(1)
    async with serving(path, [STANDARD], clock=clock) as served:
        assert await is_dead(quick(served), old, new)


async def test_F15_another_request_with_a_used_token_ends_nothing(people: Served) -> None:
    old = await first(people)
    new = await rotated(people, old)

    scoped = await people.refresh(STANDARD, old, scope="read")
    client = known(STANDARD, "app")
    by_header = await people.token(
        STANDARD,
        "spa",
        client_id="",
        authorization=basic(client.client_id, client.secret),
        grant_type="refresh_token",
        refresh_token=old,
    )

    assert (error(scoped), error(by_header)) == (REFUSED, REFUSED)
    assert (await people.refresh(STANDARD, new)).status == 200


async def repeat_for(people: Served, label: str, generations: int) -> list[Answer]:
    token = await first(people, label)
    answers = []
    for _ in range(generations):
        answers = [await people.refresh(STANDARD, token, label) for _ in range(2)]
        if answers[-1].status != 200:
            break
        token = answers[-1].json()["refresh_token"]
        people.serving.clock.advance(1)
    return answers


async def test_F17_two_who_alternate_are_a_theft_for_a_public_client_alone(people: Served) -> None:
    assert (await repeat_for(people, "app", 5))[-1].status == 200
    assert (await repeat_for(people, "spa", 2))[-1].status == 200

    answers = await repeat_for(people, "spa", 3)

    assert [answer.status for answer in answers] == [200, 400]
    assert await is_dead(people, answers[0].json()["refresh_token"], label="spa")


async def test_F18_a_repeat_is_refused_once_the_user_may_not(people: Served) -> None:
    old = await first(people)
    new = await rotated(people, old)
    await people.apply(RemoveMember(STANDARD.name, KARI.companies[0], KARI.user_id))

    assert await is_dead(people, old, new)


async def test_K5_the_database_holds_no_code_token_or_cookie(people: Served) -> None:
    browser = people.browser(STANDARD)
    code = await browser.get_code(KARI)
    token = (await people.exchange(STANDARD, code)).json()["refresh_token"]
    new = await rotated(people, token)
    held = people.serving.path.read_bytes() + people.serving.path.with_name("portvakt.db-wal").read_bytes()

    for secret in (code, token, new, KARI.password, *browser.cookies.values()):
        assert secret.encode() not in held
        assert secret[7:50].encode() not in held


async def test_F7_who_loses_at_every_step_is_refused_and_told_of_no_fault(peopled_file: Path, tmp_path: Path) -> None:
    path = a_copy(peopled_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [STANDARD], store=store) as served:
        people = quick(served)
        parent = await first(people)
        child: list[str] = []

        async def redeem_it() -> None:
            child.append(await rotated(people, parent))
            store.beforehand["apply"] = redeem_the_child

        async def redeem_the_child() -> None:
            child.append(await rotated(people, child[0]))
            store.beforehand["apply"] = replay_it

        async def replay_it() -> None:
            assert error(await people.refresh(STANDARD, parent)) == REFUSED

        store.beforehand["apply"] = redeem_it

        answer = await people.refresh(STANDARD, parent)

        assert error(answer) == REFUSED
        assert len(child) == 2
        assert await is_dead(people, parent, *child)
    await store.close()
