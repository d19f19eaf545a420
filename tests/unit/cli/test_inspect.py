"""`portvakt inspect`: what it shows of a token, what it says of it, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest

import portvakt.cli.inspect as command
from access_tokens import AUDIENCE, NOW, a_key, a_token, some_claims
from certificates import named_certificate
from guard_builders import fake_issuer
from portvakt.cli import main
from portvakt.cli.outcome import Exit
from portvakt.jose.signing import Signer
from raw_server import raw_server, response
from tokens_by_hand import part, signed

if TYPE_CHECKING:
    from pathlib import Path

    from guard_builders import FakeIssuer

OPAQUE = "2YotnFZFEjr1zCsicMWpAA"
CLAIMS = {"iss": "https://id.example", "sub": "u"}


class Inspected:
    """How `portvakt inspect` ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        (line,) = self.out.splitlines()
        return json.loads(line)


class Inspect:
    """Runs the command with a token on standard input, at `NOW`."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capture = capture
        patch.setattr(command, "_now", lambda: NOW)

    def __call__(self, token: str, *arguments: str) -> Inspected:
        self._patch.setattr("sys.stdin", io.StringIO(token))
        code = main(["inspect", *arguments])
        out, err = self._capture.readouterr()
        return Inspected(code, out, err)

    async def at(self, issuer: FakeIssuer, token: str, *arguments: str) -> Inspected:
        """Verify by the keys of an issuer that is served in this test's loop."""
        given = ("--issuer", issuer.url, "--audience", AUDIENCE, *arguments)
        return await asyncio.to_thread(self, token, *given)


@pytest.fixture
def inspect(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inspect:
    return Inspect(monkeypatch, capsys)


def a_jwt(header: object = None, claims: object = None) -> str:
    return signed(a_key(), {"alg": "ES256"} if header is None else header, CLAIMS if claims is None else claims)


# What it shows


def test_header_and_claims_are_shown_with_times_in_words(inspect: Inspect) -> None:
    shown = inspect(a_token({"exp": NOW + 54 * 60, "iat": NOW - 6 * 60, "nbf": NOW, "roles": ["a", "b"]}))

    assert shown.code == Exit.OK
    assert shown.err == ""
    assert shown.out.startswith("This is an access token (RFC 9068).\n\nHeader\n")
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert f"kid {a_key().kid}" in lines
    assert "exp 1003240 1970-01-12 14:40:40 UTC, in 54 min" in lines
    assert "iat 999640 1970-01-12 13:40:40 UTC, 6 min ago" in lines
    assert "nbf 1000000 1970-01-12 13:46:40 UTC, now" in lines
    assert 'roles ["a", "b"]' in lines
    assert lines[-1] == (
        "Nothing was verified: anybody can have written this. To verify it: --issuer URL --audience URL"
    )


@pytest.mark.parametrize("value", [True, -1, 1e300, "1000000", None, [1], 253_402_300_800])
def test_what_is_no_moment_is_shown_as_it_is(inspect: Inspect, value: object) -> None:
    shown = inspect(a_token({"exp": value}))

    (line,) = [line for line in shown.out.splitlines() if line.startswith("  exp ")]
    assert line.split(maxsplit=1)[1] == (value if isinstance(value, str) else json.dumps(value))


def test_a_moment_may_have_a_fraction(inspect: Inspect) -> None:
    assert "1000001.5  1970-01-12 13:46:41 UTC, in 1 s" in inspect(a_token({"exp": NOW + 1.5})).out


KINDS = {
    "an access token": ({"typ": "at+jwt"}, {}, "access-token"),
    "an access token's long type": ({"typ": "application/AT+JWT"}, {}, "access-token"),
    "a bare JWT": ({"typ": "JWT"}, {}, "bare-jwt"),
    "a JWT without a type": ({}, {}, "bare-jwt"),
    "an API key": ({"typ": "apikey+jwt"}, {}, "api-key"),
    "an ID token by nonce": ({"typ": "JWT"}, {"nonce": "n"}, "id-token"),
    "an ID token by hash": ({}, {"at_hash": "h"}, "id-token"),
    "a logout token by type": ({"typ": "logout+jwt"}, {}, "logout-token"),
    "a logout token by claim": ({"typ": "JWT"}, {"events": {}}, "logout-token"),
    "a DPoP proof": ({"typ": "dpop+jwt"}, {"htm": "GET"}, "dpop-proof"),
    "a DPoP proof by claim": ({}, {"htm": "GET"}, "dpop-proof"),
    "a client assertion": ({"typ": "JWT"}, {"sub": "https://id.example"}, "client-assertion"),
    "a client assertion by type": ({"typ": "client-authentication+jwt"}, {}, "client-assertion"),
    "another kind": ({"typ": "secevent+jwt"}, {}, "other-jwt"),
    "a type that is no text": ({"typ": 1}, {}, "other-jwt"),
}


@pytest.mark.parametrize(("header", "claims", "kind"), KINDS.values(), ids=KINDS.keys())
def test_it_says_of_which_kind_a_jwt_is(
    inspect: Inspect, header: dict[str, object], claims: dict[str, object], kind: str
) -> None:
    token = a_jwt({"alg": "ES256"} | header, CLAIMS | claims)

    shown = inspect(token, "--json").json

    assert shown["kind"] == kind
    assert shown["header"] == {"alg": "ES256"} | header
    assert shown["claims"] == CLAIMS | claims
    assert (shown["verified"], shown["problem"], shown["remarks"]) == (None, None, [])
    assert inspect(token).out.startswith("This is a")


UNREADABLE = {
    "an opaque token": (OPAQUE, "opaque", "it is no JWT"),
    "three opaque parts": ("a.b.c", "opaque", "it is no JWT"),
    "five opaque parts": ("a.b.c.d.e", "opaque", "it is no JWT"),
    "a client secret": ("pvk_cs_" + "x" * 49, "client-secret", "a client secret is no token"),
    "an encrypted token": (f"{part({'alg': 'dir', 'enc': 'A128GCM'})}..a.b.c", "encrypted", "only whom it is for"),
    "a token cut in its header": ("eyJhbGciOiJFUzI1", "broken-jwt", "three parts, and this has 1"),
    "a token cut in its claims": (a_jwt().rpartition(".")[0], "broken-jwt", "three parts, and this has 2"),
    "a token with a part too many": (a_jwt() + ".a", "broken-jwt", "three parts, and this has 4"),
    "a damaged header": ("eyJhbGciOiJFUzI1." + a_jwt().partition(".")[2], "broken-jwt", "its header is no JSON object"),
    "claims that are a list": (a_jwt(claims=[1]), "broken-jwt", "its claims are no JSON object"),
    "a claim twice": (a_jwt(claims='{"sub":"a","sub":"b"}'), "broken-jwt", "can be read in two ways"),
    "padding": (a_jwt().replace(".", "=.", 1), "broken-jwt", "its header is no JSON object"),
}


@pytest.mark.parametrize(("token", "kind", "problem"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_told_for_what_it_is(inspect: Inspect, token: str, kind: str, problem: str) -> None:
    shown = inspect(token)
    as_json = inspect(token, "--json")
    judged = inspect(token, "--json", "--issuer", "http://127.0.0.1:1")

    assert (shown.code, as_json.code, judged.code) == (Exit.REFUSED,) * 3
    assert shown.out.splitlines()[-1].startswith("No more can be told: ")
    assert problem in shown.out
    assert token not in shown.out
    assert as_json.json["kind"] == kind
    assert problem in as_json.json["problem"]
    assert (as_json.json["verified"], judged.json["verified"]) == (None, False)


def test_an_unsigned_token_is_said_to_be_unsigned(inspect: Inspect) -> None:
    unsigned = a_jwt({"alg": "none"}).rpartition(".")[0] + "."

    assert "It bears no signature.\n" in inspect(unsigned).out
    assert "It bears no signature.\n" not in inspect(a_jwt()).out


NOT_TOKENS = {
    "nothing": ("", "there is no token on standard input"),
    "white space": (" \n\t ", "there is no token on standard input"),
    "two words": ("abc def", "not one word of visible ASCII"),
    "a letter of Norway": ("bl\u00e5b\u00e6r", "not one word of visible ASCII"),
    "a control character": ("abc\x1b[2J", "not one word of visible ASCII"),
    "the reply of a token endpoint": ('{"access_token":"x"}', "this is JSON and not a token"),
    "a token in quotation marks": ('"abc"', "leave out the quotation marks"),
    "too much": ("x" * (16 * 1024 + 1), "longer than 16 KiB"),
    "far too much": ("x" * (1024 * 1024), "longer than 16 KiB"),
}


@pytest.mark.parametrize(("text", "problem"), NOT_TOKENS.values(), ids=NOT_TOKENS.keys())
def test_what_is_no_token_is_one_line_and_not_repeated(inspect: Inspect, text: str, problem: str) -> None:
    refused = inspect(text)

    assert (refused.code, refused.out) == (Exit.REFUSED, "")
    (line,) = refused.err.splitlines()
    assert problem in line
    assert "abc" not in line


def test_octets_that_are_no_text_are_no_token(monkeypatch: pytest.MonkeyPatch, inspect: Inspect) -> None:
    monkeypatch.setattr("io.StringIO", lambda _: io.TextIOWrapper(io.BytesIO(b"abc\xff"), "utf-8"))

    refused = inspect("")

    assert (refused.code, refused.out) == (Exit.REFUSED, "")
    assert refused.err == "portvakt: what stands on standard input is no text, so no token\n"


@pytest.mark.parametrize("around", ["{}", "  {}\n", "Bearer {}", "bearer\t{}\r\n", "Authorization: Bearer {}\n"])
def test_white_space_and_bearer_may_stand_around_it(inspect: Inspect, around: str) -> None:
    token = a_token()

    assert inspect(around.format(token)).out == inspect(token).out
    assert inspect(" " * 500 + token).code == Exit.OK


def test_a_token_of_16_KiB_is_read(inspect: Inspect) -> None:
    claims = CLAIMS | {"x": "y" * 12_100}
    token = a_jwt(claims=claims)

    assert 16_200 < len(token) < 16_385
    assert inspect(f"Bearer {token}\n", "--json").json["claims"] == claims


# What it keeps to itself


def test_K1_neither_the_token_nor_its_signature_is_shown(inspect: Inspect) -> None:
    token = a_token()
    head, claims, signature = token.split(".")

    for arguments in ((), ("--json",), ("--issuer", "http://127.0.0.1:1"), ("--issuer", "x")):
        said = inspect(token, *arguments)

        assert not [part for part in (head, claims, signature) if part in said.out + said.err]


@pytest.mark.parametrize("argument", [OPAQUE, "hunter2", "eyJhbGciOiJub25lIn0.e30.", "-"])
def test_K6_a_token_as_an_argument_is_refused_and_not_repeated(inspect: Inspect, argument: str) -> None:
    for arguments in ((argument,), (argument, "--json"), ("--issuer", "https://id.example", argument, argument)):
        refused = inspect(a_token(), *arguments)

        assert (refused.code, refused.out) == (Exit.USAGE, "")
        (line,) = refused.err.splitlines()
        assert "a token comes from standard input" in line
        assert argument == "-" or argument not in line


@pytest.mark.parametrize("planted", ["pvk_cs_" + "x7" * 24, "eyJhbGciOiJub25lIn0.e30.e30"])
async def test_K6_a_secret_that_was_typed_for_an_audience_is_not_repeated(inspect: Inspect, planted: str) -> None:
    async with fake_issuer() as issuer:
        token = a_token({"iss": issuer.url})

        for more in ((), ("--json",)):
            refused = await asyncio.to_thread(inspect, token, "--issuer", issuer.url, "--audience", planted, *more)

            assert refused.code == Exit.REFUSED
            assert "aud does not name this API" in refused.out
            assert planted not in refused.out + refused.err


def test_what_could_steer_or_deceive_a_terminal_is_escaped(inspect: Inspect) -> None:
    claims = {"sub": "\x1b[2J\x9b2J\u202egnp.exe", "na\nme": "Åse Bøe", "z": ["\u200b"], "o": "\U000e0001"}
    token = a_jwt(claims=claims)

    shown = inspect(token)
    as_json = inspect(token, "--json")

    for out in (shown.out, as_json.out):
        assert [character for character in out if not character.isprintable() and character != "\n"] == []
    assert r"\u001b[2J\u009b2J\u202egnp.exe" in shown.out
    assert r"na\nme  Åse Bøe" in shown.out
    assert as_json.json["claims"] == claims


def test_a_terminal_that_knows_ascii_alone_gets_ascii(inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", out)

    assert inspect(a_jwt(claims={"sub": "Åse"})).code == Exit.OK

    assert rb"sub  \u00c5se" in out.buffer.getvalue()


def test_reading_a_token_loads_nothing_of_server_store_or_sandbox() -> None:
    program = (
        "import sys; from portvakt.cli import main; code = main(['inspect', '--json']);"
        "print(sorted(name for name in sys.modules if name.startswith(("
        "'portvakt.server', 'portvakt.store', 'portvakt.sandbox', 'httpx', 'cryptography'))), file=sys.stderr);"
        "sys.exit(code)"
    )

    ended = subprocess.run([sys.executable, "-c", program], input=a_token(), capture_output=True, text=True, check=True)

    assert ended.stderr == "[]\n"


WITHOUT_EXTRAS = """
import sys
for name in ("alembic", "ariadne", "graphql", "httptools", "joserfc", "psycopg", "sqlalchemy", "starlette", "uvloop"):
    sys.modules[name] = None
from portvakt.cli import main
code = main(sys.argv[1:])
upper = ("portvakt.server.", "portvakt.store", "portvakt.sandbox")
print([name for name in sys.modules if name.startswith(upper)], file=sys.stderr)
sys.exit(code)
"""


async def test_the_base_installation_verifies() -> None:
    now = int(time.time())
    async with fake_issuer() as issuer:
        token = a_token({"iss": issuer.url, "iat": now, "exp": now + 600})
        redaction = ["portvakt.server.redaction"]  # which needs no more than `re`
        for url, audience, code, loaded in (
            (issuer.url, AUDIENCE, Exit.OK, []),
            (issuer.url, f"{AUDIENCE}/other", Exit.REFUSED, redaction),
            ("http://127.0.0.1:1", AUDIENCE, Exit.UNAVAILABLE, redaction),
        ):
            line = ("inspect", "--issuer", url, "--audience", audience)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", WITHOUT_EXTRAS, *line, stdin=PIPE, stdout=PIPE, stderr=PIPE
            )
            out, err = await process.communicate(token.encode())

            assert (process.returncode, err.decode()) == (code, f"{loaded}\n"), out


# What it says of it


async def test_a_good_token_is_verified_by_the_issuers_keys(inspect: Inspect) -> None:
    async with fake_issuer() as issuer:
        token = a_token({"iss": issuer.url})

        shown = await inspect.at(issuer, token)
        as_json = await inspect.at(issuer, token, "--json")

        assert shown.code == as_json.code == Exit.OK
        assert shown.out.endswith("\nVerified: the issuer signed it, and it is good now.\n")
        assert as_json.json == {
            "kind": "access-token",
            "header": {"alg": "ES256", "typ": "at+jwt", "kid": a_key().kid},
            "claims": some_claims({"iss": issuer.url}),
            "verified": True,
            "problem": None,
            "remarks": [],
        }


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE, "https://other.example"]])
async def test_an_audience_that_nobody_named_is_said_to_be_unchecked(inspect: Inspect, audience: object) -> None:
    async with fake_issuer() as issuer:
        token = a_token({"iss": issuer.url, "aud": audience})

        shown = await asyncio.to_thread(inspect, token, "--issuer", issuer.url)
        as_json = await asyncio.to_thread(inspect, token, "--issuer", issuer.url, "--json")

        assert shown.code == Exit.OK
        assert shown.out.splitlines()[-1].startswith("Note: its audience was not checked; say --audience URL")
        assert as_json.json["verified"] is True
        assert len(as_json.json["remarks"]) == 1


REFUSALS: dict[str, tuple[dict[str, object], str]] = {
    "expired": ({"exp": NOW - 360}, "expired 360 s ago"),
    "not begun": ({"nbf": NOW + 60}, "nbf is 60 s in the future"),
    "of tomorrow": ({"iat": NOW + 60}, "iat is 60 s in the future"),
    "another API": ({"aud": "https://other.example"}, f"aud does not name this API, {AUDIENCE}"),
    "no audience": ({"aud": ...}, "aud is missing or no text"),
    "another issuer": ({"iss": "https://other.example"}, "iss is another issuer than"),
    "a claim too few": ({"jti": ...}, "jti is missing or no text"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_it_says_why_a_token_is_refused(inspect: Inspect, changes: dict[str, object], reason: str) -> None:
    async with fake_issuer() as issuer:
        token = a_token({"iss": issuer.url} | changes)

        shown = await inspect.at(issuer, token)
        as_json = await inspect.at(issuer, token, "--json")

        assert shown.code == as_json.code == Exit.REFUSED
        assert f"\nRefused: {reason}" in shown.out
        assert as_json.json["verified"] is False
        assert as_json.json["problem"].startswith(reason)
        clock = "future" in reason or "expired" in reason
        assert [remark for remark in as_json.json["remarks"] if "portvakt clock show" in remark] == (
            as_json.json["remarks"] if clock else []
        )
        of_another = "the token says that its issuer is https://other.example, and --issuer is " + issuer.url
        expected = [of_another] if reason.startswith("iss ") else as_json.json["remarks"] if clock else []
        assert as_json.json["remarks"] == expected
        assert bool(expected) is (clock or reason.startswith("iss "))


@pytest.mark.parametrize("audience", [..., [], [1], 1, "", "bl\u00e5"])
async def test_without_an_audience_at_all_a_token_is_refused(inspect: Inspect, audience: object) -> None:
    async with fake_issuer() as issuer:
        token = a_token({"iss": issuer.url, "aud": audience})

        shown = await asyncio.to_thread(inspect, token, "--issuer", issuer.url, "--json")

        assert (shown.code, shown.json["verified"]) == (Exit.REFUSED, False)
        assert shown.json["problem"].startswith("aud ")


async def test_a_forged_and_a_foreign_token_are_refused(inspect: Inspect) -> None:
    async with fake_issuer() as issuer:
        claims = some_claims({"iss": issuer.url})
        others = a_token(claims, key=a_key(2))
        forged = a_token(claims).rpartition(".")[0] + "." + others.rpartition(".")[2]
        symmetric = a_jwt({"alg": "HS256", "typ": "at+jwt"}, claims)
        bare = Signer(a_key(), "JWT", names_key=False).sign(claims)

        assert (await inspect.at(issuer, others, "--json")).json["problem"] == "no key with this kid"
        assert (await inspect.at(issuer, forged, "--json")).json["problem"] == "the signature is wrong"
        assert (await inspect.at(issuer, symmetric, "--json")).json["problem"] == "an algorithm that is not used here"
        refused = (await inspect.at(issuer, bare, "--json")).json
        assert refused["problem"] == "a token of another kind"
        assert refused["remarks"] == ["Breeze's tokens are bare JWTs: if this is one of them, say --provider breeze"]
        assert (await inspect.at(issuer, bare, "--provider", "breeze")).code == Exit.OK


async def test_J6_nothing_is_fetched_from_where_the_token_says(inspect: Inspect) -> None:
    async with raw_server(response()) as named, fake_issuer() as issuer:
        pointing = {"alg": "ES256", "typ": "at+jwt", "jku": f"{named.url}/keys", "x5u": f"{named.url}/chain"}
        claims = some_claims({"iss": named.url, "jwks_uri": named.url})

        unasked = await asyncio.to_thread(inspect, a_jwt(pointing, claims))
        asked = await inspect.at(issuer, a_jwt(pointing, claims))
        plain = await inspect.at(issuer, a_token(claims))

        assert (unasked.code, asked.code, plain.code) == (Exit.OK, Exit.REFUSED, Exit.REFUSED)
        assert named.connections == 0


async def test_keys_that_are_not_to_be_had_are_neither_yes_nor_no(
    inspect: Inspect, caplog: pytest.LogCaptureFixture
) -> None:
    async with fake_issuer() as issuer:
        issuer.fault = response(status="500 Internal Server Error")
        token = a_token({"iss": issuer.url})

        shown = await inspect.at(issuer, token)
        as_json = await inspect.at(issuer, token, "--json")

        assert shown.code == as_json.code == Exit.UNAVAILABLE
        assert shown.out.endswith("\nNot verified: no keys of the issuer (127.0.0.1: status 500).\n")
        assert as_json.json["verified"] is None
        assert as_json.json["problem"] == "no keys of the issuer (127.0.0.1: status 500)"
        assert shown.err == as_json.err == ""
        assert token.rpartition(".")[2] not in caplog.text


async def test_an_issuer_with_a_certificate_nobody_knows_is_told_how_to_be_trusted(
    inspect: Inspect, tmp_path: Path
) -> None:
    serving, _ = named_certificate(tmp_path, "id.example")
    async with raw_server(response(), tls=serving) as server:
        url = server.url.replace("http:", "https:")
        token = a_token({"iss": url})

        shown = await asyncio.to_thread(inspect, token, "--issuer", url, "--json")

    assert shown.code == Exit.UNAVAILABLE
    assert "its certificate is not trusted" in shown.json["problem"]
    assert shown.json["remarks"] == ["for certificates that the system does not know: --ca-file FILE"]


def test_an_issuer_that_is_not_there_is_no_matter_of_certificates(inspect: Inspect) -> None:
    shown = inspect(a_token({"iss": "https://127.0.0.1:1"}), "--issuer", "https://127.0.0.1:1", "--json")

    assert (shown.code, shown.json["remarks"]) == (Exit.UNAVAILABLE, [])


def test_a_bare_JWT_is_shown_with_the_provider_that_may_have_given_it(inspect: Inspect) -> None:
    assert inspect(a_jwt()).out.endswith("say --provider breeze\n")
    assert "breeze" not in inspect(a_token()).out


def test_an_issuer_that_the_token_names_is_cut_and_made_harmless(inspect: Inspect) -> None:
    token = a_token({"iss": "\x1b" + "a b " * 1000})

    (remark,) = inspect(token, "--issuer", "http://127.0.0.1:1", "--json").json["remarks"]

    assert remark.startswith("the token says that its issuer is \\u001ba b a")
    assert len(remark) < 300


WRONG_LINES = {
    "an audience for nobody": (["--audience", "x"], "say --issuer URL too"),
    "a provider for nobody": (["--provider", "breeze"], "say --issuer URL too"),
    "an issuer that is no URL": (["--issuer", "acme"], "--issuer is the authorization server's URL"),
    "an issuer with a slash": (
        ["--issuer", "https://id.example/"],
        "which no issuer of portvakt's has: say https://id.example",
    ),
    "an issuer with a query": (["--issuer", "https://id.example?x=1"], "without query"),
    "plain http": (["--issuer", "http://id.example"], "plain http is for loopback only"),
    "an audience of nothing": (["--issuer", "https://id.example", "--audience", ""], "--audience is this API's own"),
    "a provider": (["--issuer", "https://id.example", "--provider", "acme"], "--provider must be one of breeze, luca"),
}


@pytest.mark.parametrize(("arguments", "text"), WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_a_wrong_line_is_told_in_one(inspect: Inspect, arguments: list[str], text: str) -> None:
    refused = inspect(a_token(), *arguments)

    assert (refused.code, refused.out) == (Exit.USAGE, "")
    (line,) = refused.err.splitlines()
    assert text in line


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "cannot be read: No such file"), ("x", "holds no certificates in PEM"), ("", "holds no certificates")],
)
def test_a_file_of_authorities_that_is_none_is_a_wrong_setting(
    inspect: Inspect, tmp_path: Path, content: str | None, text: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)

    refused = inspect(a_token(), "--issuer", "https://id.example", "--ca-file", str(tmp_path / "ca.pem"))

    assert (refused.code, refused.out) == (Exit.SETTINGS, "")
    assert f"--ca-file: the file that it names {text}" in refused.err
