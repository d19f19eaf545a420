"""A server in this process over a real SQLite file: what it is asked, and what holds for whatever it answers."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from asgi_driver import Answer, call
from builders import NOW, an_issuer
from portvakt.jose.keys import read_public_jwk
from portvakt.jose.sealing import derive
from portvakt.jose.verifying import open_token
from portvakt.model.change import AddClient, AddSecret, AddUser
from portvakt.model.nouns import Algorithm, Client, ClientAuthentication, ClientSecret, User
from portvakt.model.provider import TokenHeader
from portvakt.model.values import ClientId, Instant, Secret, UserId
from portvakt.protocol.credentials import keep, mint_id, mint_secret
from portvakt.server.application import KEYS, PEPPER, Application
from portvakt.server.clock import TurnableClock
from portvakt.server.log import Log
from portvakt.store import open_store
from portvakt.store.schema import METADATA, REFUSALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer
    from portvakt.store import Store

INSTALLATION = Secret("c2VydmVyLXRlc3RzLXNlcnZlci10ZXN0cy1zZXJ2ZXI")
SEALING = derive(INSTALLATION, KEYS)
HASHING = derive(INSTALLATION, PEPPER)
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
CANARY = "canary-4Rq9x7"
"""A secret in a shape that no redaction knows."""

_BREEZE = an_issuer("breeze", name="breeze-test", url="https://id.example/breeze-test")
BREEZE = replace(_BREEZE, token_quota=_BREEZE.provider.token_quota)
BREEZE_PRODUCTION = replace(
    BREEZE,
    **{name: getattr(_BREEZE, name).replace("-test", "-production") for name in ("name", "url", "api_url", "audience")},
)
LUCA = replace(an_issuer("luca", name="luca", url="https://luca.example"), algorithm=Algorithm.ES256)
PRISJAKT = replace(an_issuer("prisjakt", name="prisjakt", url="https://auth.example"), algorithm=Algorithm.ES256)
STANDARD = replace(an_issuer("standard", name="acme", url="https://id.example/acme"), algorithm=Algorithm.ES256)
EVERY = (BREEZE, BREEZE_PRODUCTION, LUCA, PRISJAKT, STANDARD)

OWNER = UserId("user_owner")
GONE = UserId("user_gone")
REFERENCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}")
_TELLTALE = re.compile(r"Traceback|SELECT |INSERT |sqlite|\.py\b|/tmp|/home|/src", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """A client's credentials, as the client has them. The same label is the same client."""

    client_id: ClientId
    secret: str

    @property
    def basic(self) -> str:
        return basic(self.client_id, self.secret)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def known(issuer: Issuer, label: str = "main") -> Known:
    """Return the credentials of the issuer's client with that label, whether or not it is in the store."""
    secret = mint_secret(_octets(issuer, label, "secret")).reveal()
    return Known(ClientId(mint_id(issuer.provider.client_id_prefix, _octets(issuer, label, "id"))), secret)


def a_secret(
    issuer: Issuer, label: str = "main", *, of: str | None = None, revoked_at: int | None = None, **ends: int
) -> ClientSecret:
    """Return the row that keeps `known(issuer, of).secret` for the client with that label."""
    row = keep(
        Secret(known(issuer, of or label).secret),
        pepper=HASHING,
        client_id=known(issuer, label).client_id,
        id_random=_octets(issuer, of or label, "secret id"),
        now=NOW,
        expires_at=Instant(ends["expires_at"]) if ends else None,
    )
    return replace(row, revoked_at=None if revoked_at is None else Instant(revoked_at))


def a_client(
    issuer: Issuer, label: str = "main", secrets: Sequence[ClientSecret] | None = None, **fields: Any
) -> list[Change]:
    """Return the changes that make a client; without `secrets` it has `known(issuer, label).secret`."""
    scopes = ("read", "write") if issuer.provider.scopes is None else ()
    client = Client(
        **{
            "id": known(issuer, label).client_id,
            "issuer": issuer.name,
            "name": label,
            "owner": OWNER,
            "scopes": scopes,
            "default_scopes": scopes[:1],
            "created_at": NOW,
            **fields,
        }
    )
    rows = [a_secret(issuer, label)] if secrets is None else secrets
    return [AddClient(client), *(AddSecret(issuer.name, row) for row in rows)]


def population(issuer: Issuer) -> list[Change]:
    """Return the changes that make the issuer's users, and a client of each kind."""
    roles = frozenset({"credentials:read"})
    only = ClientAuthentication
    return [
        AddUser(User(id=OWNER, issuer=issuer.name, email="owner@example.com", roles=roles, created_at=NOW)),
        AddUser(User(id=GONE, issuer=issuer.name, email="gone@example.com", created_at=NOW, disabled_at=NOW)),
        *a_client(issuer),
        *a_client(issuer, "second"),
        *a_client(issuer, "expired", [a_secret(issuer, "expired", expires_at=NOW)]),
        *a_client(issuer, "revoked", [a_secret(issuer, "revoked", revoked_at=NOW)]),
        *a_client(issuer, "bare", []),
        *a_client(issuer, "disabled", disabled_at=NOW),
        *a_client(issuer, "orphan", owner=GONE),
        *a_client(issuer, "public", [], authentication=only.NONE),
        *a_client(issuer, "by-header", authentication=only.BASIC),
        *a_client(issuer, "by-body", authentication=only.POST),
        *a_client(issuer, "greedy", grants=frozenset({"client_credentials", "password", "implicit"})),
        *a_client(issuer, "grantless", grants=frozenset({"authorization_code"})),
    ]


def body(issuer: Issuer, label: str = "main", /, **changes: object) -> dict[str, object]:
    """Return the parameters of a good request with `changes`; one that changes to `...` is left out."""
    client = known(issuer, label)
    good = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret}
    return {name: value for name, value in (good | changes).items() if value is not ...}


def as_form(parameters: Mapping[str, object]) -> bytes:
    return urlencode({name: str(value) for name, value in parameters.items()}).encode()


def as_json(parameters: Mapping[str, object]) -> bytes:
    return json.dumps(parameters).encode()


@dataclass
class Serving:
    """A server that was started, and everything secret that it was sent or sent itself."""

    application: Application
    store: Store
    clock: TurnableClock
    path: Path
    log: Log
    log_path: Path
    secrets: set[str] = field(default_factory=lambda: {CANARY})
    _rows: sqlite3.Connection | None = None

    async def ask(  # noqa: PLR0913  each is a part of a request that some test is about
        self,
        issuer: Issuer,
        sent: Mapping[str, object] | bytes | Iterable[bytes] | None = None,
        content_type: str | None = FORM,
        *,
        authorization: str | None = None,
        path: str | None = None,
        method: str = "POST",
        query: str = "",
        address: str = "192.0.2.1",
        headers: Sequence[tuple[str, str]] = (),
        host: str | None = None,
    ) -> Answer:
        """Ask the issuer's token endpoint, and check what holds for every answer of one."""
        sent = body(issuer) if sent is None else sent
        if isinstance(sent, Mapping):
            self.secrets |= {str(sent[name]) for name in ("client_secret", "password") if sent.get(name)}
            sent = as_json(sent) if content_type == JSON else as_form(sent)
        if authorization is not None:
            self.secrets.add(authorization.partition(" ")[2])
        before = self.rows()
        answer = await call(
            self.application,
            method,
            path or urlsplit(issuer.url).path + issuer.provider.token_paths[0],
            headers=[
                ("host", urlsplit(issuer.url).netloc if host is None else host),
                *([("content-type", content_type)] if content_type is not None else []),
                *([("authorization", authorization)] if authorization is not None else []),
                *headers,
            ],
            body=sent,
            query=query,
            client=(address, 50000),
        )
        assert self.rows() == before, "a token request wrote a row"
        if path is None and host is None:
            self.check(answer, issuer)
        return answer

    async def get(self, url: str, method: str = "GET", headers: Sequence[tuple[str, str]] = (), **more: Any) -> Answer:
        """Ask for a document by its URL."""
        parts = urlsplit(url)
        hosted = [("host", parts.netloc), *headers]
        return await call(self.application, method, parts.path, headers=hosted, query=parts.query, **more)

    def check(self, answer: Answer, issuer: Issuer) -> None:
        """Check what holds for every answer of a token endpoint (security catalogue, section 4)."""
        status, _, sent = answer
        headers = dict(answer.headers)
        assert len(headers) == len(answer.headers), answer.headers
        assert headers["content-type"] == JSON
        assert headers["cache-control"] == "no-store"
        assert headers["pragma"] == "no-cache"
        assert ("www-authenticate" in headers) is (status == 401)
        assert ("retry-after" in headers) is (status in {429, 503})
        assert ("allow" in headers) is (status == 405)
        assert ("portvakt-reference" in headers) is (status != 200)
        if status == 401:
            assert headers["www-authenticate"] == f'Basic realm="{issuer.url}", charset="UTF-8"'
        if sent:
            self._check_body(status, sent, headers)

    def _check_body(self, status: int, sent: bytes, headers: Mapping[str, str]) -> None:
        assert len(sent) <= 4096
        assert headers["content-length"] == str(len(sent))
        text = sent.decode("ascii")
        members = json.loads(text)
        if status == 200:
            self.secrets.add(members["access_token"])
            return
        assert list(members) == ["error", "error_description"]
        assert members["error_description"].isprintable()
        assert not {'"', "\\"} & set(members["error_description"])
        assert REFERENCE.fullmatch(headers["portvakt-reference"])
        assert not _TELLTALE.search(text)
        assert not self.leaked(text)

    def leaked(self, text: str) -> list[str]:
        """Return the secrets that stand in a text. One of a few characters may stand anywhere."""
        return [secret for secret in self.secrets if len(secret) > 9 and secret in text]

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has, but for refused requests, which are written whenever it suits."""
        if self._rows is None:
            self._rows = sqlite3.connect(self.path, isolation_level=None)
        tables = [table for table in METADATA.sorted_tables if table is not REFUSALS]
        counts = ", ".join(f'(SELECT count(*) FROM "{table.name}")' for table in tables)
        found = self._rows.execute(f"SELECT {counts}").fetchone()
        return {table.name: count for table, count in zip(tables, found, strict=True)}

    def lines(self) -> list[dict[str, Any]]:
        """Close the log; return its lines, none of which says anything secret."""
        self.log.close()
        text = self.log_path.read_text()
        assert not self.leaked(text)
        return [json.loads(line) for line in text.splitlines()]

    def close(self) -> None:
        """Look at the log, and let go of the file."""
        self.lines()
        if self._rows is not None:
            self._rows.close()


@contextlib.asynccontextmanager
async def serving(
    path: Path,
    issuers: Sequence[Issuer],
    *,
    store: Store | None = None,
    clock: TurnableClock | None = None,
    **more: Any,
) -> AsyncIterator[Serving]:
    """Serve the issuers from the file. `store` stands before the file's own; the log lies beside the file."""
    kept = await open_store(f"sqlite:///{path}") if store is None else store
    log_path = path.with_name(f"{path.name}-{os.urandom(4).hex()}.log")
    descriptor = os.open(log_path, os.O_CREAT | os.O_WRONLY, 0o600)
    log = Log(descriptor)
    turned = clock or TurnableClock(lambda: NOW)
    try:
        application = Application(issuers=issuers, store=kept, secret=INSTALLATION, clock=turned, log=log, **more)
        served = Serving(application, kept, turned, path, log, log_path)
        await application.start()
        yield served
        await application.stop()
        served.close()
    finally:
        log.close()
        os.close(descriptor)
        if store is None:
            await kept.close()


def a_copy(file: Path, folder: Path) -> Path:
    """Return a copy of a database file."""
    return Path(shutil.copy(file, folder / "portvakt.db"))


def refused(answer: Answer, status: int, error: str, description: str, **headers: str) -> None:
    """Check a refusal to the byte: its body, and every header that it has."""
    body = f'{{"error":"{error}","error_description":"{description}"}}'.encode()
    assert (answer.status, answer.body) == (status, body)
    expected = {
        "content-type": JSON,
        "cache-control": "no-store",
        "pragma": "no-cache",
        "vary": "Cookie, Authorization",
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    said = dict(answer.headers)
    del said["portvakt-reference"]
    if status == 429:  # E5: the draft's headers say no other number than Retry-After
        policy, limit = said.pop("ratelimit-policy"), said.pop("ratelimit")
        assert re.fullmatch(r'"token";q=[0-9]+;w=[0-9]+', policy)
        assert limit == f'"token";r=0;t={said["retry-after"]}'
    assert said == expected


def challenge(issuer: Issuer) -> str:
    """Return the challenge of the issuer's 401s."""
    return f'Basic realm="{issuer.url}", charset="UTF-8"'


def error(answer: Answer) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status, answer.json()["error"]


async def opened(served: Serving, issuer: Issuer, answer: Answer) -> dict[str, Any]:
    """Return the claims of an access token, verified by the key set that the issuer publishes now."""
    assert answer.status == 200, answer.body
    document = (await served.get(f"{issuer.url}/.well-known/jwks.json")).json()
    keys = [read_public_jwk(json.dumps(key)) for key in document["keys"]]
    header = issuer.provider.token_header
    token = answer.json()["access_token"]
    return open_token(token, keys, header.typ, keyless=header is TokenHeader.BARE_JWT).claims


def _octets(issuer: Issuer, *labels: str) -> bytes:
    return hashlib.sha256("/".join((issuer.name, *labels)).encode()).digest()
