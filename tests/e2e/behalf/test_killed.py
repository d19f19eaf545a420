"""Servers killed in the middle of redeeming and rotating, and answers that are lost: what was acknowledged holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from behalf_nodes import Client, Proxy
from nodes import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from behalf_nodes import Place
    from nodes import Answer

    Places = Callable[[int], Place]

WINDOW = 10
WORKERS = 4
GENERATIONS = 6


@dataclass
class Book:
    """What applications were told, and what went wrong with it."""

    wrong: list[str] = field(default_factory=list)
    codes: int = 0
    renewals: int = 0
    repeated: int = 0
    lost_codes: int = 0
    ended: int = 0
    newest: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.codes + self.renewals


class Application(threading.Thread):
    """Redeems codes and rotates what they gave, by the book: what was not answered is asked again."""

    def __init__(self, client: Client, port: int, codes: list[str], *, forgiving: bool) -> None:
        super().__init__()
        self.book = Book()
        self.stop = threading.Event()
        self._client = client
        self._port = port
        self._codes = codes
        self._forgiving = forgiving

    def run(self) -> None:
        while self._codes and not self.stop.is_set():
            token = self._redeem(self._codes.pop())
            for _ in range(GENERATIONS):
                token = token and self._renew(token)
            if token:
                self.book.newest.append(token)

    def _redeem(self, code: str) -> str | None:
        answer, tries = self._until_answered(lambda: self._client.exchange(self._port, code))
        if answer.status == 200:
            self.book.codes += 1
            return self._token(answer)
        if answer.status == 400 and tries > 1:  # it was redeemed, and nobody knows what it gave: log in again
            self.book.lost_codes += 1
        else:
            self.book.wrong.append(f"a code: {answer.status} {answer.body!r} after {tries} tries")
        return None

    def _renew(self, token: str) -> str | None:
        answer, tries = self._until_answered(lambda: self._client.refresh(self._port, token))
        if answer.status == 200:
            self.book.renewals += 1
            self.book.repeated += tries > 1
            return self._token(answer)
        if answer.status == 400 and tries > 1 and not self._forgiving:
            self.book.ended += 1
        else:
            self.book.wrong.append(f"a refresh token: {answer.status} {answer.body!r} after {tries} tries")
        return None

    def _token(self, answer: Answer) -> str:
        self.book.access.append(answer.json()["access_token"])
        token: str = answer.json()["refresh_token"]
        return token

    def _until_answered(self, ask: Callable[[], Answer]) -> tuple[Answer, int]:
        for tries in range(1, 2000):
            answer = ask()
            if answer.status not in {0, 503}:
                return answer, tries
        raise AssertionError("nobody answers")


def kill_often(here: Place, kills: int, *, forgiving: bool) -> Book:
    """Kill the server under load so often, each time with a new one in its place; return what applications saw."""
    client = Client(here.issuer)
    codes = here.codes(60 * kills)
    with here.servers(1) as servers, Proxy(servers.running[0].port) as proxy:
        workers = [Application(client, proxy.port, codes, forgiving=forgiving) for _ in range(WORKERS)]
        try:
            for worker in workers:
                worker.start()
            for _ in range(kills):
                old, new = servers.running[-1], servers.start()
                done = sum(worker.book.done for worker in workers)
                until(lambda done=done: sum(w.book.done for w in workers) > done + 7, "some load")  # type: ignore[misc]
                old.kill()
                proxy.target = new.port
        finally:
            for worker in workers:
                worker.stop.set()
            for worker in workers:
                worker.join(PATIENCE)
        assert not any(worker.is_alive() for worker in workers)
        together = _sum([worker.book for worker in workers])
        for token in together.newest:  # no acknowledged answer was lost, and no family is stuck
            answer = client.refresh(new.port, token)
            if answer.status != 200:
                together.wrong.append(f"an acknowledged token: {answer.status} {answer.body!r}")
        assert [server.faults() for server in servers.running] == [[]] * (kills + 1)
    return together


def _sum(books: list[Book]) -> Book:
    whole = Book()
    for book in books:
        whole.wrong += book.wrong
        whole.newest += book.newest
        whole.access += book.access
        whole.codes += book.codes
        whole.renewals += book.renewals
        whole.repeated += book.repeated
        whole.lost_codes += book.lost_codes
        whole.ended += book.ended
    return whole


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "place", ["sqlite", pytest.param("postgresql", marks=[pytest.mark.services, pytest.mark.long])], indirect=True
)
@pytest.mark.timeout(900)
def test_FT1_FT2_a_killed_server_takes_no_answer_back_and_leaves_no_family_stuck(place: Places, kills: int) -> None:
    seen = kill_often(place(WINDOW), kills, forgiving=True)

    assert seen.wrong == []
    assert seen.codes + seen.renewals > 8 * kills
    assert seen.repeated > 0  # some were asked again, and answered
    assert len(seen.access) == len(set(seen.access))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_FT2_without_a_window_an_unanswered_renewal_ends_its_own_family_alone(place: Places) -> None:
    seen = kill_often(place(0), 50, forgiving=False)

    assert seen.wrong == []
    assert seen.ended <= 50 * WORKERS


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("renewals", [40, pytest.param(400, marks=pytest.mark.long)])
def test_FT3_an_answer_that_was_lost_is_given_again(place: Places, renewals: int) -> None:
    here = place(WINDOW)
    client = Client(here.issuer)
    with here.servers(1) as started:
        (server,) = started.running
        proxy = Proxy(server.port, lambda number: number % 5 == 0)
        (code,) = here.codes(1)
        token = client.exchange(server.port, code).json()["refresh_token"]
        for _ in range(renewals):
            answer = client.refresh(proxy.port, token)
            if answer.status == 0:
                answer = client.refresh(proxy.port, token)
                behind = client.refresh(server.port, token)
                assert behind.json()["refresh_token"] == answer.json()["refresh_token"]
            assert answer.status == 200
            token = answer.json()["refresh_token"]
        proxy.close()

        assert proxy.dropped >= renewals // 5
        assert client.refresh(server.port, token).status == 200
        assert server.faults() == []


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_FT3_a_lost_answer_to_a_code_is_a_new_log_in_and_no_orphan(place: Places) -> None:
    here = place(WINDOW)
    client = Client(here.issuer)
    with here.servers(1) as started:
        (server,) = started.running
        proxy = Proxy(server.port, lambda number: number == 1)
        (code,) = here.codes(1)

        lost = client.exchange(proxy.port, code)
        again = client.exchange(proxy.port, code)

        assert (lost.status, again.status, again.json()["error"]) == (0, 400, "invalid_grant")
        proxy.close()
