"""What issuers publish, and which of them a request is for."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from asgi_driver import call
from builders import an_issuer
from issuing import (
    BREEZE,
    BREEZE_PRODUCTION,
    CANARY,
    EVERY,
    FORM,
    JSON,
    LUCA,
    PRISJAKT,
    STANDARD,
    body,
    error,
    opened,
    serving,
)
from portvakt.jose.keys import read_key_set
from portvakt.jose.verifying import TokenRefused, open_token
from portvakt.protocol.govern.keys import OVERLAP

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_driver import Answer
    from issuing import Serving
    from portvakt.model.nouns import Issuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("oauth-authorization-server", "openid-configuration")
every_issuer = pytest.mark.parametrize("issuer", EVERY, ids=lambda issuer: issuer.name)
every_name = pytest.mark.parametrize("name", NAMES)


def both_forms(issuer: Issuer, name: str) -> list[str]:
    """Return where the document is: its path behind the well-known one, and the well-known one behind its path."""
    parts = urlsplit(issuer.url)
    return [f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path}", f"{issuer.url}/.well-known/{name}"]


def jwks_uri(issuer: Issuer) -> str:
    return f"{issuer.url}/.well-known/jwks.json"


EXPECTED: dict[str, dict[str, Any]] = {
    "breeze-test": {"token_endpoint": "https://id.example/breeze-test/oauth/token"},
    "breeze-production": {"token_endpoint": "https://id.example/breeze-production/oauth/token"},
    "luca": {
        "token_endpoint": "https://luca.example/api/v2/oauth2/token",
        "scopes_supported": ["accounting"],
        "authorization_endpoint": "https://luca.example/api/v1/oauth2/authorize",
    },
    "prisjakt": {"token_endpoint": "https://auth.example/oauth2/token"},
    "acme": {
        "token_endpoint": "https://id.example/acme/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "authorization_endpoint": "https://id.example/acme/authorize",
    },
}


@every_issuer
@every_name
async def test_metadata_says_what_is_built_and_what_clients_insist_on(
    everyone: Serving, issuer: Issuer, name: str
) -> None:
    users = issuer in (LUCA, STANDARD)
    basic_and_post = ["client_secret_basic", "client_secret_post"]
    expected = {
        "issuer": issuer.url,
        "jwks_uri": jwks_uri(issuer),
        "grant_types_supported": [
            *(["authorization_code", "refresh_token"] if users else []),
            *(["client_credentials"] if issuer is not LUCA else []),
        ],
        "token_endpoint_auth_methods_supported": basic_and_post,
        **EXPECTED[issuer.name],
    }
    if users:
        any_client = expected["token_endpoint_auth_methods_supported"]
        expected |= {
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "revocation_endpoint": issuer.url + "/revoke",
            "revocation_endpoint_auth_methods_supported": any_client,
            "introspection_endpoint": issuer.url + "/introspect",
            "introspection_endpoint_auth_methods_supported": basic_and_post,
        }
    if name == "openid-configuration":
        expected |= {
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [issuer.algorithm.value],
        }

    answers = [await everyone.get(url) for url in both_forms(issuer, name)]

    assert [answer.json() for answer in answers] == [expected] * len(answers)
    for answer in answers:
        assert_published(answer, "application/json")


def assert_published(answer: Answer, media_type: str) -> None:
    """Check the headers of a public document (H2)."""
    headers = dict(answer.headers)
    assert (answer.status, headers["content-type"]) == (200, media_type)
    visibility, _, age = headers["cache-control"].partition(", max-age=")
    assert visibility == "public"
    assert 0 < int(age) <= OVERLAP / 2
    assert headers["etag"].startswith('"')
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-length"] == str(len(answer.body))
    assert len(answer.body) <= 4096
    assert not {"set-cookie", "pragma", "portvakt-reference"} & headers.keys()


@every_issuer
async def test_metadata_is_the_same_bytes_every_time_and_after_a_restart(
    everyone: Serving, issuer: Issuer, populated_file: Path
) -> None:
    url = both_forms(issuer, NAMES[0])[0]
    first = await everyone.get(url)
    everyone.clock.advance(12_345)
    assert list(await everyone.get(url, headers=[("x-anything", "1")])) == list(first)

    async with serving(everyone.path, [issuer]) as again:
        assert list(await again.get(url)) == list(first)


@every_issuer
async def test_H2_the_key_set_is_public_and_holds_no_private_member(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.get(jwks_uri(issuer))

    assert_published(answer, "application/jwk-set+json")
    (key,) = answer.json()["keys"]
    public = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}[key["kty"]]
    assert set(key) == {"kty", "kid", "alg", "use"} | public
    assert (key["alg"], key["use"]) == (issuer.algorithm, "sig")
    assert [known.kid for known in read_key_set(answer.body)] == [key["kid"]]


async def test_issuers_share_no_key(everyone: Serving) -> None:
    keys = [json.dumps((await everyone.get(jwks_uri(issuer))).json()) for issuer in EVERY]

    assert len(set(keys)) == len(EVERY)


@every_issuer
async def test_H2_who_has_the_document_gets_304(everyone: Serving, issuer: Issuer) -> None:
    for url in (*both_forms(issuer, NAMES[0]), *both_forms(issuer, NAMES[1]), jwks_uri(issuer)):
        etag = (await everyone.get(url)).header("etag")

        for known in (etag, f"W/{etag}", f'"another", {etag}', "*"):
            answer = await everyone.get(url, headers=[("if-none-match", str(known))])

            assert (answer.status, answer.body) == (304, b"")
            assert (answer.header("etag"), answer.header("content-length")) == (etag, None)
            assert str(answer.header("cache-control")).startswith("public, max-age=")
        assert (await everyone.get(url, headers=[("if-none-match", '"another"')])).status == 200


@every_issuer
async def test_H2_head_says_what_get_would(everyone: Serving, issuer: Issuer) -> None:
    for url in (*both_forms(issuer, NAMES[0]), jwks_uri(issuer)):
        got = await everyone.get(url)

        head = await everyone.get(url, "HEAD")

        assert (head.status, head.headers, head.body) == (200, got.headers, b"")


@every_issuer
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
async def test_a_document_is_read_and_nothing_else(everyone: Serving, issuer: Issuer, method: str) -> None:
    for url in (*both_forms(issuer, NAMES[0]), jwks_uri(issuer)):
        answer = await everyone.get(url, method)

        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")
        assert answer.body == b'{"error":"invalid_request","error_description":"This document is read with GET."}'


async def test_M1_the_issuer_is_never_derived_from_host(everyone: Serving) -> None:
    url = both_forms(STANDARD, NAMES[0])[0]
    expected = (await everyone.get(url)).body

    for host in ("ID.EXAMPLE", "id.example:443", "id.example:9999"):
        answer = await everyone.ask(STANDARD, b"", None, method="GET", path=urlsplit(url).path, host=host)

        assert answer.body == expected


@pytest.mark.parametrize(
    "host",
    ["evil.example", "id.example.evil", "evil@id.example", "id.example/health?", "id.example.", "[::2]", "127.0.0.1"],
)
async def test_M2_M4_an_unknown_host_is_misdirected(everyone: Serving, host: str) -> None:
    answer = await everyone.ask(STANDARD, host=host, path="/acme/token")

    assert answer.status == 421
    assert answer.json()["error"] == "not_found"
    assert host.encode() not in answer.body


async def test_no_host_at_all_leads_to_no_issuer(everyone: Serving) -> None:
    empty = await everyone.ask(STANDARD, host="", path="/acme/token")
    missing = await call(everyone.application, "POST", "/acme/token", headers=[("content-type", FORM)])

    assert (empty.status, missing.status) == (404, 421)


async def test_M2_an_issuer_is_not_found_at_anothers_host(everyone: Serving) -> None:
    answer = await everyone.ask(PRISJAKT, host="id.example", path="/oauth2/token")

    assert answer.status == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST:8040", "127.0.0.1:1", "[::1]:8040"])
async def test_M2_the_names_of_loopback_are_one(database: Path, host: str) -> None:
    local = an_issuer("standard", name="acme", url="http://127.0.0.1:8040/acme")

    async with serving(database, [local]) as served:
        answer = await served.ask(local, host=host, path="/acme/token")
        document = await served.ask(
            local, b"", None, method="GET", host=host, path="/.well-known/oauth-authorization-server/acme"
        )

    assert answer.status == 200
    assert document.json()["issuer"] == "http://127.0.0.1:8040/acme"


FORWARDED = [
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-server", "evil.example"),
    ("x-original-url", "/admin"),
    ("x-rewrite-url", "/admin"),
    ("forwarded", "for=evil.example;host=evil.example;proto=gopher"),
    ("x_forwarded_host", "evil.example"),
    ("x-http-method-override", "GET"),
]


@pytest.mark.parametrize("header", FORWARDED, ids=lambda header: header[0])
async def test_M3_L1_what_a_proxy_might_say_changes_no_answer(everyone: Serving, header: tuple[str, str]) -> None:
    url = both_forms(STANDARD, NAMES[0])[0]

    document = await everyone.get(url, headers=[header])
    answer = await everyone.ask(STANDARD, headers=[header])

    assert list(document) == list(await everyone.get(url))
    claims = await opened(everyone, STANDARD, answer)
    assert claims["iss"] == STANDARD.url
    refusal = await everyone.ask(BREEZE, body(BREEZE, client_secret=CANARY), JSON, headers=[header])
    assert error(refusal) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/acme/token/", 404),
        ("/acme//token", 404),
        ("/ACME/token", 404),
        ("/acme/Token", 404),
        ("/acme/%74oken", 404),
        ("/acme/token;x", 404),
        ("/acme/./token", 404),
        ("/acme/x/../token", 404),
        ("//acme/token", 404),
        ("//evil/acme/token", 404),
        ("http://id.example/acme/token", 404),
        ("http://evil/acme/token", 404),
        ("@evil", 404),
        ("*", 404),
        ("", 404),
        ("/", 404),
        ("/livez/../acme/token", 404),
        ("/LIVEZ", 404),
        ("//livez", 404),
        ("/livez%2f", 404),
        ("/acme/livez", 404),
        ("/.well-known/oauth-authorization-server", 404),
        ("/.well-known/oauth-authorization-server/", 404),
        ("/.well-known/oauth-authorization-server/acme/", 404),
        ("/.well-known/oauth-authorization-server/other", 404),
    ],
)
async def test_L5_M5_a_path_is_the_exact_one_or_none(everyone: Serving, path: str, status: int) -> None:
    for method in ("GET", "POST"):
        answer = await everyone.ask(
            STANDARD,
            path=path or "/nothing",
            host="id.example",
            method=method,
            headers=[("user-agent", "kube-probe/1.0")],
        )

        assert (answer.status, error(answer)) == (status, (status, "not_found"))
        assert answer.header("cache-control") == "no-store"
        assert answer.body == b'{"error":"not_found","error_description":"Nothing answers at this path."}'


async def test_L1_forwarded_for_counts_only_from_a_trusted_proxy(database: Path) -> None:
    async def logged(peer: str, forwarded: list[str], **more: Any) -> str:
        async with serving(database, [STANDARD], **more) as served:
            headers = [("x-forwarded-for", value) for value in forwarded]
            await served.ask(STANDARD, body(STANDARD, client_secret=CANARY), address=peer, headers=headers)
            address: str = served.lines()[0]["address"]
            return address

    trusted = {"trusted_proxies": [ip_network("10.0.0.0/8")]}
    assert await logged("10.0.0.1", ["203.0.113.9"]) == "10.0.0.1"
    assert await logged("10.0.0.1", ["203.0.113.9"], **trusted) == "203.0.113.9"
    assert await logged("192.0.2.1", ["203.0.113.9"], **trusted) == "192.0.2.1"
    assert await logged("10.0.0.1", ["198.51.100.1, 203.0.113.9", "10.0.0.2"], **trusted) == "203.0.113.9"
    for malformed in ("unknown", "[", "203.0.113.9:80", "fe80::1%eth0", "\u00ff", "", ",", "203.0.113.9,"):
        assert await logged("10.0.0.1", [malformed], **trusted) == "10.0.0.1"


async def test_L3_E1_who_rotates_forwarded_for_stays_in_one_bucket(database: Path) -> None:
    async with serving(database, [BREEZE], trusted_proxies=[ip_network("10.0.0.0/8")]) as served:
        wrong = body(BREEZE, client_secret=CANARY)
        for number in range(60):
            forwarded = [("x-forwarded-for", f"10.9.9.{number}, evil-{number}, 203.0.113.9")]
            assert (await served.ask(BREEZE, wrong, address="10.0.0.1", headers=forwarded)).status == 401

        answer = await served.ask(BREEZE, wrong, address="10.0.0.1", headers=[("x-forwarded-for", "203.0.113.9")])

    assert answer.status == 429


async def test_two_things_at_one_path_are_refused_at_the_start(database: Path) -> None:
    twin = an_issuer("standard", name="twin", url=STANDARD.url)
    health = an_issuer("standard", name="health", url="https://id.example")

    with pytest.raises(ValueError, match=r"two things would answer at https://id\.example/acme/token"):
        async with serving(database, [STANDARD, twin]):
            pass
    async with serving(database, [health]) as served:
        for path in ("/livez", "/token"):
            with pytest.raises(ValueError, match="two things would answer at"):
                served.application.mount({f"https://id.example{path}": served.application})


async def test_breezes_environments_publish_different_keys_at_different_places(everyone: Serving) -> None:
    for here, there in ((BREEZE, BREEZE_PRODUCTION), (BREEZE_PRODUCTION, BREEZE)):
        token = (await everyone.ask(here)).json()["access_token"]
        keys = read_key_set((await everyone.get(jwks_uri(there))).body)

        with pytest.raises(TokenRefused):
            open_token(token, keys, "JWT", keyless=True)
