import subprocess
import sys
from typing import Any

import pytest

import portvakt.guard
from access_tokens import AUDIENCE, ISSUER, a_key, a_token
from guard_builders import OwnKeys, a_guard, bearing
from portvakt.guard import Guard
from portvakt.providers.breeze import BREEZE


def test_G1_a_guard_is_not_made_without_an_audience() -> None:
    with pytest.raises(ValueError, match="audience"):
        Guard(issuer=ISSUER)
    for audience in ("", None, 1, ["https://api.example"], "https://api.example/æ", "a\nb"):
        with pytest.raises(ValueError, match="audience"):
            Guard(issuer=ISSUER, audience=audience)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        None,
        1,
        "id.example/acme",
        "ftp://id.example",
        "http://id.example",
        "http://10.0.0.1",
        "https://id.example/",
        "https://id.example/acme/",
        "https://id.example/acme?x=1",
        "https://id.example/acme#x",
        "https://user@id.example/acme",
    ],
)
def test_an_issuer_is_a_url_that_tokens_can_name(issuer: Any) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Guard(issuer=issuer, audience=AUDIENCE)


@pytest.mark.parametrize(
    "issuer", ["https://id.example", "http://127.0.0.1:8040/x", "http://localhost", "http://[::1]:1"]
)
def test_plain_http_is_for_loopback(issuer: str) -> None:
    assert issuer in repr(Guard(issuer=issuer, audience=AUDIENCE))


@pytest.mark.parametrize(
    "wrong",
    [{"leeway": 31}, {"leeway": -1}, {"provider": "nobody"}, {"api": "soap"}, {"audience": 'https://api.example/"'}],
    ids=str,
)
def test_a_setting_that_cannot_be_right_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"leeway|provider|soap|challenge"):
        a_guard(**wrong)


def test_a_scope_is_not_taken_for_a_set_of_letters() -> None:
    with pytest.raises(ValueError, match="set of names"):
        a_guard().asgi(None, scopes="read")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="challenge"):
        a_guard().requires('re"ad')


def test_a_provider_is_named_or_given() -> None:
    assert "'breeze'" in repr(a_guard(provider="breeze"))
    assert "'breeze'" in repr(a_guard(provider=BREEZE))


async def test_K2_neither_the_guard_nor_what_it_verified_shows_a_token() -> None:
    guard = a_guard()
    token = a_token()
    verified = await guard.verify(bearing(token))

    for part in token.split("."):
        assert part not in repr(guard) + repr(verified) + repr(vars(guard)) + repr(guard._seen._verified)


async def test_G1_a_token_for_another_api_is_not_good_here() -> None:
    other = a_guard(audience="https://other.example")

    with pytest.raises(portvakt.guard.Denied, match="401 invalid_token"):
        await other.verify(bearing(a_token()))
    with pytest.raises(portvakt.guard.Denied, match="401 invalid_token"):
        await a_guard().verify(bearing(a_token({"aud": ...})))


async def test_a_token_of_another_issuer_is_not_good_here_even_by_the_same_key() -> None:
    keys = OwnKeys(a_key())
    test, production = (a_guard(issuer=f"{ISSUER}-{name}", keys=keys) for name in ("test", "production"))
    token = a_token({"iss": f"{ISSUER}-test"})

    assert (await test.verify(bearing(token))).client_id
    with pytest.raises(portvakt.guard.Denied, match="401 invalid_token"):
        await production.verify(bearing(token))


def test_the_metadata_of_an_audience_that_is_no_url_is_nowhere() -> None:
    assert a_guard(audience="urn:acme:api")._metadata_url is None


def test_the_guard_loads_no_server_package() -> None:
    program = (
        "import sys, portvakt.guard\n"
        "portvakt.guard.Guard(issuer='https://id.example', audience='https://api.example').asgi(None)\n"
        "heavy = {'starlette', 'fastapi', 'sqlalchemy', 'uvicorn', 'pydantic', 'alembic', 'aiosqlite', 'psycopg'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "print([name for name in sys.modules if name.startswith(('portvakt.server', 'portvakt.store'))])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "[]\n[]\n"
