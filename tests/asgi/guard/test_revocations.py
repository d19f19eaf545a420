"""What an issuer took back is refused by its guards within five seconds, also where the token was seen before."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from access_tokens import NOW, a_token
from guard_builders import Clock, a_guard, bearing, fake_issuer
from portvakt.guard import Denied, Guard, RevocationPage, Revocations, RevocationsUnread, Revoked
from portvakt.guard.revocations import READ_EVERY, UNREAD_FOR, WAIT_AT, read_page
from portvakt.model.values import Instant, Secret
from raw_server import raw_server, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from raw_server import RawServer

LATER = Instant(NOW + 3600)
ONE_GRANT = Revoked("grant", "grant_1", LATER)


class Source:
    """An issuer's list; the test says what is in it, and whether it can be read. `asked` are the cursors."""

    def __init__(self, *revoked: Revoked) -> None:
        self.revoked = list(revoked)
        self.asked: list[str | None] = []
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def after(self, cursor: str | None) -> RevocationPage:
        self.asked.append(cursor)
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        seen = int(cursor or 0)
        page = tuple(self.revoked[seen : seen + 2])  # two at once, so that there are pages
        return RevocationPage(str(seen + len(page)), page)


async def settled() -> None:
    """Let what runs in the background come to its end."""
    for _ in range(10):
        await asyncio.sleep(0)


async def is_let_in(guard: Guard, token: str) -> bool:
    try:
        await guard.verify(bearing(token))
    except Denied as error:
        denied = error
    else:
        return True
    assert (denied.refused.status, denied.refused.code) == (401, "invalid_token")
    assert 'error="invalid_token"' in dict(denied.reply.headers)["www-authenticate"]
    return False


def of_a_grant(name: str = "grant_1", **claims: object) -> str:
    return a_token({"gid": name, **claims})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("grant", "grant_1"),
        ("client", "client_1"),
        ("user", "user_1"),
        ("organisation", "312047152"),
        ("token", "token-1"),
        ("key", ""),
    ],
)
async def test_G7_each_kind_of_revocation_refuses_the_tokens_that_it_names(kind: str, name: str) -> None:
    source, clock = Source(), Clock()
    guard = a_guard(revocations=source, clock=clock)
    token = of_a_grant(sub="user_1", organisation_number="312047152")
    verified = await guard.verify(bearing(token))

    source.revoked.append(Revoked(kind, name or verified.key_id, LATER))
    clock.advance(WAIT_AT)

    assert not await is_let_in(guard, token)


async def test_G7_nothing_else_is_refused() -> None:
    source = Source(
        ONE_GRANT,
        Revoked("client", "grant_2", LATER),
        Revoked("user", "client_1 ", LATER),
        Revoked("token", "client_1", LATER),
        Revoked("grant", "", LATER),
    )
    guard = a_guard(revocations=source)

    assert await is_let_in(guard, of_a_grant("grant_2"))
    assert await is_let_in(guard, a_token())
    assert not await is_let_in(guard, of_a_grant())


@pytest.mark.parametrize("kind", ["client", "user", "organisation"])
async def test_G7_what_is_enabled_again_gets_in_with_what_was_issued_since(kind: str) -> None:
    names = {"client": "client_1", "user": "user_1", "organisation": "312047152"}
    clock = Clock()
    guard = a_guard(revocations=Source(Revoked(kind, names[kind], LATER, Instant(NOW + 5))), clock=clock)
    clock.advance(10)

    let_in = {
        at: await is_let_in(guard, of_a_grant(sub="user_1", organisation_number="312047152", iat=NOW + at))
        for at in (0, 5, 6)
    }

    assert let_in == {0: False, 5: False, 6: True}


async def test_G7_of_several_entries_for_one_thing_the_last_counts() -> None:
    """What is disabled, enabled and disabled again, as its guard hears of it."""
    clock, source = Clock(), Source()
    guard = a_guard(revocations=source, clock=clock)
    clock.advance(10)
    tokens = [a_token({"client_id": "client_2", "iat": NOW + at}) for at in (5, 6, 12)]

    async def let_in(*told: Revoked) -> list[bool]:
        source.revoked += told
        clock.advance(WAIT_AT)
        return [await is_let_in(guard, token) for token in tokens]

    ends, begins = (Revoked("client", "client_2", LATER, Instant(NOW + before)) for before in (65, 5))

    assert await let_in() == [True, True, True]
    assert await let_in(ends) == [False, False, False]
    assert await let_in(begins) == [False, True, True]
    assert await let_in(ends) == [False, False, False]
    assert await let_in(begins, ends, begins) == [False, True, True]


async def test_G7_a_token_that_was_seen_is_refused_within_five_seconds_of_its_revocation() -> None:
    """By the bound of the polling: whatever second a request comes in, its list is less than WAIT_AT old."""
    assert WAIT_AT + 1 <= 5
    source, clock = Source(), Clock()
    guard = a_guard(revocations=source, clock=clock)
    token = of_a_grant()

    for _ in range(10):
        assert await is_let_in(guard, token)
        await settled()
        clock.advance(1)
    source.revoked.append(ONE_GRANT)
    answers = []
    for _ in range(WAIT_AT):
        answers.append(await is_let_in(guard, token))
        await settled()
        clock.advance(1)

    assert answers[-1] is False
    assert answers == sorted(answers, reverse=True)  # once refused, always refused


async def test_after_a_silence_the_first_request_waits_for_the_list() -> None:
    source, clock = Source(), Clock()
    guard = a_guard(revocations=source, clock=clock)
    token = of_a_grant()
    assert await is_let_in(guard, token)
    source.revoked.append(ONE_GRANT)
    clock.advance(300)

    assert not await is_let_in(guard, token)


async def test_the_list_is_read_every_two_seconds_and_from_where_it_was() -> None:
    source, clock = Source(*(Revoked("grant", f"g{number}", LATER) for number in range(3))), Clock()
    guard = a_guard(revocations=source, clock=clock)

    for _ in range(5):
        await guard.verify(bearing(a_token()))
    assert source.asked == [None, "2", "3"]
    clock.advance(READ_EVERY - 1)
    await guard.verify(bearing(a_token()))
    await settled()
    assert len(source.asked) == 3
    clock.advance(1)
    await guard.verify(bearing(a_token()))
    await settled()

    assert source.asked == [None, "2", "3", "3"]


async def test_a_revocation_is_forgotten_at_its_end() -> None:
    source, clock = Source(Revoked("grant", "grant_1", Instant(NOW + 100))), Clock()
    guard = a_guard(revocations=source, clock=clock)

    assert not await is_let_in(guard, of_a_grant())
    clock.advance(99)
    assert not await is_let_in(guard, of_a_grant())
    clock.advance(1)
    assert await is_let_in(guard, of_a_grant())
    clock.advance(WAIT_AT)
    assert await is_let_in(guard, of_a_grant())
    assert guard._taken_back is not None
    assert guard._taken_back._ends == {}


async def test_a_clock_that_is_turned_back_has_the_list_read_again() -> None:
    source, clock = Source(), Clock()
    guard = a_guard(revocations=source, clock=clock)
    await guard.verify(bearing(a_token()))
    source.revoked.append(ONE_GRANT)
    clock.advance(-100)

    assert not await is_let_in(guard, of_a_grant(iat=NOW - 200))


async def test_FT21_while_the_list_cannot_be_read_what_is_known_counts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "portvakt.guard")
    source, clock = Source(ONE_GRANT), Clock()
    guard = a_guard(revocations=source, clock=clock)
    assert not await is_let_in(guard, of_a_grant())
    source.failure = RevocationsUnread("status 500")

    for _ in range(20):
        clock.advance(WAIT_AT)
        assert await is_let_in(guard, of_a_grant("grant_2"))
        assert not await is_let_in(guard, of_a_grant())
        await settled()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    source.failure = None
    source.revoked.append(Revoked("grant", "grant_2", LATER))
    clock.advance(READ_EVERY)
    await is_let_in(guard, a_token())
    await settled()

    assert warnings == ["revocations not read (status 500); going on with the 1 that are known"]
    assert "revocations are read again" in caplog.messages
    assert not await is_let_in(guard, of_a_grant("grant_2"))


async def test_FT21_a_list_that_hangs_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portvakt.guard.revocations.PATIENCE", 0.01)
    monkeypatch.setattr("portvakt.guard.revocations.GIVES_UP", 0.05)
    source = Source()
    source.open.clear()
    guard = a_guard(revocations=source)

    assert await is_let_in(guard, of_a_grant())

    assert guard._taken_back is not None
    assert guard._taken_back._flight is not None
    await guard._taken_back._flight
    assert guard._taken_back._failed_at == NOW
    assert source.asked == [None]


async def test_a_crowd_reads_the_list_once() -> None:
    source = Source()
    guard = a_guard(revocations=source)

    await asyncio.gather(*(guard.verify(bearing(a_token())) for _ in range(50)))

    assert source.asked == [None]


async def test_a_web_socket_closes_once_its_token_was_taken_back() -> None:
    source, clock = Source(), Clock()
    guard = a_guard(revocations=source, clock=clock)
    verified = await guard.verify(bearing(of_a_grant()))
    assert guard.still_good(verified)

    source.revoked.append(ONE_GRANT)
    clock.advance(READ_EVERY)
    guard.still_good(verified)
    await settled()

    assert not guard.still_good(verified)


# over the wire


class Listing:
    """An issuer that publishes its list; the test says what it answers."""

    def __init__(self) -> None:
        self.reply = response(b'{"cursor":"0","revocations":[]}')

    async def speak(self, _head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(self.reply)

    def publish(self, *entries: dict[str, Any], cursor: str = "7") -> None:
        self.reply = response(json.dumps({"cursor": cursor, "revocations": entries}).encode())


@contextlib.asynccontextmanager
async def listing() -> AsyncIterator[tuple[Listing, RawServer]]:
    said = Listing()
    async with raw_server(said.speak) as server:
        yield said, server


def reading(server: RawServer, clock: Clock, **choice: Any) -> tuple[Guard, str]:
    """Return a guard that reads the list over the wire, and a token of a grant."""
    settings = Revocations(client_id="client_guard", client_secret=Secret("pvk_cs_x"), **choice)
    guard = a_guard(issuer=server.url, clock=clock, revocations=settings)
    return guard, of_a_grant(iss=server.url)


async def test_a_guard_reads_the_list_as_its_client_from_its_cursor_on() -> None:
    async with fake_list() as (pages, server):
        clock = Clock()
        guard, token = reading(server, clock)

        assert not await is_let_in(guard, token)

        heads = [head.decode().lower() for head in server.heads]
        assert [head.split(" ")[1] for head in heads] == [
            "/revocations",
            "/revocations?after=7",
            "/revocations?after=8",
        ]
        assert all("authorization: basic y2xpzw50x2d1yxjkonb2a19jc194" in head for head in heads)
        assert pages == []


@contextlib.asynccontextmanager
async def fake_list() -> AsyncIterator[tuple[list[bytes], RawServer]]:
    """Serve two pages and the empty one behind them."""
    entry = {"kind": "grant", "id": "grant_1", "until": LATER}
    other = {"kind": "something new", "id": "x", "until": LATER}
    said = [
        {"cursor": "7", "revocations": [other]},
        {"cursor": "8", "revocations": [entry]},
        {"cursor": "8", "revocations": []},
    ]
    pages = [response(json.dumps(page).encode()) for page in said]

    async def speak(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(pages.pop(0))

    async with raw_server(speak) as server:
        yield pages, server


@pytest.mark.parametrize(
    "reply",
    [
        response(status="401 Unauthorized"),
        response(status="404 Not Found"),
        response(b"<html>", content_type="text/html"),
        response(b"[]"),
        response(b'{"cursor":7,"revocations":[]}'),
        response(b'{"cursor":"7"}'),
        response(b'{"cursor":"7","revocations":[1]}'),
        response(b'{"cursor":"7","revocations":[{"kind":"grant","id":"x"}]}'),
        response(b'{"cursor":"7","revocations":[{"kind":"grant","id":"x","until":true}]}'),
        response(b'{"cursor":"7","revocations":[{"kind":"user","id":"x","until":9,"before":"1"}]}'),
        b"",
    ],
)
async def test_FT21_nonsense_is_no_list(reply: bytes) -> None:
    async with listing() as (said, server):
        said.reply = reply
        clock = Clock()
        guard, token = reading(server, clock, unread="refuse")

        for _ in range(2):
            assert await is_let_in(guard, token)
            clock.advance(UNREAD_FOR - 1)
        clock.advance(1)
        with pytest.raises(Denied) as denied:
            await guard.verify(bearing(token))

        assert denied.value.refused.status == 503
        assert dict(denied.value.reply.headers)["retry-after"] == str(READ_EVERY)


async def test_with_refuse_requests_get_in_again_once_the_list_is_read() -> None:
    async with listing() as (said, server):
        said.reply = response(status="500 Internal Server Error")
        clock = Clock()
        guard, token = reading(server, clock, unread="refuse")
        assert await is_let_in(guard, token)
        clock.advance(UNREAD_FOR)
        with pytest.raises(Denied):
            await guard.verify(bearing(token))
        said.publish(cursor="0")
        clock.advance(READ_EVERY)
        with pytest.raises(Denied):  # the reading is under way, and nobody waits for one that failed before
            await guard.verify(bearing(token))
        assert guard._taken_back is not None
        assert guard._taken_back._flight is not None
        await guard._taken_back._flight

        assert await is_let_in(guard, token)


def test_a_page_may_say_more_than_is_known() -> None:
    body = b'{"cursor":"c","revocations":[{"kind":"user","id":"u","until":3,"why":"x"}],"more":1}'

    assert read_page(body) == RevocationPage("c", (Revoked("user", "u", Instant(3)),))


def test_a_page_says_from_when_on_something_may_begin_again() -> None:
    body = b'{"cursor":"c","revocations":[{"kind":"user","id":"u","until":3,"before":2}]}'

    assert read_page(body) == RevocationPage("c", (Revoked("user", "u", Instant(3), Instant(2)),))


def test_settings_that_cannot_be_right_are_refused() -> None:
    for wrong in ({"client_id": ""}, {"client_secret": ""}, {"unread": "perhaps"}):
        settings: dict[str, Any] = {"client_id": "c", "client_secret": "s", **wrong}
        with pytest.raises(ValueError, match=r"secret|unread"):
            Revocations(**settings)


def test_K2_the_secret_is_not_shown() -> None:
    shown = repr(Revocations(client_id="c", client_secret="pvk_cs_visible"))

    assert "visible" not in shown


async def test_without_a_list_a_token_is_good_until_it_expires() -> None:
    async with fake_issuer() as issuer:
        guard = Guard(issuer=issuer.url, audience="https://api.example", clock=Clock())

        assert (await guard.verify(bearing(of_a_grant(iss=issuer.url)))).grant_id == "grant_1"
        assert issuer.server.asked("/acme/revocations") == 0
