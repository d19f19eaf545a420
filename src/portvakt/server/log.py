"""The log: one JSON object a line on standard error, written by a thread of its own.

A caller formats its line and puts it into a bounded buffer; it never waits for whoever reads the log. What does not
fit is counted, and the count is logged once there is room. Why no logging library: docs/decisions/0005-logging.md.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import threading
import time
import traceback
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from portvakt.server.redaction import plain_path, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST = 256
"""Characters of any one text in the log."""

LOOKED_AT = 4_096

FRAMES = 8

FAULT = 500
"""The first status that says that we are at fault."""

BATCH = 0.2
"""Seconds for which lines are gathered before they are written."""


def quoted(text: str) -> str:
    """Return `text` as a JSON string of ASCII: capped, with secrets blanked and control characters escaped."""
    # Blanked before it is cut, or the cut could take what tells a secret from other text.
    text = redact(text[:LOOKED_AT])
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    # A lone surrogate would be no JSON for a strict reader.
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return encode_basestring_ascii(text)


reason_quoted = functools.lru_cache(1_024)(quoted)
"""As `quoted`, for the reasons of refusals: they are few."""


@functools.lru_cache(1_024)  # our own paths are few, and strangers' short ones need little room
def _path_quoted(path: str) -> str:
    return quoted(plain_path(path))


def value(thing: object) -> str:
    """Return a field's value as JSON: numbers as they are, lists item by item, all else as text."""
    if thing is None:
        return "null"
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, int):
        return str(int(thing))
    if isinstance(thing, float):
        return f"{thing:.3f}" if thing - thing == 0 else "null"
    if isinstance(thing, list | tuple):
        return "[" + ",".join(value(item) for item in thing) + "]"
    return quoted(thing if isinstance(thing, str) else str(thing))


def described(error: BaseException) -> dict[str, Any]:
    """Return what the log says of an exception: type, text and places, without values of variables or source."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {
        "error": type(error).__name__,
        "text": str(error),
        "at": [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],  # noqa: PTH119
        **({"cause": f"{type(cause).__name__}: {cause}"} if cause else {}),
    }


LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Writes JSON lines to the file descriptor `descriptor`. Any thread may call it."""

    def __init__(
        self,
        descriptor: int = 2,
        *,
        least: str = "debug",
        lines: int = 10_000,
        size: int = 4 << 20,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Write what is of level `least` or graver. Hold at most `lines` lines and `size` bytes not yet written."""
        self._descriptor = descriptor
        self.keep_to(least)
        self._most_lines = lines
        self._most_bytes = size
        self._wall = wall
        self._millisecond = self._second = -1
        self._to_the_second = ""
        self._stamp = ""
        # Reentrant: a finalizer may log in the middle of an append.
        self._lock = threading.RLock()
        self._lines: list[str] = []
        self._bytes = 0
        self._dropped = 0
        self._closed = False
        self._waiting = threading.Event()
        self._urgent = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_to(self, least: str) -> None:
        """Write from now on what is of level `least` or graver."""
        self._least = LEVELS.index(least)

    def event(self, level: str, event: str, **fields: object) -> None:
        """Log something that happens rarely. `level` is debug, info, warning or error."""
        if LEVELS.index(level) < self._least:
            return
        rest = "".join(f",{encode_basestring_ascii(name)}:{value(thing)}" for name, thing in fields.items())
        self._append(f'{{"ts":"{self._now()}","level":"{level}","event":{quoted(event)}{rest}}}\n')
        if level in ("warning", "error"):
            self._urgent.set()

    def failure(self, event: str, error: BaseException, **fields: object) -> None:
        """Log an exception that nobody else will see."""
        self.event("error", event, **fields, **described(error))

    def request(  # noqa: PLR0913
        self,
        *,
        request_id: str,
        method: str,
        path: str,
        status: int,
        address: str,
        duration: float,
        size: int,
        issuer: str | None = None,
        client_id: str | None = None,
        code: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Log one HTTP request; this is on the way of every token.

        `path` comes without its query; what is no word in it is blanked. `duration` is in milliseconds, `size` the
        bytes of the reply's body.
        `client_id` is given only where it was authenticated; `code` and `reason` only for a refusal.
        """
        if self._least and LEVELS.index("info" if status < FAULT else "error") < self._least:
            return
        encode = encode_basestring_ascii
        shown = _path_quoted(path) if len(path) < LONGEST else quoted(plain_path(path[:LOOKED_AT]))
        rest = ""
        if issuer is not None:
            rest = f',"issuer":{encode(issuer)}'
        if client_id is not None:
            rest += f',"client_id":{encode(client_id)}'
        if code is not None:
            rest += f',"code":{encode(code)},"reason":{reason_quoted(reason or "")}'
        level = "info" if status < FAULT else "error"
        self._append(
            f'{{"ts":"{self._now()}","level":"{level}","event":"request","request_id":{encode(request_id)},'
            f'"method":{encode(method)},"path":{shown},"status":{status},"address":{encode(address)},'
            f'"duration_ms":{duration:.3f},"bytes":{size}{rest}}}\n'
        )

    def close(self, patience: float = 1.0) -> None:
        """Write what is held, for at most `patience` seconds, and take no more."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._urgent.set()
        self._waiting.set()
        if thread is not None:
            thread.join(patience)

    def _now(self) -> str:
        now = int(self._wall() * 1000)
        if now != self._millisecond:
            self._millisecond = now
            second, rest = divmod(now, 1000)
            if second != self._second:
                self._second = second
                self._to_the_second = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
            self._stamp = f"{self._to_the_second}{rest:03d}Z"
        return self._stamp

    def _append(self, line: str) -> None:
        with self._lock:
            if self._closed:
                return
            lines = self._lines
            # The line is ASCII, so its length is its bytes.
            if len(lines) >= self._most_lines or self._bytes + len(line) > self._most_bytes:
                self._dropped += 1
                return
            lines.append(line)
            self._bytes += len(line)
            if len(lines) > 1:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
                self._thread.start()
            self._waiting.set()

    def _write_all(self) -> None:
        """Write lines as they come: the thread's whole life."""
        while True:
            self._waiting.wait()
            self._urgent.wait(BATCH)
            self._urgent.clear()
            with self._lock:
                lines, dropped, closed = self._lines, self._dropped, self._closed
                self._lines, self._bytes, self._dropped = [], 0, 0
                self._waiting.clear()
            if dropped:
                lines.append(f'{{"ts":"{self._now()}","level":"warning","event":"log_dropped","lines":{dropped}}}\n')
            lost = 0 if self._write("".join(lines).encode("ascii")) else len(lines)
            if lost:
                with self._lock:
                    self._dropped += lost
            if closed:
                return

    def _write(self, data: bytes) -> bool:
        """Write `data`, waiting for the reader as long as it takes. False: the log cannot be written (a full disk)."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # standard error may be shared with a program that made it non-blocking
                time.sleep(0.05)
            except OSError:
                return False
        return True


class LibraryHandler(logging.Handler):
    """Passes what libraries log to our log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record: its message, and its exception by type and place."""
        try:
            error = record.exc_info[1] if record.exc_info else None
            level = "error" if record.levelno >= logging.ERROR else "warning"  # from WARNING on: see library_logs_to
            message = record.getMessage()
            self._log.event(
                level, "library", logger=record.name, message=message, **(described(error) if error else {})
            )
        except Exception as error:  # noqa: BLE001  a library's bad format string must not reach the library's caller
            self._log.failure("library_log_failed", error, logger=record.name)


@contextlib.contextmanager
def library_logs_to(log: Log) -> Iterator[None]:
    """Route what `logging`, `warnings` and the interpreter's last resorts say to `log`, from WARNING on."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hooks = sys.unraisablehook, threading.excepthook
    root.handlers[:] = [LibraryHandler(log)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = lambda seen: _last_resort(log, "unraisable", seen.exc_value)
    threading.excepthook = lambda seen: _last_resort(log, "thread_failed", seen.exc_value)
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = hooks
        logging.captureWarnings(capture=False)
        root.handlers[:] = before
        root.setLevel(level)


def _last_resort(log: Log, event: str, error: BaseException | None) -> None:
    if error is not None:
        log.failure(event, error)
