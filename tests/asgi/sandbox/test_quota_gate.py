from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asgi_driver import Answer, call
from portvakt.model.message import Reply
from portvakt.model.provider import Api, Quota
from portvakt.model.values import Instant, IssuerName, Seconds
from portvakt.providers.breeze import BREEZE
from portvakt.sandbox.asgi import answer
from portvakt.sandbox.quota_gate import quota_gate
from portvakt.server.quota import Windows

if TYPE_CHECKING:
    from portvakt.sandbox.asgi import App, Receive, Scope, Send

NOON = 1_800_000_000
THREE = Quota(3, Seconds(3600))
UNTIL = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for a guarded API to which nobody showed a good token."""
    await answer(send, Reply(401, (("www-authenticate", "Bearer"),), b"{}"))


class Turned:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Instant:
        return Instant(self.now)


def gate(
    *,
    quota: Quota | None = THREE,
    api: Api = BREEZE.api,
    clock: Turned | None = None,
    windows: Windows | None = None,
    issuer: str = "breeze-test",
) -> App:
    return quota_gate(
        refuse,
        issuer=IssuerName(issuer),
        api=api,
        quota=quota,
        windows=Windows() if windows is None else windows,
        now=clock or Turned(),
    )


async def ask(app: App, address: str | None = "192.0.2.1", **headers: str) -> Answer:
    client = None if address is None else (address, 50000)
    return await call(app, "POST", "/graphql", client=client, headers=headers)


def told(reply: Answer) -> list[str | None]:
    return [reply.header(name) for name in UNTIL]


async def test_every_reply_tells_what_is_left_also_a_401() -> None:
    clock = Turned()
    app = gate(clock=clock)

    first = await ask(app)
    clock.now += 100
    second = await ask(app)

    assert (first.status, told(first)) == (401, ["3", "2", str(NOON + 3600)])
    assert told(second) == ["3", "1", str(NOON + 3600)]
    assert second.header("www-authenticate") == "Bearer"


async def test_E5_past_the_quota_the_provider_says_so_in_its_own_words() -> None:
    clock = Turned()
    app = gate(clock=clock)
    for _ in range(3):
        await ask(app)
    clock.now += 3180
    reply = await ask(app)

    assert (reply.status, reply.body) == (429, b"Too many requests from this IP, please try again later")
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    assert reply.header("retry-after") == "420"
    assert told(reply) == ["3", "0", str(NOON + 3600)]


async def test_the_quota_is_whole_again_when_the_window_has_ended() -> None:
    clock = Turned()
    app = gate(clock=clock)
    for _ in range(4):
        await ask(app)
    clock.now += 3600

    assert told(await ask(app)) == ["3", "2", str(NOON + 7200)]


async def test_breeze_allows_3600_requests_an_hour() -> None:
    app = gate(quota=BREEZE.api.quota)
    statuses = [(await ask(app)).status for _ in range(3601)]

    assert statuses == [401] * 3600 + [429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
async def test_E1_what_one_host_owns_is_one_bucket(one: str, other: str, same: bool) -> None:
    app = gate()
    await ask(app, one)

    assert told(await ask(app, other))[1] == ("1" if same else "2")


async def test_E1_a_header_does_not_make_another_caller() -> None:
    app = gate()
    await ask(app)

    assert told(await ask(app, **{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}))[1] == "1"


async def test_who_has_no_address_has_a_bucket_too() -> None:
    app = gate()
    await ask(app, None)

    assert told(await ask(app, None))[1] == "1"


async def test_two_issuers_count_apart() -> None:
    windows = Windows()
    for issuer in ("breeze-test", "breeze-production"):
        assert told(await ask(gate(windows=windows, issuer=issuer)))[1] == "2"


async def test_a_provider_may_have_no_headers_and_name_the_seconds() -> None:
    app = gate(api=Api(quota_text="Wait {seconds} s: {limit} per {window}."), quota=Quota(1, Seconds(60)))
    first, second = await ask(app), await ask(app)

    assert first.headers == [("www-authenticate", "Bearer"), ("content-length", "2")]
    assert (second.status, second.body) == (429, b"Wait 60 s: 1 per minute.")


async def test_without_a_quota_nothing_is_counted_or_told() -> None:
    assert gate(quota=None) is refuse
