"""Where tokens are asked for: a provider's documented endpoint, and what an issuer's metadata may say of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body
from portvakt.protocol.ask.endpoint import (
    AuthorizationEndpoint,
    MetadataRefused,
    TokenEndpoint,
    check_issuer,
    documented_endpoint,
    metadata_urls,
    read_authorization,
    read_metadata,
    read_revocation,
)
from portvakt.providers import PROVIDERS

STANDARD = PROVIDERS["standard"]
ISSUER = "https://id.example/acme"
HERE = "http://127.0.0.1:8040/standard"
CANARY = "canary-7Tq2"
FORM, JSON = Body.FORM, Body.JSON
BASIC, POST = ClientAuthentication.BASIC, ClientAuthentication.POST


def metadata(issuer: object = ISSUER, **members: object) -> bytes:
    """Return a good document with these members; one that is `...` is left out."""
    good = {"issuer": issuer, "token_endpoint": f"{ISSUER}/token"}
    return json.dumps({name: value for name, value in (good | members).items() if value is not ...}).encode()


def read(document: bytes, issuer: str = ISSUER) -> TokenEndpoint:
    return read_metadata(issuer, document, STANDARD)


def problem(document: bytes, issuer: str = ISSUER) -> str:
    """Return why it is refused; the text never quotes the document."""
    with pytest.raises(MetadataRefused) as refused:
        read(document, issuer)
    assert CANARY not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "issuer", "url", "body", "authentication"),
    [
        ("breeze", "https://system.upnxt.no", "https://system.upnxt.no/oauth/token", JSON, POST),
        ("luca", "https://go.lucaregnskap.no", "https://go.lucaregnskap.no/api/v2/oauth2/token", FORM, POST),
        ("prisjakt", "https://auth.pj.nu", "https://auth.pj.nu/oauth2/token", FORM, POST),
        ("standard", ISSUER, "https://id.example/acme/token", FORM, BASIC),
    ],
)
def test_a_provider_is_asked_where_and_how_its_document_says(
    name: str, issuer: str, url: str, body: Body, authentication: ClientAuthentication
) -> None:
    provider = PROVIDERS[name]

    assert documented_endpoint(provider, issuer) == TokenEndpoint(url, provider, body, authentication, named=True)


def test_every_environment_of_a_provider_is_a_place_to_ask() -> None:
    asked = {
        f"{name} {there.name}": documented_endpoint(provider, there.issuer_url).url
        for name, provider in PROVIDERS.items()
        for there in provider.environments
    }

    assert asked == {
        "breeze test": "https://system.upnxt.no/oauth/token",
        "breeze production": "https://system.idportal.no/oauth/token",
        "luca production": "https://go.lucaregnskap.no/api/v2/oauth2/token",
        "prisjakt production": "https://auth.pj.nu/oauth2/token",
    }


@pytest.mark.parametrize(
    ("issuer", "first", "second"),
    [
        (
            "https://id.example",
            "https://id.example/.well-known/oauth-authorization-server",
            "https://id.example/.well-known/openid-configuration",
        ),
        (
            "https://id.example/acme",
            "https://id.example/.well-known/oauth-authorization-server/acme",
            "https://id.example/acme/.well-known/openid-configuration",
        ),
        (
            "http://[::1]:8040/a/b",
            "http://[::1]:8040/.well-known/oauth-authorization-server/a/b",
            "http://[::1]:8040/a/b/.well-known/openid-configuration",
        ),
    ],
)
def test_metadata_lies_where_rfc_8414_puts_it_else_where_openid_does(issuer: str, first: str, second: str) -> None:
    assert metadata_urls(issuer) == (first, second)
    assert metadata_urls(f"{issuer}/") == (first, second)  # RFC 8414 §3.1: "any terminating / MUST be removed"


@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example/", ISSUER, f"{ISSUER}/", HERE])
def test_an_issuer_may_end_with_one_slash(issuer: str) -> None:
    assert check_issuer(issuer) is None


@pytest.mark.parametrize(
    "issuer", ["https://id.example//", "http://id.example", "id.example", "https://id.example?a=b"]
)
def test_an_issuer_is_https_and_plain(issuer: str) -> None:
    assert check_issuer(issuer) is not None


def test_metadata_names_the_token_endpoint() -> None:
    assert read(metadata()) == TokenEndpoint(f"{ISSUER}/token", STANDARD, FORM, BASIC, named=True)


@pytest.mark.parametrize("issuer", ["https://id.example/", "https://id.example/acme/", HERE])
def test_an_issuer_is_found_again_as_it_writes_itself(issuer: str) -> None:
    document = metadata(issuer, token_endpoint=f"{issuer}/token")

    assert read(document, issuer).url == f"{issuer}/token"


@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}/",
        f"{ISSUER}//",
        "https://id.example",
        "https://id.example/ac",
        "https://id.example/acm%65",
        "https://id.example/ACME",
        "https://ID.example/acme",
        "HTTPS://id.example/acme",
        "http://id.example/acme",
        "https://id.example:443/acme",
        "https://id.example/acme?",
        "https://id.example/acme#",
        f" {ISSUER}",
        f"{ISSUER}\n",
        f"{ISSUER}\u200b",
        f"https://{CANARY}.example",
        "",
        [ISSUER],
        {"url": ISSUER},
        None,
        True,
        ...,
    ],
    ids=repr,
)
def test_X1_an_issuer_that_is_not_the_very_text_that_was_asked_is_another(issuer: object) -> None:
    # RFC 8414 §3.3: "MUST be identical", and "MUST NOT be used" otherwise
    assert problem(metadata(issuer)).partition(", but ")[0] == "its issuer is not the one that was asked"


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        (f"{ISSUER}/", f", but {ISSUER}/: use that text exactly"),
        ("https://id.example", ", but https://id.example: use that text exactly"),
        ("https://other.example", ", but https://other.example: if you trust that, use that text exactly"),
        (f"https://{CANARY}.example", ""),  # upper case
        ("https://user:pass@id.example", ""),
        ("https://id.example/\u001b[2J", ""),
        (f"{ISSUER}/" + "a" * 200, ""),
        ("", ""),
        (5, ""),
    ],
)
def test_X1_another_issuer_is_named_if_its_url_is_plain(said: object, way_out: str) -> None:
    assert problem(metadata(said)) == "its issuer is not the one that was asked" + way_out


def test_X1_an_issuer_that_was_asked_with_a_slash_is_not_the_one_without() -> None:
    text = "its issuer is not the one that was asked"
    assert problem(metadata(ISSUER), f"{ISSUER}/") == f"{text}, but {ISSUER}: use that text exactly"


def test_X1_an_issuer_that_stands_twice_is_read_by_nobody() -> None:
    twice = f'{{"issuer":"https://{CANARY}.example","issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token"}}'

    assert problem(twice.encode()) == "it is not one JSON object"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"<html>" + CANARY.encode(),
        metadata()[:-1],
        metadata() + b"{}",
        b"\xef\xbb\xbf" + metadata(),
        metadata().decode().encode("utf-16"),
        metadata().replace(b"{", b'{"a":NaN,', 1),
        metadata().replace(b"{", b'{"a":' + b"9" * 5000 + b",", 1),
        metadata().replace(b"{", b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b",", 1),
        metadata().replace(b"{", b'{"a":"\\ud800",', 1),
    ],
    ids=[
        "nothing",
        "null",
        "a list",
        "a text",
        "a page",
        "half",
        "two",
        "BOM",
        "16",
        "NaN",
        "digits",
        "deep",
        "half char",
    ],
)
def test_X5_metadata_is_one_strict_json_object(document: bytes) -> None:
    assert problem(document) == "it is not one JSON object"


@pytest.mark.parametrize("endpoint", [..., None, 1, True, [f"{ISSUER}/token"], {"url": f"{ISSUER}/token"}], ids=repr)
def test_X5_metadata_without_a_token_endpoint_is_of_no_use(endpoint: object) -> None:
    assert problem(metadata(token_endpoint=endpoint)) == "it names no token_endpoint"


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://id.example/token#",
        "https://id.example/token#part",
        "https://id.example/to ken",
        " https://id.example/token",
        "https://id.example/token\n",
        "https://id.example/to\tken",
        "https://id.example/token\r\nX-Injected: yes",
        "https://id.example/\x00",
        "https://id.example/\x7f",
        "https://id.example/\u00e9",
        "https://\uff49\uff44.example/token",
        "https://a\u2100b.example/token",
        "https://id.example\\@evil.example/token",
        'https://id.example/"',
        "https://id.example/{tenant}/token",
        "https://id.example/<token>",
        "https://id.example/^`|",
        f"https://id.example/{'a' * 2048}",
    ],
    ids=ascii,
)
def test_S5_a_token_endpoint_that_two_parsers_read_differently_is_refused(endpoint: str) -> None:
    assert problem(metadata(token_endpoint=endpoint)) == "its token_endpoint is no plain URL"


@pytest.mark.parametrize(
    "endpoint",
    [
        "/token",
        "//id.example/token",
        "id.example/token",
        "https:/id.example/token",
        "https:id.example/token",
        "https://",
        "https:///token",
        "https://?a=b",
        "https://user@id.example/token",
        "https://user:password@id.example/token",
        "https://id.example@evil.example/token",
        "https://[::1/token",
        "https://::1]/token",
        "https://[id.example]/token",
        "https://[v1.a]/token",
        "https://id.example:port/token",
        "https://id.example:99999/token",
        "https://id.example:/token",
        "https://id.exam%70le/token",
        "https://2130706433/token",
        "https://0x7f.1/token",
        "https://.example/token",
        "http://id.example/token",
        "http://10.0.0.1/token",
    ],
)
def test_S5_a_token_endpoint_has_a_plain_host(endpoint: str) -> None:
    assert problem(metadata(token_endpoint=endpoint)) == "its token_endpoint is no https URL"


@pytest.mark.parametrize("scheme", ["ftp", "file", "javascript", "data", "ws", "unix", "JAR:https"])
def test_S6_a_token_endpoint_of_another_scheme_is_refused(scheme: str) -> None:
    assert problem(metadata(token_endpoint=f"{scheme}://id.example/token")) == "its token_endpoint is no https URL"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1/token", "http://localhost:8040/token", "http://[::1]/token"])
def test_a_secret_for_an_https_issuer_never_goes_by_plain_http(endpoint: str) -> None:
    assert problem(metadata(token_endpoint=endpoint)) == "its token_endpoint is plain http"


def test_on_loopback_issuer_and_endpoint_may_be_plain_http() -> None:
    found = read(metadata(HERE, token_endpoint=f"{HERE}/token"), HERE)

    assert (found.url, found.named) == (f"{HERE}/token", True)


@pytest.mark.parametrize(
    "endpoint", ["http://id.example/token", "http://192.168.0.1/token", "http://127.0.0.1.evil.example/token"]
)
def test_from_loopback_nothing_leads_to_plain_http_elsewhere(endpoint: str) -> None:
    assert problem(metadata(HERE, token_endpoint=endpoint), HERE) == "its token_endpoint is no https URL"


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        ("https://id.example/token", True),
        ("https://id.example/other/place?tenant=1&x=%20", True),
        ("https://id.example", True),
        ("https://id.example?tenant=1", True),
        ("https://id.example:8443/token", False),
        ("https://login.id.example/token", False),
        ("https://id.example.evil.example/token", False),
        ("https://169.254.169.254/token", False),
        ("https://localhost/token", False),
        ("https://[::1]/token", False),
    ],
)
def test_S2_only_the_issuers_own_origin_was_named_by_the_caller(endpoint: str, named: bool) -> None:
    found = read(metadata(token_endpoint=endpoint))

    assert (found.url, found.named) == (endpoint, named)


@pytest.mark.parametrize(
    ("methods", "authentication"),
    [
        (..., BASIC),  # RFC 8414 §2: "If omitted, the default is client_secret_basic"
        (["client_secret_basic"], BASIC),
        (["client_secret_post"], POST),
        (["client_secret_post", "client_secret_basic"], BASIC),
        (["private_key_jwt", 1, None, ["client_secret_basic"], "client_secret_post"], POST),
        (["none"] * 10_000 + ["client_secret_post"], POST),
    ],
    ids=["unsaid", "basic", "post", "both", "among others", "many"],
)
def test_basic_is_preferred_and_post_is_taken(methods: object, authentication: ClientAuthentication) -> None:
    assert read(metadata(token_endpoint_auth_methods_supported=methods)).authentication is authentication


@pytest.mark.parametrize(
    "methods",
    [
        [],
        ["none"],
        ["private_key_jwt", "tls_client_auth"],
        ["Client_Secret_Basic"],
        ["client_secret_basic "],
        [["client_secret_basic"]],
    ],
    ids=repr,
)
def test_an_endpoint_that_takes_no_secret_is_sent_none(methods: object) -> None:
    refused = problem(metadata(token_endpoint_auth_methods_supported=methods))

    assert refused == "its token endpoint takes no client secret"


@pytest.mark.parametrize("methods", [None, "client_secret_basic", {"client_secret_basic": True}, 1, True], ids=repr)
def test_methods_that_are_no_list_are_not_guessed_from(methods: object) -> None:
    refused = problem(metadata(token_endpoint_auth_methods_supported=methods))

    assert refused == "its token_endpoint_auth_methods_supported is no list"


def test_a_public_client_sends_no_secret_so_that_an_issuer_need_take_none() -> None:
    document = metadata(token_endpoint_auth_methods_supported=["none"])

    assert read_metadata(ISSUER, document, STANDARD, public=True).url == f"{ISSUER}/token"
    assert "takes no client secret" in problem(document)


def test_metadata_names_where_users_log_in() -> None:
    there = f"{ISSUER}/authorize"

    plain = read_authorization(ISSUER, metadata(authorization_endpoint=there))
    named = read_authorization(
        ISSUER,
        metadata(
            authorization_endpoint=there,
            code_challenge_methods_supported=["plain", "S256"],
            authorization_response_iss_parameter_supported=True,
        ),
    )

    assert plain == AuthorizationEndpoint(ISSUER, there, sends_iss=False)
    assert named == AuthorizationEndpoint(ISSUER, there, sends_iss=True)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "names no authorization_endpoint"),
        ({"authorization_endpoint": f"http://id.example/{CANARY}"}, "authorization_endpoint is no https URL"),
        ({"authorization_endpoint": f"javascript:{CANARY}"}, "authorization_endpoint is no"),
        ({"authorization_endpoint": f"{ISSUER}/#{CANARY}"}, "authorization_endpoint is no plain URL"),
        ({"code_challenge_methods_supported": ["plain"]}, "knows no PKCE with S256"),
        ({"code_challenge_methods_supported": "S256"}, "knows no PKCE with S256"),
        ({"issuer": f"{ISSUER}/"}, "issuer is not the one that was asked"),
    ],
)
def test_X1_a_browser_is_sent_nowhere_by_metadata_that_is_not_good(members: dict[str, object], says: str) -> None:
    with pytest.raises(MetadataRefused, match=says) as caught:
        read_authorization(ISSUER, metadata(**{"authorization_endpoint": ..., **members}))

    assert CANARY not in str(caught.value)


def test_metadata_names_where_tokens_are_given_back() -> None:
    endpoint = read(metadata())
    there = f"{ISSUER}/revoke"

    assert read_revocation(ISSUER, metadata(), endpoint) is None
    assert read_revocation(ISSUER, metadata(revocation_endpoint=there), endpoint) == replace(endpoint, url=there)
    elsewhere = read_revocation(ISSUER, metadata(revocation_endpoint="https://other.example/revoke"), endpoint)
    assert elsewhere == replace(endpoint, url="https://other.example/revoke", named=False)
    with pytest.raises(MetadataRefused, match="revocation_endpoint is no https URL"):
        read_revocation(ISSUER, metadata(revocation_endpoint="http://id.example/revoke"), endpoint)
