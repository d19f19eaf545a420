"""`portvakt sandbox` and `portvakt clock`."""

import json
import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode, urlsplit

import typer

from portvakt.cli.administering import explaining
from portvakt.cli.options import CA_FILE, Json, sandbox_state
from portvakt.cli.outcome import Exit, Stop, say, say_json

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from portvakt.model.nouns import Issuer

DEFAULT_URL = "http://127.0.0.1:8040"
_PATIENCE = 5.0
_WRONG_TURN = 400
_YEAR_9999 = 253_370_764_800
_LENGTH = re.compile(r"([+-])([0-9]{1,9})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LEGEND = {"limited": "(without a role: it may not read credentials)", "expired": "(its secret has expired)"}


def sandbox(
    *,
    providers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROVIDER",
            help="Whom to play, or a FILE.toml that describes your own; default all.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0: a free one.")] = 8040,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Keep everything there; else it goes.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="S", help="The same seed gives the same credentials.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, by a CA made for the folder: its ca.pem.")] = False,
    as_json: Json = False,
) -> None:
    """Play the named providers on this machine, with seeded credentials and a clock that can be turned."""
    try:
        from portvakt.sandbox import run as sandboxes  # the base installation has no server
    except ModuleNotFoundError as error:
        raise Stop(Exit.REFUSED, f"{error.name} is missing: pip install 'portvakt[sandbox]'") from error
    from portvakt.sandbox.certificates import NoAuthority
    from portvakt.sandbox.claim import InUse
    from portvakt.server.http import CannotListen
    from portvakt.server.private_files import NotOurs

    def announce(told: dict[str, object]) -> None:
        if as_json:
            say_json(told)
        else:
            _show(told, ready.settings.issuers)
            sys.stdout.flush()  # a reader behind a pipe waits for it

    folder = None if data is None else Path(data)
    try:
        wanted = sandboxes.prepared(providers or (), port=port, data=folder, seed=seed, tls=tls)
        with explaining(), wanted as ready:
            try:
                code = sandboxes.run(ready, on_ready=announce)
            except CannotListen as error:
                raise Stop(Exit.REFUSED, f"{error}; --port 0 takes a free one") from error
    except (InUse, NoAuthority, NotOurs) as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    except OSError as error:
        place = error.filename or folder or "a temporary folder"
        raise Stop(Exit.REFUSED, f"cannot write to {place}: {error.strerror or 'no reason given'}") from error
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    if code:
        raise typer.Exit(code)


def clock(
    context: typer.Context,
    turn: Annotated[
        str,
        typer.Argument(
            metavar="TURN", help="+55m, -2h (s, m, h or d), reset or show; default show.", show_default=False
        ),
    ] = "show",
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help=f"The running sandbox; default {DEFAULT_URL}.")] = None,
    ca_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Whom to trust at an https URL: its ca.pem.")
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The sandbox's folder, instead of --url.")] = None,
    as_json: Json = False,
) -> None:
    """Turn the clock of a running sandbox: forward, back, or to the real time again. Or show it."""
    if turn == "-h":
        say(context.get_help())
        return
    wish = _wish(turn)
    if data is not None:
        if url is not None or ca_file is not None:
            raise Stop(Exit.USAGE, "--data says where the sandbox is and what to trust; leave --url and --ca-file out")
        url = str(sandbox_state(Path(data))["url"])
        ca_file = str(Path(data) / CA_FILE)
    told = _ask(url or DEFAULT_URL, ca_file, wish)
    if as_json:
        say_json(told)
        return
    shown = datetime.fromtimestamp(told["now"], UTC).strftime("%Y-%m-%d %H:%M:%S")
    say(f"{shown} UTC, {told['offset']:+} s from the real time" if told["offset"] else f"{shown} UTC, the real time")


def _wish(turn: str) -> dict[str, object] | None:
    if turn == "show":
        return None
    if turn == "reset":
        return {"reset": True}
    found = _LENGTH.fullmatch(turn)
    if found is None:
        raise Stop(Exit.USAGE, "the clock turns by +N or -N and s, m, h or d, such as +55m; or say show or reset")
    return {"advance": int(found[1] + found[2]) * _UNITS[found[3]]}


def _ask(url: str, ca_file: str | None, wish: dict[str, object] | None) -> dict[str, int]:
    import http.client  # only to turn a clock
    import urllib.error
    import urllib.request

    _require_url(url)
    body = None if wish is None else json.dumps(wish).encode()
    request = urllib.request.Request(  # noqa: S310  http and https only, as was just seen
        url.rstrip("/") + "/sandbox/clock", data=body, headers={"Content-Type": "application/json"}
    )
    asked = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),  # this machine's own addresses are nothing to a proxy
        urllib.request.HTTPSHandler(context=_trust(ca_file) if url.startswith("https:") else None),
    )
    try:
        with asked.open(request, timeout=_PATIENCE) as reply:
            told = _told(reply.read(1024))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _WRONG_TURN:
            text = "its clock does not turn that far: back to 2000 and 100 years ahead at most"
            raise Stop(Exit.REFUSED, f"the sandbox at {url} refused; {text}") from error
        told = None
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a host that is no name
        raise _unanswered(url, error) from error
    if told is None:
        raise Stop(Exit.UNAVAILABLE, f"what answers at {url} is no sandbox; name yours with --url or --data")
    return told


def _trust(ca_file: str | None) -> "ssl.SSLContext":
    """Return what an https sandbox is checked by. None: what this machine trusts, `SSL_CERT_FILE` if it is set."""
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        raise Stop(Exit.NOT_FOUND, f"there is no certificate in {ca_file}; name the sandbox's ca.pem") from error


def _unanswered(url: str, error: Exception) -> Stop:
    """Say why nobody answered, as far as it shows."""
    import ssl

    cause = getattr(error, "reason", error)  # urllib wraps what it meets while it connects
    if isinstance(cause, ssl.SSLCertVerificationError):
        text = f"the certificate at {url} is not trusted; name the sandbox's ca.pem with --ca-file, or its --data"
    elif isinstance(cause, ConnectionResetError):  # also http.client's RemoteDisconnected
        text = f"what answers at {url} hung up; if it was started with --tls, its URL begins with https"
    else:
        text = f"no sandbox answers at {url}; start one with: portvakt sandbox"
    return Stop(Exit.UNAVAILABLE, text)


def _require_url(url: str) -> None:
    """Stop unless something can be asked at `url`. What it names need not be there."""
    try:
        parts = urlsplit(url)
        is_whole = parts.hostname and parts.port != 0 and not parts.query + parts.fragment
        named = parts.scheme in ("http", "https") and is_whole
    except ValueError:
        named = False
    if not named or not url.isascii() or not url.isprintable() or " " in url:
        raise Stop(Exit.USAGE, "--url is that of a sandbox, http://127.0.0.1:PORT, or https with --tls")


def _told(body: bytes) -> dict[str, int] | None:
    """Read what a sandbox says of its clock; None: no sandbox says that."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not all(type(told.get(name)) is int for name in ("now", "offset")):
        return None
    return told if 0 <= told["now"] < _YEAR_9999 else None


def _show(told: dict[str, object], issuers: "tuple[Issuer, ...]") -> None:
    """Write for a reader what `told` holds: per issuer where it answers, and who may ask."""
    seeds = told["issuers"]
    assert isinstance(seeds, dict)  # noqa: S101  made by `run`
    say(f"The sandbox answers at {told['base_url']}; Ctrl-C stops it.")
    say("base_url is for `connect` of portvakt.client and for `portvakt token --base-url`.")
    for issuer in issuers:
        _show_issuer(issuer, seeds[issuer.name])
    admin = told["admin"]
    assert isinstance(admin, dict)  # noqa: S101  as above
    say()
    typer.secho("administration", bold=True)
    _row("console", admin["url"])
    _row("operator", admin["email"], admin["password"])
    ca_file = told.get("ca_file")
    if ca_file is not None:
        _show_trust(str(ca_file))
    say()
    typer.secho("Try", bold=True)
    trusting = "" if ca_file is None else f" --cacert {shlex.quote(str(ca_file))}"
    for trial in _trials(issuers, seeds, trusting):
        say("  " + trial)
    elsewhere = "" if told["base_url"] == DEFAULT_URL else f" --url {told['base_url']}"
    elsewhere += "" if ca_file is None else f" --ca-file {shlex.quote(str(ca_file))}"
    say(f"  portvakt clock +1h{elsewhere}  # and its tokens have expired")


def _show_issuer(issuer: "Issuer", seed: "dict[str, Any]") -> None:
    say()
    typer.secho(issuer.name, bold=True)
    _row("base_url", seed["base_url"])
    if issuer.provider.authorize_path is not None:
        _row("log-in", issuer.url + issuer.provider.authorize_path)
    _row("token", issuer.url + issuer.provider.token_paths[0])
    _row("API", issuer.api_url + issuer.provider.api.path)
    _row("client", seed["client_id"], seed["client_secret"])
    for name, value in seed.items():
        if isinstance(value, dict):
            _row(name, value["client_id"], value["client_secret"], _LEGEND.get(name, ""))
    if "api_key" in seed:
        _row("API key", seed["api_key"])
    if "public_client_id" in seed:
        _row("public", seed["public_client_id"], "(has no secret)")
    for uri in seed.get("redirect_uris", ()):
        _row("back to", uri)
    for user in seed.get("users", ()):
        _row("user", user["email"], user["password"], f"({user['locale']})")
        for organisation in user["organisations"]:
            _row("", f"{organisation['organisation_number']} {organisation['name']}")


def _trials(issuers: "tuple[Issuer, ...]", seeds: "dict[str, Any]", trusting: str) -> "Iterator[str]":
    """Yield what to try first: a token for a program, and the page that asks a user, each at the first that has it."""
    program = next((each for each in issuers if "client_credentials" in each.provider.grants), None)
    if program is not None:
        token_url = program.url + program.provider.token_paths[0]
        seed = seeds[program.name]
        credentials = f"{seed['client_id']}:{seed['client_secret']}"
        yield f"curl{trusting} {token_url} -d grant_type=client_credentials -u {credentials}"
    asking = next((each for each in issuers if seeds[each.name].get("redirect_uris")), None)
    if asking is not None:
        seed = seeds[asking.name]
        asked = {
            "client_id": seed["client_id"],
            "redirect_uri": seed["redirect_uris"][0],
            "response_type": "code",
            "scope": " ".join(asking.provider.scopes or ()),
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        yield f"{asking.url}{asking.provider.authorize_path}?{query}  (in a browser, as one of the users)"


def _show_trust(ca_file: str) -> None:
    """Say how programs come to trust the sandbox's CA, each by its own setting."""
    say()
    typer.secho("Trust", bold=True)
    file = shlex.quote(ca_file)
    say(f"  curl                 --cacert {file}")
    say(f"  Python, Go, OpenSSL  export SSL_CERT_FILE={file}")
    say(f"  requests, MSAL       export REQUESTS_CA_BUNDLE={file}")
    say(f"  Node                 export NODE_EXTRA_CA_CERTS={file}")


def _row(name: str, *values: str) -> None:
    say(f"  {name:8} {'  '.join(values)}".rstrip())
