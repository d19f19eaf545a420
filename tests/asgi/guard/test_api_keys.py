"""Personal API keys at a guard: taken where the API takes them, and asked about every five seconds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from access_tokens import AUDIENCE, ISSUER, NOW, a_key, a_token
from guard_builders import Clock, a_guard, bearing
from portvakt.guard import ApiKeys, ApiKeysUnanswered, Denied, Guard, RevocationPage, Revoked, Verified
from portvakt.guard.api_keys import KEPT, MOST_A_SECOND
from portvakt.model.values import Instant
from raw_server import raw_server, response

if TYPE_CHECKING:
    from collections.abc import Mapping

TOLD: dict[str, object] = {
    "active": True,
    "token_type": "api_key",
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "user_1",
    "jti": "key_1",
    "iat": NOW,
    "scope": "read",
}


class Source:
    """An issuer's word on its keys; the test says what it is."""

    def __init__(self) -> None:
        self.told: Mapping[str, object] | None = TOLD
        self.failure: Exception | None = None
        self.asked: list[str] = []

    async def ask(self, token: str) -> Mapping[str, object] | None:
        self.asked.append(token)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self.told


def an_api_key(number: int = 1, **changes: Any) -> str:
    claims = {"jti": "key_1", "sub": "user_1", "client_id": ..., "exp": ..., **changes}
    return a_token(claims, typ="apikey+jwt", key=a_key(number))


async def entered(guard: Guard, token: str, **more: Any) -> Verified | int:
    try:
        return await guard.verify(bearing(token), **more)
    except Denied as denied:
        return denied.refused.status


async def test_J7_a_key_opens_only_an_api_that_takes_keys() -> None:
    source = Source()

    assert await entered(a_guard(), an_api_key()) == 401
    verified = await entered(a_guard(api_keys=source), an_api_key(), scopes={"read"})

    assert isinstance(verified, Verified)
    assert (verified.subject, verified.is_api_key) == ("user_1", True)


async def test_J7_an_access_token_is_never_asked_about_and_a_key_never_remembered_as_one() -> None:
    source = Source()
    guard = a_guard(api_keys=source)

    assert isinstance(await entered(guard, a_token()), Verified)
    assert source.asked == []
    await entered(guard, an_api_key())
    assert len(guard._seen) == 1


async def test_G7_a_revoked_key_is_refused_within_five_seconds() -> None:
    assert KEPT <= 5
    source, clock = Source(), Clock()
    guard = a_guard(api_keys=source, clock=clock)
    key = an_api_key()
    assert isinstance(await entered(guard, key), Verified)
    source.told = None

    clock.advance(KEPT - 1)
    assert isinstance(await entered(guard, key), Verified)
    assert len(source.asked) == 1
    clock.advance(1)
    assert await entered(guard, key) == 401
    source.told = TOLD
    assert await entered(guard, key) == 401
    clock.advance(-60)
    assert isinstance(await entered(guard, key), Verified)


class OneUser:
    """A list that names one user, once."""

    async def after(self, cursor: str | None) -> RevocationPage:
        entry = Revoked("user", "user_1", Instant(NOW + 86_400), Instant(NOW))
        return RevocationPage("1", (entry,) if cursor is None else ())


async def test_G7_the_key_of_a_user_who_is_enabled_again_gets_in_again_at_once() -> None:
    source, clock = Source(), Clock()
    guard = a_guard(api_keys=source, revocations=OneUser(), clock=clock)
    assert await entered(guard, a_token({"sub": "user_1", "iat": NOW})) == 401

    assert isinstance(await entered(guard, an_api_key()), Verified)


async def test_a_crowd_with_one_key_asks_once() -> None:
    source = Source()
    guard = a_guard(api_keys=source)
    key = an_api_key()

    assert all(isinstance(one, Verified) for one in await asyncio.gather(*(entered(guard, key) for _ in range(50))))

    assert len(source.asked) == 1


async def test_a_forged_key_is_refused_unasked() -> None:
    source = Source()
    guard = a_guard(api_keys=source)
    key = an_api_key()

    assert await entered(guard, key[:-6] + "AAAAAA") == 401
    assert source.asked == []


async def test_a_key_that_a_retired_key_signed_is_asked_about() -> None:
    source = Source()
    guard = a_guard(api_keys=source)

    assert isinstance(await entered(guard, an_api_key(2)), Verified)
    assert len(source.asked) == 1


async def test_FT21_an_issuer_that_does_not_say_is_503_and_asked_again() -> None:
    source = Source()
    guard = a_guard(api_keys=source)
    source.failure = ApiKeysUnanswered("status 500")

    assert await entered(guard, an_api_key()) == 503
    source.failure = None
    assert isinstance(await entered(guard, an_api_key()), Verified)


async def test_FT21_an_issuer_that_hangs_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portvakt.guard.api_keys.GIVES_UP", 0.01)

    class Hanging(Source):
        async def ask(self, token: str) -> Mapping[str, object] | None:
            await asyncio.Event().wait()
            return None

    assert await entered(a_guard(api_keys=Hanging()), an_api_key()) == 503


async def test_E4_made_up_keys_make_no_end_of_questions_and_answers() -> None:
    source = Source()
    source.told = None
    guard = a_guard(api_keys=source)

    statuses = [await entered(guard, an_api_key(2, jti=f"key_{number}")) for number in range(MOST_A_SECOND + 1)]

    assert statuses == [401] * MOST_A_SECOND + [503]
    assert len(source.asked) == MOST_A_SECOND


async def test_E4_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portvakt.guard.api_keys.CAPACITY", 3)
    guard = a_guard(api_keys=Source())

    for number in range(5):
        await entered(guard, an_api_key(2, jti=f"key_{number}"))

    assert guard._api_keys is not None
    assert len(guard._api_keys._answers) == 3


async def test_B4_a_key_opens_no_web_socket() -> None:
    guard = a_guard(api_keys=Source())
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*_: Any) -> None:
        raise AssertionError

    scope: Any = {"type": "websocket", "path": "/", "query_string": b"", "headers": bearing(an_api_key())}
    await guard.asgi(app)(scope, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_guard_asks_its_issuer_as_its_client() -> None:
    async with raw_server(response(b'{"active":false}')) as server:
        settings = ApiKeys(client_id="client_guard", client_secret="pvk_cs_x")
        guard = a_guard(issuer=server.url, api_keys=settings)
        key = an_api_key(iss=server.url)

        assert await entered(guard, key) == 401

        (head,), (body,) = server.heads, server.bodies
        assert head.startswith(b"POST /introspect ")
        assert b"authorization: basic y2xpzw50x2d1yxjkonb2a19jc194" in head.lower()
        assert body == f"token={key}".encode()


@pytest.mark.parametrize("reply", [response(b"[]"), response(status="401 Unauthorized"), b""])
async def test_FT21_nonsense_is_no_answer(reply: bytes) -> None:
    async with raw_server(reply) as server:
        guard = a_guard(issuer=server.url, api_keys=ApiKeys(client_id="c", client_secret="s"))

        assert await entered(guard, an_api_key(iss=server.url)) == 503


async def test_what_the_issuer_says_lets_in() -> None:
    said = b'{"active":true,"token_type":"api_key","iss":"%s","aud":"%s","sub":"u","jti":"k","iat":0,"scope":"read"}'
    async with raw_server(
        lambda _head, writer: _write(writer, said % (server.url.encode(), AUDIENCE.encode()))
    ) as server:
        guard = a_guard(issuer=server.url, api_keys=ApiKeys(client_id="c", client_secret="s"))

        assert isinstance(await entered(guard, an_api_key(iss=server.url)), Verified)


async def _write(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(response(body))


def test_a_client_without_a_secret_cannot_ask() -> None:
    with pytest.raises(ValueError, match="secret"):
        ApiKeys(client_id="c", client_secret="")


def test_K2_the_secret_is_not_shown() -> None:
    assert "visible" not in repr(ApiKeys(client_id="c", client_secret="pvk_cs_visible"))
