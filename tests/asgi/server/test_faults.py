"""Our faults: the caller is told to try again, the operator why, and nobody is told that they are unknown."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from asgi_driver import call
from failing_store import FailingStore
from issuing import (
    BREEZE,
    CANARY,
    EVERY,
    FORM,
    JSON,
    LUCA,
    PRISJAKT,
    STANDARD,
    a_client,
    basic,
    body,
    error,
    known,
    opened,
    refused,
    serving,
)
from portvakt.server import readiness
from portvakt.server.act import Contended
from portvakt.server.application import Memory
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from issuing import Serving
    from portvakt.server.call import Receive, Scope, Send

FAULT = "The server could not answer. Try again."
GIVING = (BREEZE, PRISJAKT, STANDARD)
DOWN = StoreUnavailable("cannot read a client: the database is gone")
UNAVAILABLE = (
    503,
    [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("retry-after", "1"),
        ("content-length", str(len(FAULT) + 47)),
    ],
    b'{"error":"server_error","error_description":"The server could not answer. Try again."}',
)


@pytest.fixture
async def store(database: Path) -> AsyncIterator[FailingStore]:
    made = FailingStore(database)
    yield made
    made.failing.clear()
    await made.close()


def is_unavailable(answer: Any) -> None:
    """Check the 503 of what is no token endpoint."""
    status, headers, sent = answer
    assert (status, [header for header in headers if header[0] != "portvakt-reference"], sent) == UNAVAILABLE


@pytest.mark.parametrize("issuer", GIVING, ids=lambda issuer: issuer.name)
@pytest.mark.parametrize("method", ["client_facts", "signing_keys"])
@pytest.mark.parametrize(
    "fault", [DOWN, Contended("others were first"), RuntimeError("at /src/x.py"), KeyError(CANARY)], ids=repr
)
async def test_FT5_a_fault_is_503_and_never_invalid_client(
    database: Path, store: FailingStore, issuer: Any, method: str, fault: Exception
) -> None:
    async with serving(database, [issuer], store=store) as served:
        store.is_blind = True
        served.secrets.clear()  # this KeyError says the canary itself: it may reach the log, never the answer
        store.failing[method] = fault

        for answer in (
            await served.ask(issuer),
            await served.ask(issuer, b"grant_type=client_credentials", authorization=known(issuer).basic),
        ):
            refused(answer, 503, "server_error", FAULT, retry_after="1")

        store.failing.clear()
        assert (await served.ask(issuer)).status == 200  # it recovers by itself
        lines = served.lines()
    causes = [line for line in lines if line["level"] == "error" and line["event"] != "request"]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["error"] for line in causes] == [type(fault).__name__] * 2  # one line for each, with its cause
    assert [line["request_id"] for line in causes] == [line["request_id"] for line in requests[:2]]
    assert [(line["status"], line["code"]) for line in requests[:2]] == [(503, "server_error")] * 2
    assert {line["event"] for line in causes} == (
        {"unavailable"} if isinstance(fault, StoreUnavailable | Contended) else {"request_failed"}
    )


async def test_who_is_held_is_served_while_the_store_is_down(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        assert (await served.ask(STANDARD)).status == 200
        store.failing = {"client_facts": DOWN, "signing_keys": DOWN, "check": DOWN, "record_use": DOWN}

        assert (await served.ask(STANDARD)).status == 200
        refused(await served.ask(STANDARD, body(STANDARD, "second")), 503, "server_error", FAULT, retry_after="1")
        wrong = await served.ask(STANDARD, body(STANDARD, client_secret=CANARY))
        refused(wrong, 503, "server_error", FAULT, retry_after="1")  # a secret that was just made may be right
        assert (await served.get(f"{STANDARD.url}/.well-known/jwks.json")).status == 200
        assert (await served.get(f"{STANDARD.url}/.well-known/oauth-authorization-server")).status == 200
        store.failing.clear()


async def test_a_fault_of_ours_fills_no_bucket_and_no_quota(database: Path, store: FailingStore) -> None:
    async with serving(database, [BREEZE], store=store) as served:
        store.failing["client_facts"] = DOWN
        for _ in range(150):
            assert error(await served.ask(BREEZE)) == (503, "server_error")
        store.failing.clear()

        assert {(await served.ask(BREEZE)).status for _ in range(100)} == {200}
        assert error(await served.ask(BREEZE, body(BREEZE, client_secret=CANARY))) == (401, "invalid_client")


async def test_what_needs_no_store_is_refused_as_ever_while_it_is_down(database: Path, store: FailingStore) -> None:
    async with serving(database, EVERY, store=store) as served:
        store.failing = dict.fromkeys(("client_facts", "signing_keys", "check"), DOWN)
        asked = store.asked.copy()

        assert error(await served.ask(BREEZE, b"{", JSON)) == (400, "invalid_request")
        assert error(await served.ask(LUCA, body(LUCA))) == (400, "unsupported_grant_type")
        assert (await served.ask(STANDARD, method="GET")).status == 405
        assert store.asked == asked
        store.failing.clear()


async def test_FT5_the_key_set_of_a_store_that_is_down_is_the_last_one(database: Path, store: FailingStore) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    url = f"{STANDARD.url}/.well-known/jwks.json"
    async with serving(database, [STANDARD], store=store) as served:
        known_keys = (await served.get(url)).body
        store.is_blind = True
        store.failing["signing_keys"] = DOWN
        away = await served.get(url)
        store.failing.clear()
        store.afterwards["signing_keys"] = never
        hanging = await served.get(url)

    assert [(answer.status, answer.body) for answer in (away, hanging)] == [(200, known_keys)] * 2


async def test_FT12_a_key_set_outlives_a_store_that_lost_its_keys(database: Path, store: FailingStore) -> None:
    url = f"{STANDARD.url}/.well-known/jwks.json"
    async with serving(database, [STANDARD], store=store) as served:
        before = await served.get(url)
        store.is_blind = True
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("DELETE FROM signing_keys")

        assert list(await served.get(url)) == list(before)


async def test_a_key_set_that_was_never_read_is_503_while_the_store_is_down(
    database: Path, store: FailingStore
) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        store.is_blind = True
        store.failing["signing_keys"] = DOWN
        served.application.copy._last_keys.clear()

        is_unavailable(await served.get(f"{STANDARD.url}/.well-known/jwks.json"))
        store.failing.clear()


async def test_one_that_takes_anothers_place_goes_on_with_its_quotas_and_uses(
    database: Path, store: FailingStore
) -> None:
    memory = Memory()
    async with serving(database, [BREEZE], store=store, memory=memory) as before:
        for _ in range(100):
            assert (await before.ask(BREEZE)).status == 200
        for _ in range(60):
            assert (await before.ask(BREEZE, body(BREEZE, "second", client_secret=CANARY))).status == 401

        async with serving(database, [BREEZE, STANDARD], store=store, memory=memory) as after:
            assert (await after.ask(BREEZE)).status == 429
            assert (await after.ask(BREEZE, body(BREEZE, "second", client_secret=CANARY))).status == 429
            assert len(memory.uses._last) == 1


async def test_a_mounted_application_that_fails_is_503_and_its_cause_is_logged(breeze: Serving) -> None:
    async def fails(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise Contended("others were first")

    async def begins(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("in the middle")

    async def answers(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    breeze.application.mount({f"{BREEZE.url}/{app.__name__}": app for app in (fails, begins, answers)})

    is_unavailable(await breeze.get(f"{BREEZE.url}/fails"))
    assert (await breeze.get(f"{BREEZE.url}/answers")).body == b"/breeze-test/answers"
    with pytest.raises(RuntimeError, match="a reply had begun"):
        await breeze.get(f"{BREEZE.url}/begins")
    lines = breeze.lines()
    assert [(line["event"], line.get("error")) for line in lines if line["level"] == "error"] == [
        ("unavailable", "Contended"),
        ("request", None),
        ("request_failed", "ValueError"),
    ]
    assert [line["status"] for line in lines if line["event"] == "request"] == [503, 418]


async def test_who_leaves_in_the_middle_of_a_body_is_logged_and_not_answered(standard: Serving) -> None:
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b"grant_", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await standard.application(
        {
            "type": "http",
            "method": "POST",
            "path": "/acme/token",
            "raw_path": b"/acme/token",
            "query_string": b"",
            "headers": [(b"host", b"id.example"), (b"content-type", FORM.encode())],
            "client": None,
        },
        receive,
        send,
    )

    assert sent == []
    (line,) = standard.lines()
    assert (line["status"], line["level"], line["address"]) == (499, "info", "")


HEALTH = ("/livez", "/readyz")


async def test_health_is_told_at_any_host(breeze: Serving) -> None:
    for path, said in zip(HEALTH, (b'{"alive":true}', b'{"ready":true}'), strict=True):
        for headers in ([], [("host", "10.0.0.1")], [("host", "id.example")]):
            answer = await call(breeze.application, "GET", path, headers=headers)

            assert (answer.status, answer.body) == (200, said)
            assert answer.header("cache-control") == "no-store"
            assert answer.header("content-type") == "application/json"


async def test_FT26_one_that_drains_is_alive_and_not_ready_and_still_answers(breeze: Serving) -> None:
    breeze.application.drain()

    alive, ready = [await call(breeze.application, "GET", path) for path in HEALTH]

    assert (alive.status, alive.body) == (200, b'{"alive":true}')
    assert (ready.status, ready.body) == (503, b'{"ready":false}')
    assert (await breeze.ask(BREEZE)).status == 200


async def test_FT26_readiness_that_was_asked_for_before_a_drain_is_not_told_in_it(breeze: Serving) -> None:
    asked = asyncio.create_task(call(breeze.application, "GET", "/readyz"))
    await asyncio.sleep(0)  # it waits for the store by now

    breeze.application.drain()

    assert (await asked).status == 503


async def test_E4_readiness_is_found_out_once_however_many_ask(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        asked = store.asked["check"]

        together = await asyncio.gather(*(call(served.application, "GET", "/readyz") for _ in range(200)))
        again = await call(served.application, "GET", "/readyz")

        assert {answer.status for answer in (*together, again)} == {200}
        assert store.asked["check"] == asked + 1


@pytest.mark.parametrize("fault", [DOWN])
async def test_one_whose_store_is_down_is_alive_and_not_ready(
    database: Path, store: FailingStore, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "KEPT_FOR", 0.0)
    async with serving(database, [STANDARD], store=store) as served:
        store.failing["check"] = fault

        alive, ready = [await call(served.application, "GET", path) for path in HEALTH]
        store.failing.clear()
        again = await call(served.application, "GET", "/readyz")

        assert [(answer.status, answer.body) for answer in (alive, ready, again)] == [
            (200, b'{"alive":true}'),
            (503, b'{"ready":false}'),
            (200, b'{"ready":true}'),
        ]
        failures = [line for line in served.lines() if line["event"] == "not_ready"]
        assert [line["error"] for line in failures] == ["StoreUnavailable"]


async def test_health_by_head_has_no_body(breeze: Serving) -> None:
    answer = await call(breeze.application, "HEAD", "/readyz")

    assert (answer.status, answer.header("content-length"), answer.body) == (200, "14", b"")


async def test_a_store_that_is_down_stops_the_start(database: Path, store: FailingStore) -> None:
    store.failing["signing_keys"] = DOWN

    with pytest.raises(StoreUnavailable):
        async with serving(database, [STANDARD], store=store):
            pass


async def test_many_at_once_are_answered_each_with_its_own(database: Path, store: FailingStore) -> None:
    async with serving(database, [BREEZE, STANDARD], store=store) as served:

        async def slowly() -> None:
            await asyncio.sleep(0)

        store.afterwards["client_facts"] = slowly
        labels = ["main", "second", "by-body", "greedy"]
        answers = await asyncio.gather(*(served.ask(STANDARD, body(STANDARD, label)) for label in labels * 5))

        subjects = [(await opened(served, STANDARD, answer))["sub"] for answer in answers]
        assert subjects == [known(STANDARD, label).client_id for label in labels * 5]


async def test_K1_no_secret_reaches_the_log_whatever_is_done_with_it(database: Path, store: FailingStore) -> None:
    async with serving(database, [BREEZE, STANDARD], store=store) as served:
        for issuer in (BREEZE, STANDARD):
            client = known(issuer)
            served.secrets |= {client.secret, client.basic.split()[1], client.secret[::-1]}
            await served.ask(issuer, query=f"client_secret={client.secret}")
            await served.ask(issuer, body(issuer, client_id=client.secret))
            await served.ask(issuer, body(issuer, grant_type=client.secret, scope=client.secret))
            await served.ask(issuer, body(issuer, client_secret=CANARY))
            await served.ask(issuer, body(issuer, **{client.secret: "x"}))
            await served.ask(issuer, path=f"/{client.secret}")
            await served.ask(issuer, b"grant_type=client_credentials", authorization=basic(CANARY, CANARY))
            await served.ask(issuer, client.secret.encode())
            await served.ask(issuer)
            store.failing["client_facts"] = StoreUnavailable(f"password={client.secret}")
            await served.ask(issuer, body(issuer, "second"))
            store.failing.clear()

        assert len(served.lines()) == 22


async def test_a_new_client_may_be_asked_for_before_the_watch_knows_of_it(database: Path, store: FailingStore) -> None:
    async with serving(database, [BREEZE], store=store) as served:
        assert error(await served.ask(BREEZE, body(BREEZE, "new"))) == (401, "invalid_client")
        await store.apply(a_client(BREEZE, "new"))

        assert (await served.ask(BREEZE, body(BREEZE, "new"))).status == 200
