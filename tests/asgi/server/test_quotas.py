"""How often a client may ask, and what becomes of those who fail in its name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from acting import an_application, post, refresh, tokens
from asgi_driver import call
from failing_store import FailingStore
from issuing import (
    BREEZE,
    BREEZE_PRODUCTION,
    CANARY,
    FORM,
    JSON,
    PRISJAKT,
    STANDARD,
    a_client,
    as_form,
    basic,
    body,
    challenge,
    error,
    known,
    refused,
    serving,
)
from portvakt.model.change import ChangeClient, SetClient
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.protocol.own_scopes import REVOCATIONS
from portvakt.server.authenticating import FAILURES, FAILURES_OF_ADDRESS
from portvakt.server.shown_tokens import Introspecting, Revoking

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_driver import Answer
    from issuing import Serving
    from portvakt.model.nouns import Issuer

WRONG = body(BREEZE, client_secret=CANARY)


def too_many(answer: Answer, limit: int, window: str, seconds: int) -> None:
    """Check Breeze's 429, to the byte."""
    text = (
        f"Rate limit exceeded for OAuth token requests. Maximum {limit} requests per {window} allowed. "
        f"Try again in {seconds} seconds."
    )
    refused(answer, 429, "too_many_requests", text, retry_after=str(seconds))


async def use_up(served: Serving, issuer: Issuer = BREEZE, times: int = 100) -> None:
    for _ in range(times):
        assert (await served.ask(issuer)).status == 200


async def fail(served: Serving, times: int = FAILURES.limit, *, address: str = "192.0.2.1") -> None:
    for _ in range(times):
        assert error(await served.ask(BREEZE, WRONG, address=address)) == (401, "invalid_client")


async def test_breeze_gives_100_an_hour_then_429_with_the_seconds_left(breeze: Serving) -> None:
    await use_up(breeze, times=1)
    breeze.clock.advance(3180)
    await use_up(breeze, times=99)

    too_many(await breeze.ask(BREEZE), 100, "hour", 420)


async def test_the_window_begins_with_the_first_request_and_ends_when_it_says(breeze: Serving) -> None:
    breeze.clock.advance(1000)
    await use_up(breeze)
    too_many(await breeze.ask(BREEZE), 100, "hour", 3600)

    breeze.clock.advance(3599)
    too_many(await breeze.ask(BREEZE), 100, "hour", 1)
    breeze.clock.advance(1)

    await use_up(breeze)
    too_many(await breeze.ask(BREEZE), 100, "hour", 3600)


async def test_a_clock_that_is_set_back_never_makes_a_window_longer(breeze: Serving) -> None:
    await use_up(breeze)
    breeze.clock.advance(-10_000)

    await use_up(breeze)

    too_many(await breeze.ask(BREEZE), 100, "hour", 3600)


async def test_each_client_has_a_quota_of_its_own_at_each_issuer(database: Path) -> None:
    async with serving(database, [BREEZE, BREEZE_PRODUCTION]) as served:
        await use_up(served)

        assert (await served.ask(BREEZE, body(BREEZE, "second"))).status == 200
        assert (await served.ask(BREEZE_PRODUCTION)).status == 200
        assert (await served.ask(BREEZE)).status == 429


async def test_who_has_no_quota_asks_as_often_as_it_likes(prisjakt: Serving) -> None:
    await use_up(prisjakt, PRISJAKT, 150)


async def test_a_client_may_have_a_quota_of_its_own_instead(breeze: Serving) -> None:
    facts = await breeze.store.client_facts(BREEZE.name, known(BREEZE).client_id)
    assert facts is not None
    own = replace(facts.client, token_quota=Quota(2, Seconds(90)))
    await breeze.store.apply([ChangeClient(own.issuer, own.id, own.version), SetClient(own)])

    await use_up(breeze, times=2)

    too_many(await breeze.ask(BREEZE), 2, "90 seconds", 90)
    assert (await breeze.ask(BREEZE, body(BREEZE, "second"))).status == 200


async def test_other_providers_say_it_in_their_own_words(database: Path) -> None:
    issuer = replace(STANDARD, token_quota=Quota(2, Seconds(90)))

    async with serving(database, [issuer]) as served:
        await use_up(served, issuer, 2)
        answer = await served.ask(issuer)

    text = "Rate limit exceeded: at most 2 requests per 90 seconds. Try again in 90 seconds."
    refused(answer, 429, "temporarily_unavailable", text, retry_after="90")


async def test_E1_it_is_one_bucket_whichever_way_the_client_asks(breeze: Serving) -> None:
    alone = {"grant_type": "client_credentials"}
    escaped = as_form(body(BREEZE)).replace(b"client_id", b"%63lient_id")
    basic = known(BREEZE).basic
    for number in range(20):
        address = f"203.0.113.{number}"
        answers = [
            await breeze.ask(BREEZE, address=address),
            await breeze.ask(BREEZE, body(BREEZE), JSON, address=f"2001:db8::{number:x}"),
            await breeze.ask(BREEZE, alone, authorization=basic, headers=[("x-forwarded-for", address)]),
            await breeze.ask(BREEZE, alone, JSON, authorization=basic),
            await breeze.ask(BREEZE, escaped, FORM.upper()),
        ]
        assert {answer.status for answer in answers} == {200}

    too_many(await breeze.ask(BREEZE, body(BREEZE), JSON), 100, "hour", 3600)
    too_many(await breeze.ask(BREEZE, alone, authorization=basic, address="198.51.100.9"), 100, "hour", 3600)
    too_many(await breeze.ask(BREEZE, escaped), 100, "hour", 3600)


@pytest.mark.parametrize("path", ["/breeze-test/oauth/token/", "/breeze-test/OAuth/Token", "/breeze-test//oauth/token"])
async def test_E1_another_path_is_no_way_around(breeze: Serving, path: str) -> None:
    await use_up(breeze)

    assert (await breeze.ask(BREEZE, path=path)).status == 404


async def test_E3_who_only_names_a_client_does_not_use_up_its_quota(breeze: Serving) -> None:
    for number in range(300):
        await breeze.ask(BREEZE, WRONG, address=f"203.0.113.{number % 9}")
        await breeze.ask(BREEZE, body(BREEZE, grant_type="password"))
        await breeze.ask(BREEZE, as_form(body(BREEZE)) + b"&client_id=again")

    await use_up(breeze)

    too_many(await breeze.ask(BREEZE), 100, "hour", 3600)


async def test_a_request_that_authenticated_counts_whatever_it_asked_for(breeze: Serving) -> None:
    for _ in range(100):
        assert error(await breeze.ask(BREEZE, body(BREEZE, scope="read"))) == (400, "invalid_scope")

    too_many(await breeze.ask(BREEZE), 100, "hour", 3600)


async def test_E3_who_fails_too_often_is_told_so_and_only_until_the_window_ends(breeze: Serving) -> None:
    await fail(breeze)
    breeze.clock.advance(40)

    too_many(await breeze.ask(BREEZE, WRONG), 60, "minute", 20)

    breeze.clock.advance(20)
    answer = await breeze.ask(BREEZE, WRONG)
    refused(answer, 401, "invalid_client", "Invalid client credentials", www_authenticate=challenge(BREEZE))


async def test_E3_the_right_secret_works_through_a_full_bucket_of_failures(breeze: Serving) -> None:
    await fail(breeze)
    assert (await breeze.ask(BREEZE, WRONG)).status == 429

    assert (await breeze.ask(BREEZE)).status == 200

    await breeze.store.apply(a_client(BREEZE, "another"))  # a change of anything empties the copy
    assert (await breeze.ask(BREEZE)).status == 200
    assert (await breeze.ask(BREEZE, WRONG)).status == 429


async def test_E3_the_right_secret_works_through_a_full_bucket_where_nothing_can_be_held(database: Path) -> None:
    store = FailingStore(database)
    async with serving(database, [BREEZE], store=store) as served:
        store.is_blind = True
        await fail(served)

        assert (await served.ask(BREEZE, WRONG)).status == 429
        assert (await served.ask(BREEZE)).status == 200
    await store.close()


async def test_a_bucket_of_failures_is_one_client_from_one_address(breeze: Serving) -> None:
    await fail(breeze)

    other_client = await breeze.ask(BREEZE, body(BREEZE, "second", client_secret=CANARY))
    other_address = await breeze.ask(BREEZE, WRONG, address="192.0.2.2")

    assert (other_client.status, other_address.status) == (401, 401)


async def test_E1_an_address_of_ipv6_counts_with_its_64(breeze: Serving) -> None:
    for number in range(FAILURES.limit):
        await fail(breeze, 1, address=f"2001:db8:1:2::{number:x}")

    assert (await breeze.ask(BREEZE, WRONG, address="2001:db8:1:2:ffff::1")).status == 429
    assert (await breeze.ask(BREEZE, WRONG, address="2001:db8:1:3::1")).status == 401


@pytest.mark.parametrize("guesses", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("addresses", [1, 1000])
async def test_A13_guessing_one_clients_secret_locks_out_nobody_but_the_guesser(
    breeze: Serving, guesses: int, addresses: int
) -> None:
    guesser = [f"10.0.{number // 250}.{number % 250}" for number in range(addresses)]
    heard = FAILURES.limit * addresses
    for number in range(guesses):
        answer = await breeze.ask(BREEZE, WRONG, address=guesser[number % addresses])
        if number < heard:
            assert error(answer) == (401, "invalid_client")
        else:
            too_many(answer, FAILURES.limit, "minute", 60)
        if number % (guesses // 20) == 0:
            assert (await breeze.ask(BREEZE, address="192.0.2.7")).status == 200
    await fail(breeze, address="198.51.100.1")

    assert (await breeze.ask(BREEZE, WRONG, address="198.51.100.1")).header("retry-after") == "60"
    assert (await breeze.ask(BREEZE, address="192.0.2.7")).status == 200
    assert (await breeze.ask(BREEZE, address=guesser[0])).status == 200


async def test_A13_guessing_one_id_after_another_ends_at_the_address_and_asks_the_store_no_more(
    database: Path,
) -> None:
    store = FailingStore(database)
    async with serving(database, [BREEZE], store=store) as served:
        assert (await served.ask(BREEZE, address="192.0.2.1")).status == 200
        for number in range(FAILURES_OF_ADDRESS.limit):
            answer = await served.ask(BREEZE, body(BREEZE, client_id=f"oauth_{number}"))
            assert answer.status == 401
        asked = store.asked["client_facts"]

        too_many(await served.ask(BREEZE, body(BREEZE, client_id="oauth_next")), 1000, "minute", 60)

        assert store.asked["client_facts"] == asked
        assert (await served.ask(BREEZE)).status == 200  # held, and right
        assert (await served.ask(BREEZE, WRONG, address="192.0.2.2")).status == 401
        assert [line["reason"] for line in served.lines() if line["status"] == 429] == [
            "too many failed authentications"
        ]
    await store.close()


async def test_E3_guessing_from_ones_address_does_not_stop_a_client_that_was_there_before(database: Path) -> None:
    store = FailingStore(database)
    async with serving(database, [BREEZE], store=store) as served:
        assert (await served.ask(BREEZE, address="192.0.2.1")).status == 200
        for number in range(FAILURES_OF_ADDRESS.limit):
            await served.ask(BREEZE, body(BREEZE, client_id=f"oauth_{number}"), address="192.0.2.1")
        store.is_blind = True  # as after any change: nothing is held

        assert (await served.ask(BREEZE, address="192.0.2.1")).status == 200
    await store.close()


async def test_A1_past_the_limit_one_who_exists_and_one_who_does_not_are_told_alike_and_unasked(
    database: Path,
) -> None:
    store = FailingStore(database)
    async with serving(database, [BREEZE], store=store) as served:
        for wrong in (WRONG, body(BREEZE, client_id="oauth_nobody")):
            for _ in range(FAILURES.limit):
                await served.ask(BREEZE, wrong)
            asked = store.asked["client_facts"]

            answer = await served.ask(BREEZE, wrong)

            assert answer.status == 429
            assert store.asked["client_facts"] == asked
    await store.close()


async def test_E4_strangers_make_no_end_of_buckets(breeze: Serving) -> None:
    failures = breeze.application._failures
    failures._most_keys = 50

    for number in range(300):
        await breeze.ask(BREEZE, body(BREEZE, client_id=f"{number}" + "x" * 1000), address=f"10.1.{number % 200}.1")

    assert len(failures) <= 50
    assert max(len(str(key)) for rows in failures._rows.values() for key in rows) < 200
    assert len(breeze.application.windows) == 0


async def test_E4_strangers_push_no_client_out_of_its_window(breeze: Serving) -> None:
    breeze.application._failures._most_keys = 10
    breeze.application.windows._most_keys = 10
    await use_up(breeze)

    for number in range(100):
        await breeze.ask(BREEZE, body(BREEZE, client_id=f"oauth_{number}"))

    assert (await breeze.ask(BREEZE)).status == 429


# --- tokens that are given back or asked about ----------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many may be given back, and asked about, in an hour."""
    for endpoint in (Revoking, Introspecting):
        monkeypatch.setattr(endpoint, "quota", Quota(3, Seconds(3600)))
    return 3


def exceeded(answer: Answer) -> bool:
    if answer.status != 429:
        return False
    assert error(answer) == (429, STANDARD.provider.rate_limited.code)
    assert answer.header("retry-after") == "3600"
    return True


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
async def test_E1_E5_a_client_has_one_bucket_for_what_it_shows_however_it_asks(
    standard: Serving, few: int, path: str
) -> None:
    await an_application(standard, STANDARD)
    await an_application(standard, STANDARD, "other")
    client = known(STANDARD, "app")
    headers = [("authorization", basic(client.client_id, client.secret)), ("x-forwarded-for", "192.0.2.77")]
    ways: list[tuple[str | None, list[tuple[str, str]]]] = [("app", []), (None, headers), ("app", headers[1:])]

    for label, sent in ways:
        assert (await post(standard, STANDARD, path, label, token="x", headers=sent)).status == 200
    for label, sent in ways:
        assert exceeded(await post(standard, STANDARD, path, label, token="x", headers=sent))

    assert len(ways) == few
    assert (await post(standard, STANDARD, path, "other", token="x")).status == 200
    elsewhere = {"/revoke": "/introspect", "/introspect": "/revoke"}[path]
    assert (await post(standard, STANDARD, elsewhere, token="x")).status == 200
    assert (await standard.ask(STANDARD)).status == 200
    standard.clock.advance(3600)
    assert (await post(standard, STANDARD, path, token="x")).status == 200


async def test_E3_what_was_refused_ends_nothing_and_who_proves_nothing_uses_nothing_up(
    standard: Serving, few: int
) -> None:
    await an_application(standard, STANDARD)
    token = (await tokens(standard, STANDARD))["refresh_token"]
    for _ in range(few + 1):
        wrong = await post(standard, STANDARD, "/revoke", client_secret=CANARY, token=token)
        assert error(wrong) == (401, "invalid_client")
    for _ in range(few):
        assert (await post(standard, STANDARD, "/revoke", token="x")).status == 200

    assert exceeded(await post(standard, STANDARD, "/revoke", token=token))
    assert (await refresh(standard, STANDARD, token)).status == 200


async def test_E3_who_uses_a_public_clients_id_fills_the_bucket_of_their_own_address(
    standard: Serving, few: int
) -> None:
    await an_application(standard, STANDARD, "spa", authentication=ClientAuthentication.NONE)
    sent = as_form({"client_id": known(STANDARD, "spa").client_id, "token": "x"})
    headers = {"host": "id.example", "content-type": FORM}

    async def revoke(address: str) -> Answer:
        return await call(
            standard.application, "POST", "/acme/revoke", headers=headers, body=sent, client=(address, 5000)
        )

    for _ in range(few):
        assert (await revoke("192.0.2.1")).status == 200

    assert exceeded(await revoke("192.0.2.1"))
    assert (await revoke("192.0.2.2")).status == 200


async def test_E3_who_only_names_a_public_client_leaves_its_users_their_tokens(database: Path) -> None:
    issuer = replace(STANDARD, token_quota=Quota(2, Seconds(3600)))
    async with serving(database, [issuer]) as served:
        await an_application(served, issuer, "spa", authentication=ClientAuthentication.NONE)
        client = known(issuer, "spa").client_id
        form = as_form({"grant_type": "refresh_token", "refresh_token": "x", "client_id": client})
        headers = {"host": "id.example", "content-type": FORM}

        async def ask(address: str) -> int:
            to = served.application, "POST", "/acme/token"
            return (await call(*to, headers=headers, body=form, client=(address, 5000))).status

        assert [await ask("192.0.2.1") for _ in range(3)] == [400, 400, 429]
        assert await ask("192.0.2.2") == 400


async def test_A13_wrong_secrets_and_tokens_are_counted_at_the_list_of_what_was_taken_back(standard: Serving) -> None:
    await standard.store.apply(a_client(STANDARD, "guard", scopes=(REVOCATIONS,), default_scopes=()))
    guard = known(STANDARD, "guard")

    async def listed(authorization: str) -> int:
        headers = [("authorization", authorization)]
        return (await standard.get(f"{STANDARD.url}/revocations", headers=headers)).status

    secrets = [await listed(basic(guard.client_id, CANARY)) for _ in range(FAILURES.limit + 1)]
    tokens = [await listed("Bearer x.y.z") for _ in range(FAILURES_OF_ADDRESS.limit + 1)]

    assert secrets == [401] * FAILURES.limit + [429]
    assert tokens == [401] * FAILURES_OF_ADDRESS.limit + [429]
    assert await listed(guard.basic) == 200
