"""A load on loopback: keep-alive connections that ask the same thing as fast as it is answered, for some seconds.

A program of its own, so that it can have a core of its own: `python load.py`, its wishes as JSON on standard input,
what it measured as JSON on standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import uvloop

END_OF_HEAD = b"\r\n\r\n"


class Asker(asyncio.Protocol):
    """One connection: sends the request again with each whole answer."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        """Send the request."""
        assert self.transport is not None
        self.asked_at = time.perf_counter()
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer."""
        self.buffer = self.buffer + data if self.buffer else data
        head, found, body = self.buffer.partition(END_OF_HEAD)
        if not found:
            return
        at = head.lower().index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.buffer = b""
        self.load.answered(head[9:12], time.perf_counter() - self.asked_at)
        if time.perf_counter() < self.load.until:
            self.ask()
        else:
            assert self.transport is not None
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell when the last connection has ended."""
        self.load.ended()


class Load:
    """What is asked, for how long, and what came back."""

    def __init__(self, request: bytes, connections: int, until: float) -> None:
        self.request = request
        self.until = until
        self.open = connections
        self.statuses: dict[str, int] = {}
        self.latencies: list[float] = []
        self.done = asyncio.Event()

    def answered(self, status: bytes, seconds: float) -> None:
        """Note one answer."""
        name = status.decode()
        self.statuses[name] = self.statuses.get(name, 0) + 1
        self.latencies.append(seconds)

    def ended(self) -> None:
        """Note that a connection ended."""
        self.open -= 1
        if not self.open:
            self.done.set()


def spin(loop: asyncio.AbstractEventLoop) -> None:
    """Keep the loop from sleeping: to be woken for each answer would cost the server's core a signal to this one."""
    loop.call_soon(spin, loop)


async def main(wish: dict[str, object]) -> dict[str, object]:
    """Load the server and return what was measured."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    connections = int(str(wish["connections"]))
    load = Load(str(wish["request"]).encode(), connections, began + float(str(wish["seconds"])))
    spin(loop)
    for _ in range(connections):
        await loop.create_connection(lambda: Asker(load), "127.0.0.1", int(str(wish["port"])))
    await load.done.wait()
    seconds = time.perf_counter() - began
    ordered = sorted(load.latencies)
    return {
        "rate": len(ordered) / seconds,
        "statuses": load.statuses,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    wished = json.load(sys.stdin)
    os.sched_setaffinity(0, {int(wished["core"])})
    print(json.dumps(uvloop.run(main(wished))))
