"""The search for canaries finds them: a search that finds nothing proves something only if it would find."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from canary import Canaries, leaks_in
from portvakt.jose.keys import generate
from portvakt.model.nouns import Algorithm
from portvakt.protocol.credentials import mint_secret
from private_numbers import private_numbers

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "p@ss/%:w0rd&with=signs"
SECRET = mint_secret(bytes(range(100, 132))).reveal()
JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.{'s' * 342}"


def percent(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


@pytest.mark.parametrize(
    "written",
    [
        f"a {SECRET} b",
        SECRET[11:],
        SECRET[::-1],
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        percent(SECRET),
        percent(SECRET).upper(),
        *(
            base64.b64encode(f"{'i' * size}:{SECRET}{'x' * tail}".encode()).decode()
            for size in range(3)
            for tail in range(3)
        ),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_client_secret_is_found_however_it_is_written(written: str) -> None:
    assert Canaries([("secret", SECRET)]).find_in(written.encode())


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        quote(PASSWORD, safe=""),
        quote(PASSWORD, safe="").lower(),
        base64.b64encode(f"u:{PASSWORD}".encode()).decode(),
        json.dumps(PASSWORD),
    ],
)
def test_a_password_of_signs_is_found_however_it_is_written(written: str) -> None:
    assert Canaries([("password", PASSWORD)]).find_in(written.encode())


def test_a_run_of_a_keys_octets_is_found(tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.plant_octets("key", bytes(range(64)))
    (tmp_path / "some").write_bytes(b"\0" + bytes(range(17, 64)) + b"\0")

    (found, *_) = canaries.find_in(tmp_path)

    assert found.where == str(tmp_path / "some")


def test_a_private_key_is_found_in_pem() -> None:
    pair = generate(Algorithm.RS256)
    canaries = Canaries()
    for name, octets in private_numbers(pair).items():
        canaries.plant_octets(name, octets)
    encoding, form, none = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()

    found = canaries.find_in(pair.private.private_bytes(encoding, form, none))

    assert {one.name.partition("[")[0] for one in found} == {"d", "p", "q", "qi"}
    assert canaries.find_in(pair.public_jwk.encode()) == []


def test_what_lists_show_of_a_secret_and_other_secrets_are_not_found() -> None:
    other = mint_secret(bytes(32)).reveal()

    assert Canaries([("secret", SECRET)]).find_in(f"{SECRET[:11]}…{SECRET[-4:]} {other}".encode()) == []


def test_a_text_that_would_be_found_by_chance_is_no_canary() -> None:
    with pytest.raises(AssertionError, match="too short"):
        Canaries([("pin", "1234")])


@pytest.mark.parametrize("leaked", [SECRET, JWT])
def test_whole_secrets_and_tokens_are_known_by_their_shape(leaked: str) -> None:
    (found,) = leaks_in(f'{{"text":"{leaked}"}}'.encode())

    assert leaked not in str(found)


@pytest.mark.parametrize("harmless", [SECRET[:11], "pvk_cs_canary", JWT[:50], JWT[:-300], "pvk_***"])
def test_a_prefix_and_what_was_blanked_are_no_leak(harmless: str) -> None:
    assert leaks_in(harmless.encode()) == []
