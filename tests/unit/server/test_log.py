from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from portvakt.model.values import Secret
from portvakt.server.log import Log, library_logs_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENT = 1_795_000_000.25


class Sink:
    """A log that writes to a file, and what it wrote."""

    def __init__(self, path: str, **limits: Any) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
        self.log = Log(self.descriptor, wall=lambda: MOMENT, **limits)

    def raw(self) -> bytes:
        """Close the log; return the bytes written."""
        self.log.close()
        with open(self.path, "rb") as file:  # noqa: PTH123
            return file.read()

    def lines(self) -> list[dict[str, Any]]:
        """Close the log; return its lines."""
        return [json.loads(line) for line in self.raw().splitlines()]


@pytest.fixture
def sink(tmp_path: Any) -> Iterator[Sink]:
    made = Sink(str(tmp_path / "log"))
    yield made
    made.log.close()
    os.close(made.descriptor)


def fail(text: str) -> None:
    raise ValueError(text)


def a_request(log: Log, **changes: Any) -> None:
    log.request(
        **{
            "request_id": "r1",
            "method": "POST",
            "path": "/oauth/token",
            "status": 200,
            "address": "127.0.0.1",
            "duration": 1.23456,
            "size": 512,
            **changes,
        }
    )


def test_an_event_is_one_json_object_with_its_fields_in_order(sink: Sink) -> None:
    sink.log.event(
        "info", "started", url="http://127.0.0.1:1", n=1, ok=True, no=False, part=0.5, none=None, list=["a", 2]
    )

    assert sink.raw() == (
        b'{"ts":"2026-11-18T11:06:40.250Z","level":"info","event":"started","url":"http://127.0.0.1:1","n":1,"ok":true,'
        b'"no":false,"part":0.500,"none":null,"list":["a",2]}\n'
    )


def test_a_request_is_one_json_object(sink: Sink) -> None:
    a_request(sink.log)
    a_request(sink.log, issuer="breeze-test", client_id="oauth_1", status=401, code="invalid_client", reason="expired")
    a_request(sink.log, status=503, code="server_error")

    plain, refused, failed = sink.lines()
    assert list(plain) == [
        "ts",
        "level",
        "event",
        "request_id",
        "method",
        "path",
        "status",
        "address",
        "duration_ms",
        "bytes",
    ]
    assert plain["duration_ms"] == 1.235
    assert refused["issuer"] == "breeze-test"
    assert refused["client_id"] == "oauth_1"
    assert (refused["level"], refused["code"], refused["reason"]) == ("info", "invalid_client", "expired")
    assert (failed["level"], failed["reason"]) == ("error", "")


@pytest.mark.parametrize(
    "path",
    [
        '/a\n{"level":"error"}',
        "/a\r\nb",
        '/"quoted"\\',
        "/\x00\x1b[31m\x7f",
        "/æ\u2028\u202e",
        "/\udc80",
        "/" + "x" * 10_000,
    ],
)
def test_what_a_stranger_wrote_stays_in_its_field(sink: Sink, path: str) -> None:
    a_request(sink.log, path=path)
    sink.log.event("info", path, field=path)

    raw = sink.raw()
    assert raw.count(b"\n") == 2
    assert all(byte == 10 or 32 <= byte < 127 for byte in raw)
    assert all(len(json.loads(line).get("path", "")) <= 256 for line in raw.splitlines())
    assert len(raw) < 2_500


def test_a_number_that_json_lacks_is_null(sink: Sink) -> None:
    sink.log.event("info", "e", infinite=float("inf"), none=float("nan"))

    assert sink.lines()[0]["infinite"] is None


def test_K1_no_secret_is_written_whatever_field_it_is_in(sink: Sink) -> None:
    canary = "pvk_cs_canary-Canary_canary"
    token = "eyJhbGciOiJSUzI1NiJ9.canary.canary"
    a_request(sink.log, path=f"/{canary}")
    a_request(sink.log, path=f"/{token}/x")
    a_request(sink.log, code="invalid_client", reason=f"saw {canary}")
    sink.log.event(
        "info", canary, secret=Secret("canary"), header=f"Bearer {token}", basic="Basic Y2FuYXJ5", items=[canary]
    )
    try:
        fail(f"password=canary {token}")
    except ValueError as error:
        sink.log.failure("failed", error)

    raw = sink.raw()
    assert b"anary" not in raw.replace(b"K1", b"")
    assert b"Y2FuYXJ5" not in raw


def test_an_exception_is_logged_by_type_place_and_cause_without_its_source(sink: Sink) -> None:
    empty: dict[str, str] = {}
    try:
        try:
            empty["key"]
        except KeyError as inner:
            raise RuntimeError("outer") from inner
    except RuntimeError as error:
        sink.log.failure("failed", error, path="/x")

    line = sink.lines()[0]
    assert (line["level"], line["event"], line["path"], line["error"], line["text"]) == (
        "error",
        "failed",
        "/x",
        "RuntimeError",
        "outer",
    )
    assert line["cause"] == "KeyError: 'key'"
    assert line["at"][0].startswith("test_log.py:")


def test_a_cause_that_was_hidden_stays_hidden(sink: Sink) -> None:
    empty: dict[str, str] = {}
    try:
        try:
            empty["key"]
        except KeyError:
            raise RuntimeError("outer") from None
    except RuntimeError as error:
        sink.log.failure("failed", error)

    assert "cause" not in sink.lines()[0]


def test_FT39_a_full_buffer_drops_counts_and_says_so(tmp_path: Any) -> None:
    reader, writer = os.pipe()
    log = Log(writer, lines=50, size=1 << 20)
    began = time.monotonic()
    for number in range(2_000):  # the pipe takes some, the buffer 50
        log.event("warning", "noise", number=number, filling="x" * 200)
    assert time.monotonic() - began < 2

    written = b""
    end = time.monotonic() + 5
    while b"log_dropped" not in written:
        assert time.monotonic() < end
        written += os.read(reader, 65_536)
    log.close()
    os.close(writer)
    while piece := os.read(reader, 65_536):
        written += piece
    os.close(reader)

    lines = [json.loads(line) for line in written.splitlines()]
    dropped = sum(line["lines"] for line in lines if line["event"] == "log_dropped")
    assert dropped > 0
    assert dropped + sum(line["event"] == "noise" for line in lines) == 2_000


def test_FT39_the_buffer_is_bounded_in_bytes_too(tmp_path: Any) -> None:
    sink = Sink(str(tmp_path / "log"), size=1_000)
    with sink.log._lock:  # the writer does not get in between
        for _ in range(100):
            a_request(sink.log)

    lines = sink.lines()
    assert 0 < sum(line["event"] == "request" for line in lines) < 6
    assert lines[-1]["event"] == "log_dropped"
    os.close(sink.descriptor)


def test_FT11_a_log_that_cannot_be_written_harms_nobody_and_is_counted() -> None:
    try:
        full = os.open("/dev/full", os.O_WRONLY)
    except OSError:
        pytest.skip("no /dev/full here")
    log = Log(full)
    log.event("error", "lost")
    end = time.monotonic() + 5
    while not log._dropped:
        assert time.monotonic() < end
        time.sleep(0.005)
    log.close()
    os.close(full)


def test_a_non_blocking_standard_error_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = Log(writer)
    for _ in range(800):
        log.event("error", "noise", filling="x" * 200)
    closing = threading.Thread(target=log.close, args=(5.0,))
    closing.start()
    time.sleep(0.05)
    written = b""
    while written.count(b"\n") < 800:
        written += os.read(reader, 65_536)
    closing.join()
    os.close(writer)
    os.close(reader)


def test_a_closed_log_takes_no_more_and_closing_twice_is_fine(sink: Sink) -> None:
    sink.log.event("info", "one")
    sink.log.close()
    sink.log.event("info", "two")

    assert [line["event"] for line in sink.lines()] == ["one"]


def test_a_log_that_was_never_used_has_no_thread() -> None:
    log = Log()
    log.close()

    assert log._thread is None


def test_closing_does_not_wait_for_a_reader_that_never_reads() -> None:
    reader, writer = os.pipe()
    log = Log(writer)
    for _ in range(1_000):
        log.event("info", "noise", filling="x" * 200)
    began = time.monotonic()
    log.close(0.1)

    assert time.monotonic() - began < 2
    os.close(reader)  # lets the writer go
    assert log._thread is not None
    log._thread.join(5)
    os.close(writer)


def test_many_threads_write_whole_lines(sink: Sink) -> None:
    threads = [
        threading.Thread(target=lambda: [a_request(sink.log) for _ in range(200)])  # type: ignore[func-returns-value]
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sink.lines()) == 1_000


def test_libraries_log_into_the_same_lines_without_their_secrets(sink: Sink) -> None:
    root = logging.getLogger()
    before = root.handlers[:]
    with library_logs_to(sink.log):
        logging.getLogger("sqlalchemy.pool").warning("lost %s", "postgresql://user:canary@db/x")
        logging.getLogger("asyncio").info("not of interest")
        logging.getLogger("asyncio").critical("Bearer canary.canary.canary")
        logging.getLogger("x").warning("%d", "not a number")
        try:
            fail("client_secret=canary")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("failed")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert root.handlers == before

    lines = sink.lines()
    assert [line["event"] for line in lines] == ["library"] * 2 + ["library_log_failed"] + ["library"] * 2
    assert [line["level"] for line in lines] == ["warning", "error", "error", "error", "warning"]
    assert lines[0]["logger"] == "sqlalchemy.pool"
    assert lines[0]["message"] == "lost postgresql://***@db/x"
    assert lines[3]["error"] == "ValueError"
    assert "canary" not in repr(lines)


@pytest.mark.filterwarnings("default")
def test_what_nobody_caught_is_logged_too(sink: Sink) -> None:
    def fails() -> None:
        raise ValueError("in a thread")

    with library_logs_to(sink.log):
        thread = threading.Thread(target=fails)
        thread.start()
        thread.join()
        sys.unraisablehook(type("Seen", (), {"exc_value": ValueError("in a finalizer")})())
        sys.unraisablehook(type("Seen", (), {"exc_value": None})())

    assert [(line["event"], line["text"]) for line in sink.lines()] == [
        ("thread_failed", "in a thread"),
        ("unraisable", "in a finalizer"),
    ]


def test_what_is_less_grave_than_wanted_is_not_written(tmp_path: Path) -> None:
    sink = Sink(str(tmp_path / "log"), least="warning")

    for level in ("debug", "info", "warning", "error"):
        sink.log.event(level, level)
    a_request(sink.log, status=200)
    a_request(sink.log, status=503)

    assert [line["level"] for line in sink.lines()] == ["warning", "error", "error"]
    os.close(sink.descriptor)
