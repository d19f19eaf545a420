"""The tokens of a log-in: when they are used, when they are renewed, and what is kept in which order."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from canary import Canaries
from logins import ACCESS, CLIENT, ISSUER, NOW, REFRESH, a_login
from portvakt.client import LoginRequired, Unreachable
from portvakt.client.asking import Asker, Later, No, Nonsense, Nothing, Over
from portvakt.client.folder import LoginFile, unlock
from portvakt.client.renewing import FilePlace, HandedPlace, Renewer
from portvakt.client.source import TokenSource
from portvakt.client.token import Token
from portvakt.model.decision import Refused, Tokens
from portvakt.model.values import Instant, Seconds, Secret
from portvakt.protocol.ask.endpoint import documented_endpoint
from portvakt.protocol.ask.wish import Wish
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from portvakt.client.asking import Outcome
    from portvakt.client.login import Login
    from portvakt.client.renewing import Place

WINDOW = PROVIDERS["standard"].reissue_window
LOST = Nothing("no complete answer within 10 s")
AWAY = Nothing("id.example: no connection", unsent=True)
OVER = No(Refused("invalid_grant", "", 400))


class Server(Asker):
    """Answers renewals with `outcomes`, then with new tokens. `asked` are the refresh tokens that came, in order."""

    __slots__ = ("asked", "outcomes", "seen", "watch")

    def __init__(self, provider: str = "standard", *, documented: bool = True, scope: str = "") -> None:
        value = PROVIDERS[provider]
        endpoint = documented_endpoint(value, ISSUER) if documented else None
        wish = Wish(client_id=CLIENT, client_secret=None, scope=scope)
        super().__init__(ISSUER, value, wish, endpoint, None, lambda: Instant(NOW))
        self.asked: list[str] = []
        self.outcomes: list[Outcome] = []
        self.watch: Callable[[], object] = lambda: None
        self.seen: list[object] = []

    async def exchange(self, request: Any, seconds: float = 10.0, *hidden: Secret) -> Outcome:
        sent = request(documented_endpoint(self.provider, ISSUER))
        self.seen.append(self.watch())
        self.asked.append(parse_qs(sent.body.decode())["refresh_token"][0])
        assert self.asked[-1] in [secret.reveal() for secret in hidden]
        if self.outcomes:
            return self.outcomes.pop(0)
        number = len(self.asked)
        return Tokens(
            access_token=Secret(f"access-{number}"),
            lifetime=Seconds(3600),
            scope="read",
            refresh_token=Secret(f"refresh-{number}"),
        )


class World:
    """A renewer of one log-in, its server, and a clock. `kept` is what the application was told to keep."""

    def __init__(self, login: Login, *, server: Server | None = None, place: Place | None = None) -> None:
        self.server = server or Server()
        self.kept: list[Login] = []
        self.now = float(NOW)
        self.place = place or HandedPlace(login, self.kept.append)
        self.renewer = Renewer(
            self.server, self.place, who="Standard at https://id.example", advice="Log in.", wall=lambda: self.now
        )

    async def token(self) -> str:
        outcome = await self.renewer.ask(5.0)
        assert isinstance(outcome, Tokens), outcome
        assert outcome.refresh_token is None
        return outcome.access_token.reveal()

    async def failure(self) -> Outcome:
        outcome = await self.renewer.ask(5.0)
        assert not isinstance(outcome, Tokens)
        return outcome


async def test_a_token_that_is_good_is_given_with_what_is_left_of_its_life() -> None:
    world = World(a_login())

    outcome = await world.renewer.ask(5.0)

    assert outcome == Tokens(access_token=Secret(ACCESS), lifetime=Seconds(1800), scope="read")
    assert world.server.asked == []


@pytest.mark.parametrize(("left", "asked"), [(331, 0), (330, 1), (1, 1), (0, 1), (-5000, 1)])
async def test_a_token_is_renewed_as_early_as_any_source_may_come_for_it(left: int, asked: int) -> None:
    world = World(a_login(expires_at=NOW + left))

    assert (await world.token()) == (f"access-{asked}" if asked else ACCESS)
    assert world.server.asked == [REFRESH] * asked


async def test_a_clock_that_was_set_back_gives_no_token_a_longer_life() -> None:
    world = World(a_login())
    world.now -= 10 * 86400

    outcome = await world.renewer.ask(5.0)

    assert isinstance(outcome, Tokens)
    assert outcome.lifetime == 3600


async def test_whatever_comes_back_takes_its_place_and_is_kept_before_it_is_used() -> None:
    world = World(a_login(expires_at=NOW))

    assert await world.token() == "access-1"
    assert [one.refresh_token for one in world.kept] == [Secret("refresh-1")]
    world.now += 3600
    assert await world.token() == "access-2"
    assert world.server.asked == [REFRESH, "refresh-1"]


async def test_a_static_refresh_token_stays(tmp_path: Path) -> None:
    server = Server("luca", scope="accounting")
    server.outcomes = [
        Tokens(access_token=Secret("a"), lifetime=Seconds(60), scope=None, refresh_token=Secret(REFRESH))
    ]
    world = World(a_login(expires_at=NOW, scope="accounting"), server=server)

    await world.token()

    assert world.kept == [a_login(access_token=Secret("a"), expires_at=NOW + 60, lifetime=60, scope="accounting")]


async def test_a_token_that_the_api_refused_is_not_given_again_but_a_newer_one_is() -> None:
    world = World(a_login())
    world.renewer.let_go(Token(Secret("another"), NOW, ""))
    assert await world.token() == ACCESS
    world.renewer.let_go(Token(Secret(ACCESS), NOW, ""))

    assert await world.token() == "access-1"
    assert await world.token() == "access-1"
    assert world.server.asked == [REFRESH]


async def test_without_a_refresh_token_a_log_in_lives_as_long_as_its_access_token() -> None:
    world = World(a_login(refresh_token=None, expires_at=NOW + 100))

    assert await world.token() == ACCESS
    world.now += 95
    assert isinstance(await world.failure(), Over)
    assert world.server.asked == []


async def test_a_log_in_that_ended_is_forgotten() -> None:
    world = World(a_login(expires_at=NOW))
    world.server.outcomes = [OVER]

    assert await world.failure() == Over("the log-in at Standard at https://id.example has ended", "Log in.")
    again = await world.failure()
    assert isinstance(again, Over)
    assert again.cause.startswith("nobody is logged in at Standard at https://id.example for client_abc")
    assert world.server.asked == [REFRESH]


@pytest.mark.parametrize("outcome", [No(Refused("invalid_client", "", 401)), Later(5.0), AWAY])
async def test_what_was_not_taken_leaves_the_log_in_as_it_was(outcome: Outcome) -> None:
    world = World(a_login(expires_at=NOW))
    world.server.outcomes = [outcome]

    assert await world.failure() == outcome
    assert world.place.read() == a_login(expires_at=NOW)


@pytest.mark.parametrize("outcome", [LOST, Nonsense("what came is no JSON")])
async def test_FT32_a_refresh_without_an_answer_is_repeated_at_once_only_within_the_window(outcome: Outcome) -> None:
    world = World(a_login(expires_at=NOW + 100))
    world.server.outcomes = [outcome, outcome]

    assert await world.failure() == outcome
    world.now += WINDOW - 1
    assert await world.failure() == outcome
    world.now += 1
    assert await world.token() == ACCESS  # to its end: a repeat might be taken for a thief's
    assert world.server.asked == [REFRESH, REFRESH]
    world.now += 85
    assert await world.token() == "access-3"  # nothing is left to lose
    assert world.server.asked == [REFRESH] * 3


async def test_FT32_a_stranger_promises_no_window() -> None:
    world = World(a_login(expires_at=NOW + 100), server=Server(documented=False))
    world.server.outcomes = [LOST]

    assert await world.failure() == LOST
    assert await world.token() == ACCESS
    assert world.server.asked == [REFRESH]


async def test_FT32_a_static_refresh_token_is_repeated_whenever() -> None:
    world = World(a_login(expires_at=NOW + 100, scope="accounting"), server=Server("luca", scope="accounting"))
    world.server.outcomes = [LOST]

    assert await world.failure() == LOST
    world.now += 60
    assert await world.token() == "access-2"


async def test_a_clock_that_went_back_opens_no_window() -> None:
    world = World(a_login(expires_at=NOW + 100, asked_at=NOW + 5))

    assert await world.token() == ACCESS
    assert world.server.asked == []


async def test_what_is_sent_is_noted_first(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "logins", ISSUER, CLIENT)
    lock = file.lock()
    assert lock is not None
    file.write(a_login(expires_at=NOW))
    unlock(lock)
    world = World(a_login(), place=FilePlace(file))
    world.server.watch = file.read

    await world.token()

    assert world.server.seen == [a_login(expires_at=NOW, asked_at=NOW)]
    kept = file.read()
    assert kept is not None
    assert (kept.refresh_token, kept.access_token, kept.asked_at) == (Secret("refresh-1"), Secret("access-1"), None)


async def test_a_file_that_cannot_be_written_costs_no_refresh_token(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "logins", ISSUER, CLIENT)
    lock = file.lock()
    assert lock is not None
    file.write(a_login(expires_at=NOW))
    unlock(lock)
    file.path.with_suffix(".new").mkdir()  # as on a disk that takes no more
    world = World(a_login(), place=FilePlace(file))

    outcome = await world.failure()

    assert isinstance(outcome, Nothing)
    assert outcome.cause.startswith("the log-in could not be kept: ")
    assert world.server.asked == []


async def test_what_could_not_be_kept_is_not_used_and_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    broken = [ValueError(f"[parameters: {REFRESH}]"), OSError(ACCESS)]
    kept = []

    def keep(login: Login) -> None:
        if broken:
            raise broken.pop(0)
        kept.append(login)

    world = World(a_login(), place=HandedPlace(a_login(expires_at=NOW), keep))

    first, second = await world.failure(), await world.failure()

    assert [first, second] == [
        Nothing("the log-in could not be kept: on_renewed raised ValueError", unsent=True),
        Nothing("the log-in could not be kept: on_renewed raised OSError", unsent=True),
    ]
    assert await world.token() == "access-1"
    assert world.server.asked == [REFRESH]
    assert [login.access_token for login in kept] == [Secret("access-1")]
    assert Canaries([("a", ACCESS), ("r", REFRESH)]).find_in(("the log", caplog.text.encode())) == []


async def test_what_could_not_be_kept_gives_way_to_what_another_process_got(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "logins", ISSUER, CLIENT)
    lock = file.lock()
    assert lock is not None
    file.write(a_login(expires_at=NOW))
    place = FilePlace(file)
    world = World(a_login(), place=place)
    world.server.watch = lambda: file.path.with_suffix(".new").mkdir()
    unlock(lock)
    assert isinstance(await world.failure(), Nothing)
    file.path.with_suffix(".new").rmdir()
    file.write(a_login(access_token=Secret("theirs"), refresh_token=Secret("their-refresh")))

    assert await world.token() == "theirs"
    assert world.server.asked == [REFRESH]


async def test_whoever_comes_second_waits_and_finds_what_the_first_one_got(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "logins", ISSUER, CLIENT)
    lock = file.lock()
    assert lock is not None
    file.write(a_login(expires_at=NOW))
    world = World(a_login(), place=FilePlace(file))

    waiting = asyncio.create_task(world.token())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    file.write(a_login(access_token=Secret("theirs")))
    unlock(lock)

    assert await waiting == "theirs"
    assert world.server.asked == []


async def test_nobody_waits_for_ever_for_the_others(tmp_path: Path) -> None:
    file = LoginFile(tmp_path / "logins", ISSUER, CLIENT)
    lock = file.lock()
    assert lock is not None
    world = World(a_login(), place=FilePlace(file))

    outcome = await world.renewer.ask(0.05)

    unlock(lock)
    assert outcome == Nothing("another process has been renewing this log-in all the while", unsent=True)


async def test_a_file_that_is_not_to_be_trusted_is_told_as_that(tmp_path: Path) -> None:
    file = LoginFile(tmp_path, ISSUER, CLIENT)
    tmp_path.chmod(0o755)
    world = World(a_login(), place=FilePlace(file))

    outcome = await world.failure()

    assert isinstance(outcome, Over)
    assert f"others can read {tmp_path}; run: chmod 700" in outcome.cause
    tmp_path.chmod(0o700)


async def test_a_file_that_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LoginFile(tmp_path, ISSUER, CLIENT)
    lock = file.lock()
    assert lock is not None
    file.write(a_login(expires_at=NOW))
    unlock(lock)
    world = World(a_login(), place=FilePlace(file))
    world.server.outcomes = [OVER]

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    world.server.watch = lambda: monkeypatch.setattr("pathlib.Path.unlink", refuse)

    assert isinstance(await world.failure(), Nothing)


def test_many_who_share_a_source_make_one_renewal_and_are_told_the_same() -> None:
    world = World(a_login(expires_at=NOW))
    source = TokenSource(world.renewer.ask, "Standard", 30.0, let_go=world.renewer.let_go)

    first = source.get()
    assert source.get() is first
    assert source.refused(first)
    assert source.get().value == "access-2"
    assert world.server.asked == [REFRESH, "refresh-1"]


def test_the_errors_of_a_source_are_what_a_caller_can_act_on() -> None:
    ended = World(a_login(expires_at=NOW))
    ended.server.outcomes = [OVER]
    away = World(a_login(expires_at=NOW))
    away.server.outcomes = [AWAY] * 3

    with pytest.raises(LoginRequired, match=r"has ended\. Log in\."):
        TokenSource(ended.renewer.ask, "Standard", 30.0).get()

    async def at_once(_seconds: float) -> None:
        """Wait for nothing."""

    with pytest.raises(Unreachable, match="no connection"):
        TokenSource(away.renewer.ask, "Standard", 30.0, sleep=at_once).get()
    assert away.server.asked == [REFRESH] * 3
    assert away.place.read() == a_login(expires_at=NOW)
