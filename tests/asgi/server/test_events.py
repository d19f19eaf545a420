"""What people and their applications do is in the audit log: what, who, and from where; and never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acting import post
from issuing import LUCA, STANDARD, known
from people_served import KARI, SAM, settled
from portvakt.model.audit import Act, ActorKind, By
from portvakt.server.refused_log_ins import NOTED, RefusedLogIns

if TYPE_CHECKING:
    from people_served import Browser, Served
    from portvakt.model.audit import Entry
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)


async def lines(people: Served, issuer: Issuer) -> list[Entry]:
    """Return the log, oldest first."""
    await settled()
    _, found = await people.store.audit(issuer.name, before=None, limit=100)
    assert not [secret for secret in people.serving.secrets if len(secret) > 8 and secret in str(found)]
    assert all(line.by.request_id for line in found)
    return list(reversed(found))


def told(found: list[Entry]) -> list[tuple[Act, ActorKind, str]]:
    return [(line.event.act, line.by.kind, line.by.address) for line in found]


async def refused(browser: Browser, email: str) -> None:
    form = (await browser.get(f"{browser.root}/login")).form("/login")
    assert (await browser.submit(form, email=email, password="wrong-wrong-wrong")).status == 403


@WITH_PEOPLE
async def test_log_ins_and_log_outs_are_in_the_log_of_their_user_alone(people: Served, issuer: Issuer) -> None:
    first, second = people.browser(issuer, address="192.0.2.10"), people.browser(issuer, address="192.0.2.11")
    await refused(first, "nobody@example.com")
    await refused(first, KARI.email)
    await first.log_in(KARI)
    await second.log_in(KARI)
    sessions = await second.get(f"{second.root}/sessions")
    await second.submit(next(form for form in sessions.forms if form.fields.get("do") == "end"))
    await second.submit((await second.get(f"{second.root}/logout")).form("/logout"))

    found = await lines(people, issuer)

    user, nobody = ActorKind.USER, ActorKind.NOBODY
    assert sorted(told(found)) == sorted(
        [
            (Act.LOG_IN_FAILED, nobody, "192.0.2.10"),
            (Act.LOG_IN, user, "192.0.2.10"),
            (Act.LOG_IN, user, "192.0.2.11"),
            (Act.SESSION_ENDED, user, "192.0.2.11"),
            (Act.SESSION_ENDED, user, "192.0.2.11"),
        ]
    )
    assert {line.event.user for line in found} == {KARI.user_id}
    assert {line.by.id for line in found if line.by.kind is user} == {KARI.user_id}
    begun = sorted(line.event.id for line in found if line.event.act is Act.LOG_IN)
    assert begun == sorted(line.event.id for line in found if line.event.act is Act.SESSION_ENDED)


@WITH_PEOPLE
async def test_what_a_user_gives_and_takes_back_is_in_the_log(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    await browser.get_code(KARI)
    page = await browser.get(f"{browser.root}/connected")
    await browser.submit(page.form("/connected"))

    given, revoked = [line for line in await lines(people, issuer) if line.event.id.startswith("grant_")]

    assert (given.event.act, revoked.event.act) == (Act.GRANT_GIVEN, Act.GRANT_REVOKED)
    assert given.event.id == revoked.event.id
    assert given.event.client == known(issuer, "app").client_id
    assert given.event.after["scopes"]
    assert {(line.by.kind, line.by.id) for line in (given, revoked)} == {(ActorKind.USER, KARI.user_id)}


@WITH_PEOPLE
async def test_I1_a_code_that_is_used_twice_is_in_the_log_once(people: Served, issuer: Issuer) -> None:
    code = await people.code(issuer)
    for status in (200, 400, 400):
        assert (await people.exchange(issuer, code)).status == status

    found = [line for line in await lines(people, issuer) if line.by.kind is ActorKind.CLIENT]

    client_id = known(issuer, "app").client_id
    assert [line.event.act for line in found] == [Act.GRANT_REVOKED, Act.CODE_REPLAYED]
    assert {(line.by.id, line.by.issuer, line.by.address) for line in found} == {(client_id, issuer.name, "192.0.2.1")}


async def test_F1_F17_a_refresh_token_that_is_shown_again_is_in_the_log_with_both_addresses(people: Served) -> None:
    token = (await people.tokens(STANDARD))["refresh_token"]
    for after, status in ((0, 200), (0, 200), (3600, 400), (0, 400)):
        people.serving.clock.advance(after)
        assert (await people.refresh(STANDARD, token)).status == status

    found = [line for line in await lines(people, STANDARD) if line.by.kind is ActorKind.CLIENT]

    acts = [Act.REFRESH_TOKEN_REPEATED, Act.GRANT_REVOKED, Act.REFRESH_TOKEN_REPLAYED]
    assert [line.event.act for line in found] == acts
    for line in (found[0], found[2]):
        assert line.event.after == {"generation": 0, "from": "192.0.2.1", "first_from": "192.0.2.1"}


async def test_an_application_that_gives_back_its_token_is_in_the_log(people: Served) -> None:
    token = (await people.tokens(STANDARD))["refresh_token"]
    assert (await post(people.serving, STANDARD, "/revoke", "app", token=token)).status == 200

    (found,) = [line for line in await lines(people, STANDARD) if line.by.kind is ActorKind.CLIENT]

    assert (found.event.act, found.by.id) == (Act.GRANT_REVOKED, known(STANDARD, "app").client_id)


async def test_the_api_keys_that_a_user_makes_and_revokes_are_in_the_log(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(KARI)
    page = await browser.get(f"{browser.root}/api-keys")
    made = await browser.submit(next(form for form in page.forms if "name" in form.fields), name="script")
    await browser.submit(next(form for form in made.forms if form.fields.get("do") == "revoke"))

    found = [line for line in await lines(people, LUCA) if line.event.id.startswith("key_")]

    assert [line.event.act for line in found] == [Act.API_KEY_CREATED, Act.API_KEY_REVOKED]
    assert {(line.by.kind, line.by.id) for line in found} == {(ActorKind.USER, KARI.user_id)}
    assert found[0].event.after["name"] == "script"


async def test_a_thousand_refused_log_ins_are_a_few_lines_of_the_user_and_of_the_address(people: Served) -> None:
    log = RefusedLogIns(people.serving.application._desk(LUCA))

    async def lines() -> int:
        await settled()
        _, found = await people.store.audit(LUCA.name, before=None, limit=200, act=Act.LOG_IN_FAILED)
        return len(found)

    for number in range(500):  # one account, from everywhere
        log.note(KARI.email, By(address=f"198.51.{number // 250}.{number % 250}"))
        await settled()
    of_one_user = await lines()
    for number in range(500):  # from one address, at whoever there is
        log.note((KARI.email, SAM.email, "nobody@example.no")[number % 3], By(address="192.0.2.77"))
        await settled()
    of_one_address = await lines() - of_one_user
    people.serving.clock.advance(NOTED.window)
    log.note(KARI.email, By(address="192.0.2.77"))

    assert (of_one_user, of_one_address) == (NOTED.limit, NOTED.limit)
    assert await lines() == 2 * NOTED.limit + 1
