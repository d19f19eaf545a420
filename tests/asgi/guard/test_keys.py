"""Where the guard's keys come from: a fake issuer on loopback, and all that can go wrong with it."""

import asyncio
import base64
import contextlib
import json
import secrets
import time

import pytest

from access_tokens import AUDIENCE, ISSUER, a_key, a_token, some_claims
from asgi_driver import call
from guard_builders import Clock, FakeIssuer, OwnKeys, a_guard, bearing, fake_issuer
from portvakt.client.fetch import Fetcher
from portvakt.guard import Denied, Guard
from portvakt.guard.key_set import COOL_DOWN, FRESH_AT_MOST, KEPT, FetchedKeys, metadata_url
from portvakt.jose import base64url
from portvakt.jose.algorithms import ALGORITHMS
from portvakt.jose.keys import KeyPair
from portvakt.jose.signing import Signer
from portvakt.model.nouns import Algorithm
from portvakt.model.values import Seconds
from portvakt.providers.breeze import BREEZE
from raw_server import raw_server, response

HANG = 5.0
ALIVE = {"exp": 2_000_000_000}


def guarding(issuer: FakeIssuer, clock: Clock | None = None) -> Guard:
    return a_guard(issuer=issuer.url, keys=None, clock=clock or Clock())


def token_of(issuer: FakeIssuer, key: KeyPair | None = None, **changes: object) -> list[tuple[bytes, bytes]]:
    return bearing(a_token(ALIVE | {"iss": issuer.url} | changes, key=key))


async def passes(guard: Guard, headers: list[tuple[bytes, bytes]]) -> bool:
    async with asyncio.timeout(HANG):
        return bool((await guard.verify(headers)).client_id)


async def status(guard: Guard, headers: list[tuple[bytes, bytes]]) -> int:
    async with asyncio.timeout(HANG):
        with pytest.raises(Denied) as caught:
            await guard.verify(headers)
    return caught.value.reply.status


async def landed(guard: Guard) -> None:
    """Wait for a fetch in the background."""
    assert isinstance(guard._keys, FetchedKeys)
    flight = guard._keys._flight
    if flight is not None:
        await flight


def test_metadata_lies_before_the_path() -> None:
    assert metadata_url("https://id.example") == "https://id.example/.well-known/oauth-authorization-server"
    assert metadata_url("https://id.example/a/b") == "https://id.example/.well-known/oauth-authorization-server/a/b"


async def test_the_keys_are_fetched_once_for_everybody() -> None:
    async with fake_issuer() as issuer:
        guard = guarding(issuer)

        good = await asyncio.gather(*(passes(guard, token_of(issuer, jti=f"token-{n}")) for n in range(50)))

        assert all(good)
        assert issuer.fetches == 1


async def test_nothing_is_fetched_before_the_first_token() -> None:
    async with fake_issuer() as issuer:
        assert await status(guarding(issuer), []) == 401
        assert issuer.server.connections == 0


async def test_whoever_gives_up_does_not_take_the_keys_from_the_others() -> None:
    async with fake_issuer() as issuer:
        guard = guarding(issuer)
        first = asyncio.create_task(guard.verify(token_of(issuer)))
        others = [asyncio.create_task(passes(guard, token_of(issuer))) for _ in range(3)]
        await asyncio.sleep(0)

        first.cancel()

        assert all(await asyncio.gather(*others))
        assert first.cancelled()
        assert issuer.fetches == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"issuer": ["{url}"]},
        {"jwks_uri": None},
        {"jwks_uri": 1},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://127.0.0.2/keys"},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
    ],
    ids=str,
)
async def test_metadata_that_is_not_the_issuers_own_gives_no_keys(metadata: dict[str, object]) -> None:
    async with fake_issuer() as issuer:
        issuer.metadata = metadata

        assert await status(guarding(issuer), token_of(issuer)) == 503
        assert issuer.fetches == 0


async def test_FT21_without_any_keys_it_is_503_and_tried_again_later() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        issuer.fault = response(status="500 Internal Server Error")
        waits = []
        for _ in range(7):
            answer = await call(guard.asgi(None), "GET", "/", headers={"authorization": "Bearer a.b.c"})  # type: ignore[arg-type]
            assert (answer.status, answer.json()["error"]) == (503, "server_error")
            assert answer.header("www-authenticate") is None
            waits.append(int(answer.header("retry-after") or ""))
            asked = issuer.fetches
            assert await status(guard, token_of(issuer)) == 503  # at once
            assert issuer.fetches == asked
            clock.advance(waits[-1])

        assert waits == [1, 2, 4, 8, 16, 30, 30]
        issuer.fault = None
        assert await passes(guard, token_of(issuer))


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"keys":[]}'])
async def test_FT21_an_empty_key_set_is_no_key_set_for_a_guard_that_has_none(body: bytes) -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        issuer.fault = response(body)

        for _ in range(3):
            assert await status(guard, token_of(issuer)) == 503
            clock.advance(1)
        issuer.fault = None
        clock.advance(1)
        assert await passes(guard, token_of(issuer))


async def test_FT21_an_issuer_that_does_not_listen_is_503() -> None:
    guard = a_guard(issuer="http://127.0.0.1:1/acme", keys=None)

    assert await status(guard, bearing(a_token())) == 503


async def test_a_graphql_api_says_503_in_its_own_tongue() -> None:
    guard = a_guard(issuer="http://127.0.0.1:1/acme", keys=None, api="graphql")
    with pytest.raises(Denied) as caught:
        await guard.verify(bearing(a_token()))

    assert json.loads(caught.value.reply.body)["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}


WORSE = {
    "500": response(status="500 Internal Server Error"),
    "an empty 200": response(b""),
    "garbage": response(b"\x00\xff{"),
    "a list": response(b"[]"),
    "html": response(b"<html>", content_type="text/html"),
    "no keys": response(b'{"keys":[]}'),
    "keys of others": response(b'{"keys":[{"kty":"oct","kid":"a"},{"kty":"EC","crv":"secp256k1"}]}'),
    "a private key": response(b'{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}]}'),
    "a redirect": response(status="302 Found", extra="Location: /acme/keys\r\n"),
    "nothing": b"",
    "half": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
}


@pytest.mark.parametrize("fault", WORSE)
async def test_FT21_keys_are_never_given_up_for_something_worse(fault: str) -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))
        issuer.fault = WORSE[fault]

        for _ in range(5):
            clock.advance(KEPT // 6)
            assert await passes(guard, token_of(issuer))
            await landed(guard)
        clock.advance(KEPT // 6)
        assert issuer.fetches > 1
        assert await status(guard, token_of(issuer)) == 503  # 24 hours later

        issuer.fault = None
        clock.advance(30)
        assert await passes(guard, token_of(issuer))


async def test_FT21_a_slow_issuer_holds_nobody_up_who_has_keys() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        fetcher = Fetcher(named_urls=(issuer.url,), deadline=Seconds(1))
        guard = a_guard(issuer=issuer.url, keys=None, clock=clock, fetcher=fetcher)
        assert await passes(guard, token_of(issuer))
        issuer.fault = b"HTTP/1.1 200 OK\r\n"  # and then silence
        clock.advance(FRESH_AT_MOST - 1)

        async with asyncio.timeout(0.5):
            for _ in range(20):
                assert (await guard.verify(token_of(issuer))).client_id

        await landed(guard)
        assert issuer.fetches == 2


async def test_keys_are_renewed_in_the_background_before_they_are_stale() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))
        issuer.pairs = (a_key(1), a_key(2))

        clock.advance(FRESH_AT_MOST - 1)
        assert await passes(guard, token_of(issuer))  # by the keys at hand
        await landed(guard)

        assert issuer.fetches == 2
        assert await passes(guard, token_of(issuer, a_key(2)))
        assert issuer.fetches == 2


async def test_J15_a_withdrawn_key_is_refused_within_a_minute_however_quiet_it_was() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        token = token_of(issuer, a_key(1))
        issuer.pairs = (a_key(1), a_key(2))
        assert await passes(guard, token)
        issuer.pairs = (a_key(2),)

        clock.advance(FRESH_AT_MOST)

        assert await status(guard, token) == 401
        assert await passes(guard, token_of(issuer, a_key(2)))


async def test_J15_remembered_tokens_stay_while_the_key_set_does() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))

        clock.advance(FRESH_AT_MOST)
        await guard._look(clock())

        assert issuer.fetches == 2
        assert len(guard._seen) == 1


@pytest.mark.parametrize(
    ("cache_control", "fresh"),
    [
        ("", 60),
        ("Cache-Control: max-age=0\r\n", 30),
        ("Cache-Control: max-age=45\r\n", 45),
        ("Cache-Control: max-age=86400\r\n", 60),
    ],
)
async def test_cache_control_counts_within_bounds(cache_control: str, fresh: int) -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        issuer.cache_control = cache_control
        assert await passes(guard, token_of(issuer))

        clock.advance(fresh * 4 // 5 - 1)
        assert await passes(guard, token_of(issuer))
        await landed(guard)
        assert issuer.fetches == 1
        clock.advance(1)
        assert await passes(guard, token_of(issuer))
        await landed(guard)
        assert issuer.fetches == 2


async def test_a_clock_that_is_turned_back_does_not_keep_old_keys_for_ever() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))
        issuer.pairs = (a_key(2),)

        clock.advance(-3600)
        with contextlib.suppress(Denied):
            await guard.verify(token_of(issuer, a_key(1), iat=1))
        await landed(guard)

        assert await status(guard, token_of(issuer, a_key(1), iat=1)) == 401
        assert await passes(guard, token_of(issuer, a_key(2), iat=1))


async def test_J11_ten_thousand_unknown_kids_cause_one_fetch() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))
        assert issuer.fetches == 1
        payload = base64url.encode(json.dumps(some_claims()).encode()).decode()
        signature = base64url.encode(bytes(64)).decode()

        for _ in range(10_000):
            header = {"alg": "ES256", "typ": "at+jwt", "kid": secrets.token_hex(8)}
            forged = f"{base64url.encode(json.dumps(header).encode()).decode()}.{payload}.{signature}"
            with pytest.raises(Denied, match="401 invalid_token"):
                await guard.verify(bearing(forged))

        assert issuer.fetches == 2
        assert await passes(guard, token_of(issuer))
        clock.advance(COOL_DOWN)
        assert await status(guard, bearing(forged)) == 401
        assert issuer.fetches == 3


async def test_J11_a_new_key_is_found_at_once_and_everybody_waits_for_one_fetch() -> None:
    async with fake_issuer() as issuer:
        guard = guarding(issuer)
        assert await passes(guard, token_of(issuer))
        issuer.pairs = (a_key(1), a_key(2))

        good = await asyncio.gather(*(passes(guard, token_of(issuer, a_key(2), jti=f"t{n}")) for n in range(20)))

        assert all(good)
        assert issuer.fetches == 2


async def test_J11_while_the_issuer_is_down_known_keys_verify_and_unknown_ones_are_401() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))
        issuer.fault = WORSE["500"]

        for _ in range(3):
            assert await status(guard, token_of(issuer, a_key(2))) == 401
            assert await passes(guard, token_of(issuer))
        assert issuer.fetches == 2


async def test_J11_tokens_without_kid_share_the_cool_down() -> None:
    old, new = (a_key(number, Algorithm.RS256) for number in (1, 2))
    async with fake_issuer() as issuer:
        issuer.pairs = (old,)
        guard = a_guard(issuer=issuer.url, keys=None, provider=BREEZE)

        def keyless(key: KeyPair) -> list[tuple[bytes, bytes]]:
            return bearing(a_token(ALIVE | {"iss": issuer.url}, key=key, typ="JWT", names_key=False))

        assert await passes(guard, keyless(old))
        issuer.pairs = (old, new)
        assert await passes(guard, keyless(new))
        assert issuer.fetches == 2
        for number in range(3, 6):
            assert await status(guard, keyless(a_key(number, Algorithm.RS256))) == 401
        assert issuer.fetches == 2


async def test_J6_a_key_or_an_address_in_the_token_is_not_followed() -> None:
    own = a_key(7)
    async with raw_server(response(f'{{"keys":[{own.public_jwk}]}}'.encode())) as attacker, fake_issuer() as issuer:
        guard = guarding(issuer)
        assert await passes(guard, token_of(issuer))
        brought = [
            {"jwk": json.loads(own.public_jwk)},
            {"jku": f"{attacker.url}/keys"},
            {"x5u": f"{attacker.url}/certificate"},
            {"x5c": [base64.b64encode(b"certificate").decode()]},
            {"kid": f"{attacker.url}/keys"},
            {"iss": attacker.url},
        ]

        for member in brought:
            header = {"alg": "ES256", "typ": "at+jwt", "kid": own.kid} | member
            parts = [base64url.encode(json.dumps(part).encode()) for part in (header, some_claims({"iss": issuer.url}))]
            signature = ALGORITHMS[own.algorithm].sign(own.private, b".".join(parts))
            forged = b".".join([*parts, base64url.encode(signature)]).decode()
            assert await status(guard, bearing(forged)) == 401

        assert await status(guard, bearing(Signer(own, "at+jwt", True).sign(some_claims({"iss": attacker.url})))) == 401
        assert attacker.connections == 0


def test_a_guard_works_in_one_event_loop_after_another() -> None:
    async def once(guard: Guard, issuer: FakeIssuer, key: KeyPair) -> None:
        assert await passes(guard, token_of(issuer, key))

    async def abandoned(guard: Guard, issuer: FakeIssuer) -> None:
        task = asyncio.create_task(guard.verify(token_of(issuer)))
        await asyncio.sleep(0)
        task.cancel()  # its loop ends while the fetch is under way

    async def both(guard_of: list[Guard]) -> None:
        async with fake_issuer() as issuer:
            guard_of.append(guarding(issuer))
            await asyncio.to_thread(lambda: asyncio.run(abandoned(guard_of[0], issuer)))
            await asyncio.to_thread(lambda: asyncio.run(once(guard_of[0], issuer, a_key(1))))

    asyncio.run(both([]))


async def test_J11_an_unknown_kid_does_not_shorten_the_pause_after_a_failure() -> None:
    async with fake_issuer() as issuer:
        clock = Clock()
        guard = guarding(issuer, clock)
        assert await passes(guard, token_of(issuer))
        issuer.fault = WORSE["500"]
        clock.advance(FRESH_AT_MOST)
        assert await passes(guard, token_of(issuer))
        await landed(guard)
        assert issuer.fetches == 2

        assert await status(guard, token_of(issuer, a_key(2))) == 401

        assert issuer.fetches == 2


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"issuer":"a","issuer":"b"}'])
async def test_metadata_that_is_no_json_object_gives_no_keys(body: bytes) -> None:
    async with raw_server(response(body)) as server:
        assert await status(a_guard(issuer=server.url, keys=None), bearing(a_token())) == 503


async def test_a_guard_reads_the_systems_clock_by_default() -> None:
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=OwnKeys(a_key()))
    now = int(time.time())

    assert await passes(guard, bearing(a_token({"iat": now, "exp": now + 60})))
    assert await status(guard, bearing(a_token({"iat": now - 60, "exp": now - 10}))) == 401
