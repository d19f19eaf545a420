"""`portvakt inspect`: what a token says, and whether a guard would let it in."""

import json
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.decoding import IN_WORDS, Decoded, Kind, NoToken, bare, decode
from portvakt.cli.options import Json
from portvakt.cli.outcome import Exit, Stop, say
from portvakt.cli.reading import CaFile, authorities, hidden_text
from portvakt.cli.times import in_words
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portvakt.guard import Guard
    from portvakt.model.decision import Refused

MOMENTS = ("exp", "nbf", "iat", "auth_time", "updated_at")
"""Claims that are moments (RFC 7519 §4.1, OpenID Connect Core §2 and §5.1)."""

_LATEST = 253_402_300_799  # the end of the year 9999
_UNAVAILABLE = 503
_LOOPBACK = ("127.", "localhost", "[::1]")
_INSTEAD = "pipe it: portvakt inspect < FILE, or portvakt token … | portvakt inspect"
_UNVERIFIED = "Nothing was verified: anybody can have written this. To verify it: --issuer URL --audience URL"
_NO_AUDIENCE = "its audience was not checked; say --audience URL, that of the API which is to take it"
_TURNED = "a sandbox's clock may be turned, and this machine's is what counts here: portvakt clock show"
_OWN_AUTHORITY = "for certificates that the system does not know: --ca-file FILE"
_OF_BREEZE = "Breeze's tokens are bare JWTs: if this is one of them, say --provider breeze"
_SHOWN = 200  # characters of a claim that a remark repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a guard says of a token. `verified` None: it was not asked, or had no keys to tell."""

    verified: bool | None
    problem: str | None = None
    remarks: tuple[str, ...] = ()
    code: Exit = Exit.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Who takes the token: the options that a guard is made from. `audience` None: any."""

    issuer: str
    audience: str | None
    provider: str
    ca_file: str | None


def inspect(
    context: typer.Context,
    *,
    issuer: Annotated[
        str | None, typer.Option(metavar="URL", help="Verify it by the keys of this issuer, whom you trust.")
    ] = None,
    audience: Annotated[str | None, typer.Option(metavar="URL", help="The API that it must be meant for.")] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose tokens these are; default standard.")
    ] = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Show what a token on standard input says; with --issuer, whether it is good.

    portvakt token breeze --environment test | portvakt inspect

    Nothing is fetched from an address that the token names. Exit codes: 0 it was shown, and with --issuer is good;
    1 it is refused, or no token that can be read; 5 the issuer's keys were not to be had.
    """
    if context.args:
        text = "a token comes from standard input: everybody on this machine can see arguments"
        raise Stop(Exit.USAGE, f"{text}; {_INSTEAD}")
    if issuer is None and (audience, provider, ca_file) != (None, None, None):
        raise Stop(Exit.USAGE, "--audience, --provider and --ca-file are for verifying; say --issuer URL too")
    try:
        token = bare(hidden_text("token", _INSTEAD).strip())
    except NoToken as error:
        raise Stop(Exit.REFUSED, str(error)) from None
    decoded = decode(token)
    if decoded.problem is not None:
        verdict = Verdict(verified=None if issuer is None else False, problem=decoded.problem, code=Exit.REFUSED)
    elif issuer is None:
        verdict = Verdict(verified=None)
    else:
        taker = Taker(issuer=issuer, audience=audience, provider=provider or "standard", ca_file=ca_file)
        verdict = _judge(token, decoded, taker)
    if as_json:
        _show_json(decoded, verdict)
    else:
        _show(decoded, verdict)
    if verdict.code:
        raise typer.Exit(verdict.code)


def _now() -> Instant:
    import time  # by name, so that a test can turn it

    return Instant(int(time.time()))


def _judge(token: str, decoded: Decoded, taker: Taker) -> Verdict:
    """Ask a guard, which fetches the issuer's keys. Raises: Stop."""
    guard = _guard(decoded, taker)
    import asyncio
    import logging

    from portvakt.guard import Denied

    guard_log = logging.getLogger("portvakt.guard")
    if not guard_log.handlers:
        guard_log.addHandler(logging.NullHandler())  # what it would log is said here
    try:
        asyncio.run(guard.verify([(b"authorization", b"Bearer " + token.encode("ascii"))]))
    except Denied as error:
        verdict = _refused(error.refused, taker)
        return replace(verdict, remarks=(*verdict.remarks, *_hints(decoded, taker)))
    return Verdict(verified=True, remarks=() if taker.audience is not None else (_NO_AUDIENCE,))


def _guard(decoded: Decoded, taker: Taker) -> "Guard":
    """Return the guard that decides. Where any audience will do it takes the one that the token names."""
    trust = authorities(taker.ca_file)
    from portvakt.client.fetch import Fetcher  # HTTP and cryptography are for verifying only
    from portvakt.guard import Guard
    from portvakt.providers import PROVIDERS

    if taker.provider not in PROVIDERS:
        raise Stop(Exit.USAGE, f"--provider must be one of {', '.join(PROVIDERS)}")
    try:
        return Guard(
            issuer=taker.issuer,
            audience=_said_audience(decoded) if taker.audience is None else taker.audience,
            provider=taker.provider,
            clock=_now,
            fetcher=Fetcher(named_urls=(taker.issuer,), trust=trust, from_environment=True),
        )
    except ValueError as error:
        raise Stop(Exit.USAGE, f"--{error}") from None


def _said_audience(decoded: Decoded) -> str:
    said = (decoded.claims or {}).get("aud")
    first = said[0] if isinstance(said, list) and said else said
    return first if isinstance(first, str) and first and first.isascii() and first.isprintable() else "none"


def _refused(refused: "Refused", taker: Taker) -> Verdict:
    from portvakt.server.redaction import conceal  # somebody may have typed a secret for a URL

    problem = conceal(refused.reason or refused.description)
    if refused.status == _UNAVAILABLE:
        is_unknown = "certificate" in problem and taker.ca_file is None
        remarks = (_OWN_AUTHORITY,) if is_unknown else ()
        return Verdict(verified=None, problem=problem, remarks=remarks, code=Exit.UNAVAILABLE)
    is_turned = problem.startswith("expired ") or problem.endswith(" s in the future")
    is_turned = is_turned and taker.issuer.partition("//")[2].startswith(_LOOPBACK)
    return Verdict(verified=False, problem=problem, remarks=(_TURNED,) if is_turned else (), code=Exit.REFUSED)


def _hints(decoded: Decoded, taker: Taker) -> "Iterator[str]":
    """Say what of the command line does not go with what the token says of itself."""
    from portvakt.server.redaction import conceal

    said = (decoded.claims or {}).get("iss")
    if isinstance(said, str) and said != taker.issuer:
        named = _as_json(said)[1:-1][:_SHOWN]
        yield conceal(f"the token says that its issuer is {named}, and --issuer is {taker.issuer}")
    if decoded.kind is Kind.BARE_JWT and taker.provider == "standard":
        yield _OF_BREEZE


def _show_json(decoded: Decoded, verdict: Verdict) -> None:
    members = {
        "kind": decoded.kind,
        "header": decoded.header,
        "claims": decoded.claims,
        "verified": verdict.verified,
        "problem": verdict.problem,
        "remarks": list(verdict.remarks),
    }
    say(_as_json(members))


def _show(decoded: Decoded, verdict: Verdict) -> None:
    say(f"This is {IN_WORDS[decoded.kind]}.")
    now = _now()
    for title, members in (("Header", decoded.header), ("Claims", decoded.claims)):
        if members is not None:
            say()
            typer.secho(title, bold=True)
            _show_members(members, now)
    say()
    if decoded.problem is not None:
        say(f"No more can be told: {decoded.problem}.")
        return
    if not decoded.signed:
        say("It bears no signature.")
    say(_conclusion(verdict))
    if verdict == Verdict(verified=None) and decoded.kind is Kind.BARE_JWT:
        say(_OF_BREEZE)
    for remark in verdict.remarks:
        say(f"Note: {remark}")


def _conclusion(verdict: Verdict) -> str:
    if verdict.verified:
        return "Verified: the issuer signed it, and it is good now."
    if verdict.problem is None:
        return _UNVERIFIED
    return f"{'Not verified' if verdict.verified is None else 'Refused'}: {verdict.problem}."


def _show_members(members: "Mapping[str, object]", now: Instant) -> None:
    names = {name: _as_json(name)[1:-1] for name in members}
    width = max(map(len, names.values()), default=0)
    for name, value in members.items():
        shown = _as_json(value)
        if isinstance(value, str):
            shown = shown[1:-1]
        elif name in MOMENTS and isinstance(value, int | float) and value is not True and 0 <= value <= _LATEST:
            shown = f"{shown}  {in_words(value, now)}"
        say(f"  {names[name]:{width}}  {shown}".rstrip())


def _as_json(value: object) -> str:
    """Write a value as JSON that leaves a terminal alone: what could steer or deceive it is escaped."""
    is_unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "").startswith("utf")
    text = json.dumps(value, ensure_ascii=not is_unicode)
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)
