"""Secrets rotate, clients are disabled, keys follow one another: what tokens and requests meet meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from acting import post
from administering import make_client
from builders import NOW
from issuing import (
    BREEZE,
    CANARY,
    INSTALLATION,
    OWNER,
    STANDARD,
    a_client,
    a_copy,
    a_secret,
    body,
    challenge,
    error,
    known,
    opened,
    refused,
    serving,
)
from polling import until
from portvakt.jose.keys import read_public_jwk
from portvakt.jose.sealing import UnsealFailed
from portvakt.jose.verifying import TokenRefused, open_token, split
from portvakt.model.change import Applied
from portvakt.model.nouns import Algorithm
from portvakt.model.provider import Quota
from portvakt.model.values import Instant, KeyId, Seconds, Secret
from portvakt.protocol.govern.keys import KEY_SET_MAX_AGE, OVERLAP
from portvakt.server.administration import Administration, Refusal
from portvakt.server.application import Application
from portvakt.server.clock import TurnableClock
from portvakt.server.log import Log
from portvakt.server.own_keys import OwnKeys
from portvakt.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from issuing import Serving
    from portvakt.model.nouns import Issuer
    from portvakt.store import Store

FAR = Quota(10**9, Seconds(3600))
MAIN = known(BREEZE)


@pytest.fixture
async def elsewhere(database: Path) -> AsyncIterator[Store]:
    """Another store on the same file, as another process would have it."""
    store = await open_store(f"sqlite:///{database}")
    yield store
    await store.close()


def administering(served: Serving, store: Store | None = None) -> Administration:
    return Administration(store or served.store, INSTALLATION, clock=served.clock)


@pytest.fixture(params=["the same store", "another store"])
def changing(request: pytest.FixtureRequest, breeze: Serving, elsewhere: Store) -> Store:
    """The store that changes something under the server."""
    return breeze.store if request.param == "the same store" else elsewhere


@contextlib.asynccontextmanager
async def noticed(served: Serving, by: Store) -> AsyncIterator[None]:
    """Wait, after a change by a store, until the server knows of it: at once if the store is its own, else 1 s."""
    watch = served.store.watch()
    before = watch.token()
    yield
    if by is served.store:
        assert watch.token() != before
    await until(lambda: watch.token() != before, 1)


async def status_with(served: Serving, secret: str) -> int:
    return (await served.ask(BREEZE, body(BREEZE, client_secret=secret))).status


async def test_A10_in_the_overlap_both_secrets_work_and_after_it_the_new_one_alone(
    breeze: Serving, changing: Store
) -> None:
    administration = administering(breeze, changing)
    assert await status_with(breeze, MAIN.secret) == 200

    async with noticed(breeze, changing):
        made = await administration.clients(BREEZE).rotate_secret(MAIN.client_id, grace=Seconds(3600))
        assert made.secret is not None
        new = made.secret.reveal()
        assert await status_with(breeze, new) == 200  # at once, before anybody knows of it

    assert (await status_with(breeze, new), await status_with(breeze, MAIN.secret)) == (200, 200)
    breeze.clock.advance(3599)
    assert (await status_with(breeze, new), await status_with(breeze, MAIN.secret)) == (200, 200)
    breeze.clock.advance(1)
    assert await status_with(breeze, new) == 200
    expired = await breeze.ask(BREEZE)
    text = "Client secret has expired. Ask an administrator to rotate the secret."
    refused(expired, 401, "invalid_client", text, www_authenticate=challenge(BREEZE))


async def test_A10_a_rotation_without_overlap_ends_the_old_secret_at_once(breeze: Serving, changing: Store) -> None:
    administration = administering(breeze, changing)
    assert await status_with(breeze, MAIN.secret) == 200

    async with noticed(breeze, changing):
        made = await administration.clients(BREEZE).rotate_secret(MAIN.client_id, grace=Seconds(0))

    assert await status_with(breeze, MAIN.secret) == 401
    assert made.secret is not None
    assert await status_with(breeze, made.secret.reveal()) == 200


async def test_A10_a_rotation_never_makes_an_old_secret_live_longer(breeze: Serving) -> None:
    administration = administering(breeze)
    brief = await administration.clients(BREEZE).rotate_secret(
        MAIN.client_id, grace=Seconds(60), expires_in=Seconds(100)
    )
    await administration.clients(BREEZE).rotate_secret(MAIN.client_id, grace=Seconds(7 * 86400))
    assert brief.secret is not None

    breeze.clock.advance(60)
    assert await status_with(breeze, MAIN.secret) == 401
    assert await status_with(breeze, brief.secret.reveal()) == 200
    breeze.clock.advance(40)
    assert await status_with(breeze, brief.secret.reveal()) == 401


@pytest.mark.parametrize(("turned", "status"), [(-1, 200), (0, 401), (1, 401)])
async def test_A10_a_secret_ends_exactly_when_it_says(breeze: Serving, turned: int, status: int) -> None:
    rows = [a_secret(BREEZE, "brief", expires_at=NOW + 500)]
    assert await breeze.store.apply(a_client(BREEZE, "brief", rows)) == Applied()
    breeze.clock.advance(500 + turned)

    assert (await breeze.ask(BREEZE, body(BREEZE, "brief"))).status == status


async def test_A10_a_revoked_secret_does_not_work_beside_a_live_one(breeze: Serving) -> None:
    rows = [a_secret(BREEZE, "two", of="old", revoked_at=NOW), a_secret(BREEZE, "two", of="new")]
    assert await breeze.store.apply(a_client(BREEZE, "two", rows)) == Applied()

    old = await breeze.ask(BREEZE, body(BREEZE, "two", client_secret=known(BREEZE, "old").secret))
    new = await breeze.ask(BREEZE, body(BREEZE, "two", client_secret=known(BREEZE, "new").secret))

    refused(old, 401, "invalid_client", "Invalid client credentials", www_authenticate=challenge(BREEZE))
    assert new.status == 200


async def test_A10_a_secret_that_is_revoked_stops_at_once_and_the_other_goes_on(
    breeze: Serving, changing: Store
) -> None:
    clients = administering(breeze, changing).clients(BREEZE)
    made = await clients.rotate_secret(MAIN.client_id, grace=Seconds(3600))
    assert made.secret is not None
    new, old_id = made.secret.reveal(), made.facts.secrets[0].id
    assert (await status_with(breeze, new), await status_with(breeze, MAIN.secret)) == (200, 200)

    async with noticed(breeze, changing):
        await clients.revoke_secret(MAIN.client_id, old_id)

    assert (await status_with(breeze, new), await status_with(breeze, MAIN.secret)) == (200, 401)


@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
async def test_A10_an_ended_secret_is_refused_at_every_endpoint(standard: Serving, path: str) -> None:
    rows = [
        a_secret(STANDARD, "two", of="two-over", expires_at=NOW + 500),
        a_secret(STANDARD, "two", of="two-revoked", revoked_at=NOW),
        a_secret(STANDARD, "two", of="two-live"),
    ]
    assert await standard.store.apply(a_client(STANDARD, "two", rows)) == Applied()
    sent: dict[str, Any] = {"grant_type": "client_credentials", "token": "x"}

    async def status(which: str) -> int:
        return (
            await post(standard, STANDARD, path, "two", client_secret=known(STANDARD, f"two-{which}").secret, **sent)
        ).status

    assert [await status(which) for which in ("over", "revoked", "live")] == [200, 401, 200]
    standard.clock.advance(499)
    assert await status("over") == 200
    standard.clock.advance(1)
    assert [await status(which) for which in ("over", "revoked", "live")] == [401, 401, 200]


async def test_A10_a_client_is_disabled_and_enabled_at_once(breeze: Serving, changing: Store) -> None:
    administration = administering(breeze, changing)
    assert await status_with(breeze, MAIN.secret) == 200

    async with noticed(breeze, changing):
        await administration.clients(BREEZE).set_enabled(MAIN.client_id, False)
    disabled = await breeze.ask(BREEZE)
    await administration.clients(BREEZE).set_enabled(MAIN.client_id, True)

    refused(disabled, 401, "invalid_client", "Invalid client credentials", www_authenticate=challenge(BREEZE))
    assert await status_with(breeze, MAIN.secret) == 200


async def test_a_new_client_works_at_once(breeze: Serving, changing: Store) -> None:
    administration = administering(breeze, changing)
    await breeze.ask(BREEZE)

    made = await make_client(administration, BREEZE, name="New", owner_email="new@example.com")

    assert made.secret is not None
    client_id = made.facts.client.id
    answer = await breeze.ask(BREEZE, body(BREEZE, client_id=client_id, client_secret=made.secret.reveal()))
    assert (await opened(breeze, BREEZE, answer))["sub"] == client_id
    assert client_id.startswith("oauth_")


async def test_A14_ids_of_clients_and_users_never_look_alike(breeze: Serving) -> None:
    administration = administering(breeze)

    user = await administration.ensure_user(BREEZE.name, "oauth_x@example.com")
    made = [
        await make_client(administration, BREEZE, name=user.id, owner_email=user.email),
        await make_client(administration, STANDARD, name=OWNER, owner_email=user.email),
    ]

    assert user.id.startswith("user_")
    assert all(not new.facts.client.id.startswith("user_") for new in made)


async def key_set(served: Serving, issuer: Issuer) -> Sequence[str]:
    document = (await served.get(f"{issuer.url}/.well-known/jwks.json")).json()
    return [json.dumps(key) for key in document["keys"]]


def verifies(token: str, keys: Sequence[str], issuer: Issuer) -> bool:
    bare = issuer.provider.name == "breeze"
    try:
        open_token(token, [read_public_jwk(key) for key in keys], "JWT" if bare else "at+jwt", keyless=bare)
    except TokenRefused:
        return False
    return True


@pytest.mark.parametrize("issuer", [replace(BREEZE, token_quota=FAR), STANDARD], ids=lambda issuer: issuer.name)
async def test_FT19_J15_every_token_verifies_by_every_key_set_that_may_be_cached_while_it_lives(
    database: Path, issuer: Issuer
) -> None:
    life = issuer.lifetime
    moments = sorted(
        {
            *(-KEY_SET_MAX_AGE, -1, 0, 1, KEY_SET_MAX_AGE - 1, KEY_SET_MAX_AGE, OVERLAP - 1, OVERLAP, OVERLAP + 1),
            *(
                OVERLAP + life - 2,
                OVERLAP + life - 1,
                OVERLAP + life,
                2 * OVERLAP + life - 1,
                2 * OVERLAP + life,
                3 * OVERLAP + life,
            ),
            *range(0, 3 * OVERLAP + life, 149),
        }
    )
    signed: list[tuple[int, str]] = []
    published: list[tuple[int, Sequence[str]]] = []
    async with serving(database, [issuer]) as served:
        for moment in moments:
            served.clock.offset = moment
            if moment == 0:
                await administering(served).rotate_keys(issuer)
            answer = await served.ask(issuer)
            assert answer.status == 200
            signed.append((moment, answer.json()["access_token"]))
            published.append((moment, await key_set(served, issuer)))

    checked = 0
    for issued_at, token in signed:
        for fetched_at, keys in published:
            # Whoever verifies at a moment of the token's life may hold a set that was fetched this long before.
            if issued_at - KEY_SET_MAX_AGE <= fetched_at < issued_at + life:
                assert verifies(token, keys, issuer), (issued_at, fetched_at)
                checked += 1
    assert checked > 100
    assert [len(keys) for _, keys in published[:3]] == [1, 1, 2]
    assert len(published[-1][1]) == 1
    assert not verifies(signed[0][1], published[-1][1], issuer)  # J15: the retired key is gone


async def test_the_next_key_signs_from_its_moment_on(standard: Serving) -> None:
    administration = administering(standard)
    await standard.ask(STANDARD)  # the first key's signer is at hand
    first, second = await administration.rotate_keys(STANDARD)

    async def key_of_a_token() -> str | None:
        return split((await standard.ask(STANDARD)).json()["access_token"]).kid

    standard.clock.advance(OVERLAP - 1)
    assert await key_of_a_token() == first.id
    standard.clock.advance(1)
    assert await key_of_a_token() == second.id
    standard.clock.advance(-1)
    assert await key_of_a_token() == first.id  # the clock was set back
    standard.clock.advance(-10 * OVERLAP)
    assert await key_of_a_token() == first.id  # before there was any key


async def test_keys_rotated_elsewhere_are_published_and_used(breeze: Serving, elsewhere: Store) -> None:
    before = await key_set(breeze, BREEZE)
    await breeze.ask(BREEZE)

    async with noticed(breeze, elsewhere):
        await administering(breeze, elsewhere).rotate_keys(BREEZE)

    after = await key_set(breeze, BREEZE)
    assert (len(before), len(after), after[0]) == (1, 2, before[0])
    breeze.clock.advance(OVERLAP)
    answer = await breeze.ask(BREEZE)
    assert verifies(answer.json()["access_token"], after[1:], BREEZE)
    assert not verifies(answer.json()["access_token"], before, BREEZE)


async def test_FT20_a_key_revoked_by_any_node_is_published_and_used_nowhere_within_a_second(
    breeze: Serving, changing: Store
) -> None:
    old = (await breeze.ask(BREEZE)).json()["access_token"]
    before, verifying = await key_set(breeze, BREEZE), OwnKeys(BREEZE, breeze.application.copy, breeze.clock)
    (revoked,) = await verifying.keys()

    async with noticed(breeze, changing):
        await administering(breeze, changing).revoke_key(BREEZE, KeyId(revoked.kid))

    after, new = await key_set(breeze, BREEZE), (await breeze.ask(BREEZE)).json()["access_token"]
    assert (len(after), set(before) & set(after)) == (1, set())
    assert (verifies(new, after, BREEZE), verifies(old, after, BREEZE)) == (True, False)
    assert revoked.kid not in {key.kid for key in await verifying.keys()}


async def test_a_successor_that_waits_is_not_followed_by_another(standard: Serving) -> None:
    administration = administering(standard)
    await administration.rotate_keys(STANDARD)

    with pytest.raises(Refusal) as refusal:
        await administration.rotate_keys(STANDARD)

    assert refusal.value.refused.reason == "rotating"
    standard.clock.advance(OVERLAP)
    assert [key.number for key in await administration.rotate_keys(STANDARD)] == [1, 2, 3]


async def test_an_algorithm_that_no_key_has_yet_is_logged_at_each_start_until_the_keys_are_rotated(
    database: Path,
) -> None:
    issuer = replace(STANDARD, algorithm=Algorithm.EDDSA)

    async with serving(database, [issuer, BREEZE]) as served:
        (line,) = [line for line in served.lines() if line["event"] == "algorithm_waits_for_rotation"]
        await administering(served).rotate_keys(issuer)
    async with serving(database, [issuer, BREEZE]) as again:
        later = [line["event"] for line in again.lines()]

    assert {name: line[name] for name in line if name != "ts"} == {
        "level": "warning",
        "event": "algorithm_waits_for_rotation",
        "issuer": issuer.name,
        "algorithm": "EdDSA",
        "signs_with": "ES256",
        "run": f"portvakt keys rotate --issuer {issuer.name}",
    }
    assert "algorithm_waits_for_rotation" not in later


async def test_FT18_two_that_start_at_once_on_one_store_make_one_key(migrated_file: Path, tmp_path: Path) -> None:
    path = a_copy(migrated_file, tmp_path)
    issuer = replace(STANDARD, algorithm=Algorithm.EDDSA)
    store = await open_store(f"sqlite:///{path}")

    log = Log(-1)
    two = [
        Application(issuers=[issuer], store=store, secret=INSTALLATION, clock=lambda: Instant(NOW), log=log)
        for _ in range(2)
    ]

    await asyncio.gather(*(application.start() for application in two))

    (key,) = await store.signing_keys(issuer.name)
    for application in two:
        assert (await application.copy.keys(issuer.name))[0].id == key.id
        assert application.copy.signer(issuer, NOW) is not None
    for application in two:
        await application.stop()
    await store.close()


async def test_FT18_twenty_nodes_that_start_at_once_on_one_file_make_one_key(
    migrated_file: Path, tmp_path: Path
) -> None:
    path = a_copy(migrated_file, tmp_path)
    stores = [await open_store(f"sqlite:///{path}") for _ in range(20)]
    administrations = [Administration(store, INSTALLATION, clock=lambda: Instant(NOW)) for store in stores]

    rows = await asyncio.gather(*(administration.keys(STANDARD) for administration in administrations))

    assert len({keys[0].id for keys in rows}) == 1
    assert {len(keys) for keys in rows} == {1}
    assert len(await stores[0].signing_keys(STANDARD.name)) == 1
    for store in stores:
        await store.close()


async def test_FT18_of_two_that_rotate_at_once_one_makes_the_next_key(database: Path, elsewhere: Store) -> None:
    async with serving(database, [STANDARD]) as served:
        outcomes = await asyncio.gather(
            administering(served).rotate_keys(STANDARD),
            administering(served, elsewhere).rotate_keys(STANDARD),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refusal", "tuple"]
        assert len(await key_set(served, STANDARD)) == 2


async def test_another_installations_secret_stops_the_start(database: Path) -> None:
    store = await open_store(f"sqlite:///{database}")
    application = Application(
        issuers=[STANDARD], store=store, secret=Secret(CANARY * 4), clock=lambda: Instant(NOW), log=Log(-1)
    )

    with pytest.raises(UnsealFailed):
        await application.start()

    await application.stop()
    await store.close()


async def test_what_one_node_refuses_the_other_refuses_too(database: Path, elsewhere: Store) -> None:
    clock = TurnableClock(lambda: NOW)
    async with (
        serving(database, [BREEZE], clock=clock) as one,
        serving(database, [BREEZE], clock=clock, store=elsewhere) as two,
    ):
        assert [(await node.ask(BREEZE)).status for node in (one, two)] == [200, 200]
        async with noticed(two, one.store):
            await administering(one).clients(BREEZE).set_enabled(MAIN.client_id, False)
        assert [error(await node.ask(BREEZE))[1] for node in (one, two)] == ["invalid_client"] * 2
        await administering(two).clients(BREEZE).set_enabled(MAIN.client_id, True)
        assert [(await node.ask(BREEZE)).status for node in (one, two)] == [200, 200]
