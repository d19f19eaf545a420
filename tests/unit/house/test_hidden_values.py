"""K2: no value that holds a secret shows it: in its repr, in a log, pickled, or in a traceback with all locals."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest

from builders import a_client, a_user
from canary import Canaries
from portvakt.cli.init import Plan
from portvakt.guard import Denied, Guard
from portvakt.jose.keys import generate
from portvakt.jose.sealing import derive
from portvakt.jose.signing import Signer
from portvakt.model.decision import Granted, Tokens
from portvakt.model.nouns import Algorithm, ClientSecret
from portvakt.model.values import ClientId, Instant, Seconds, Secret
from portvakt.protocol.answer.token import authenticate
from portvakt.protocol.credentials import keep, mint_secret
from portvakt.protocol.govern.keys import first_key
from portvakt.protocol.govern.secrets import NewSecret
from portvakt.providers import PROVIDERS
from portvakt.providers.speak import speak
from portvakt.sandbox.seed import Seed, Sower
from portvakt.server.administration import Administration
from portvakt.server.application import KEYS, PEPPER, Application
from portvakt.server.clock import system_clock
from portvakt.server.log import Log
from portvakt.server.settings import load
from portvakt.server.settings_sources import Sources
from portvakt.store.address import database_at
from portvakt.store.store import Store
from portvakt.wire.token_request import read_token_request
from private_numbers import private_numbers

if TYPE_CHECKING:
    from pathlib import Path

    from portvakt.model.message import TokenRequest

ROOT = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"
CLIENT_SECRET = mint_secret(bytes(range(40, 72)))
PASSWORD = "hunter2-4f9a7c"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0." + ROOT[::-1] * 3
URL = f"postgresql://u:{PASSWORD}@127.0.0.1:1/n"
NOW = Instant(1_800_000_000)
PAIR = generate(Algorithm.ES256)
SETTINGS = load({}, {"PORTVAKT_SECRET": ROOT, "PORTVAKT_DATABASE": URL}, None)
CANARIES = Canaries(
    [("root", ROOT), ("client secret", CLIENT_SECRET.reveal()), ("token", ROOT[::-1] * 2), ("password", PASSWORD)]
)
for _name, _octets in {
    **private_numbers(PAIR),
    "pepper": derive(Secret(ROOT), PEPPER),
    "kek": derive(Secret(ROOT), KEYS),
}.items():
    CANARIES.plant_octets(_name, _octets)


PEPPERED = derive(Secret(ROOT), PEPPER)


def a_request() -> TokenRequest:
    pair = base64.b64encode(f"c:{CLIENT_SECRET.reveal()}".encode())
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"authorization", b"Basic " + pair)]
    body = f"grant_type=refresh_token&refresh_token={TOKEN}".encode()
    return read_token_request(PROVIDERS["standard"], headers, b"", body)


def tokens() -> Tokens:
    return Tokens(access_token=Secret(TOKEN), lifetime=Seconds(60), refresh_token=Secret(ROOT))


def a_kept_secret() -> ClientSecret:
    end = Instant(NOW + 60)
    return keep(
        CLIENT_SECRET,
        pepper=derive(Secret(ROOT), PEPPER),
        client_id=ClientId("c"),
        id_random=bytes(32),
        now=NOW,
        expires_at=end,
    )


def an_application(store: Store) -> Application:
    return Application(
        issuers=SETTINGS.every_issuer, store=store, secret=SETTINGS.secret, clock=system_clock, log=Log()
    )


async def values(folder: Path) -> dict[str, object]:
    """Make one of every value of ours that holds a secret, or was made of one."""
    kept = a_kept_secret()
    facts = a_client(kept)
    issuer = SETTINGS.own
    sealing = derive(Secret(ROOT), KEYS)
    store = Store(database_at(URL))
    application = an_application(store)
    variables = Sources({"database": URL}, {"PORTVAKT_SECRET": ROOT, "PORTVAKT_DATABASE": URL}, None, folder)
    guard = Guard(issuer="https://id.example", audience="https://api.example")
    with pytest.raises(Denied) as denied:
        await guard.verify([(b"authorization", b"Basic " + TOKEN.encode())])
    return {
        "Secret": Secret(ROOT),
        "Settings": SETTINGS,
        "Sources": variables,
        "Found": variables.find("database"),
        "KeyPair": PAIR,
        "PublicKey": PAIR.public,
        "Signer": Signer(PAIR, "at+jwt", names_key=True),
        "SigningKey": first_key(issuer, (), PAIR, key=sealing, nonce=bytes(12), now=NOW),
        "TokenRequest": a_request(),
        "Tokens": tokens(),
        "Granted": Granted(tokens()),
        "Reply": speak(PROVIDERS["standard"], Granted(tokens()), realm="x"),
        "ClientSecret": kept,
        "ClientFacts": facts,
        "NewSecret": NewSecret(facts, CLIENT_SECRET),
        "Authenticated": authenticate(PROVIDERS["standard"], a_request(), facts, pepper=PEPPERED, now=NOW),
        "Issuer": issuer,
        "Store": store,
        "Database": database_at(URL),
        "Application": application,
        "Copy": application.copy,
        "Administration": Administration(store, Secret(ROOT)),
        "Plan": Plan(config=folder, database=URL, email="x@y"),
        "Seed": Seed(ROOT),
        "Sown": Sower(Seed(ROOT), issuer, PEPPERED, NOW).client("x", a_user(), name="x"),
        "Sower": Sower(Seed(ROOT), issuer, PEPPERED, NOW),
        "Guard": guard,
        "Denied": denied.value,
    }


def fail(value: object) -> None:
    raise RuntimeError(value)


def shown(value: object) -> dict[str, bytes]:
    """Return what is seen of a value in each way in which it may get into a file without anybody meaning it to."""
    seen = {"repr": repr(value), "str": str(value), "format": f"{value}", "in a list": repr([value])}
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "%s %r", (value, value), None)
    seen["a log's line"] = record.getMessage()
    try:
        fail(value)
    except RuntimeError as error:
        seen["a traceback with locals"] = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    return {name: text.encode() for name, text in seen.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hidden")


async def test_K2_no_value_shows_its_secret(folder: Path) -> None:
    found = {
        name: sorted({f"{one.name} {how}" for how, text in (shown(value)).items() for one in CANARIES.find_in(text)})
        for name, value in (await values(folder)).items()
    }

    assert {name: where for name, where in found.items() if where} == {}


# A reply is what goes onto the wire; the others live as long as a command's start, or are a sandbox's.
PLAIN = {"Reply", "Found", "Sources", "Plan", "Seed", "Sower"}


async def test_K2_no_value_is_pickled_with_its_secret(folder: Path) -> None:
    found = {}
    for name, value in (await values(folder)).items():
        try:
            octets = pickle.dumps(value)
        except (TypeError, AttributeError, pickle.PicklingError) as refused:
            octets = str(refused).encode()
        found[name] = CANARIES.find_in(octets)

    assert {name for name, findings in found.items() if findings} <= PLAIN
