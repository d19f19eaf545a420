"""Every refusal of the contracts to the byte: status, body, and each header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

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
    as_form,
    basic,
    body,
    challenge,
    error,
    known,
    refused,
)
from portvakt.protocol.answer.token import served_grants
from portvakt.wire.query import SECRET_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from issuing import Serving
    from portvakt.model.nouns import Issuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

GIVING = (BREEZE, PRISJAKT, STANDARD)
"""The issuers with a grant that is built."""

WRONG = {
    "breeze-test": "Invalid client credentials",
    "breeze-production": "Invalid client credentials",
    "prisjakt": "Client authentication failed.",
    "acme": "Client authentication failed.",
}


def each(*issuers: Issuer) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("issuer", issuers, ids=lambda issuer: issuer.name)


@each(*EVERY)
async def test_a_body_over_64_KiB_is_413(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, b"x" * 65_537)

    refused(answer, 413, "invalid_request", "The body is longer than 65536 bytes.")


@each(*EVERY)
@pytest.mark.parametrize("declared", ["65537", "50000000", "9" * 30])
async def test_T9_a_body_that_declares_to_be_too_long_is_413_and_not_waited_for(
    everyone: Serving, issuer: Issuer, declared: str
) -> None:
    answer = await everyone.ask(issuer, NEVER_READ, headers=[("content-length", declared)])

    refused(answer, 413, "invalid_request", "The body is longer than 65536 bytes.")


@each(*EVERY)
async def test_T7_multipart_is_415_and_its_body_is_not_waited_for(everyone: Serving, issuer: Issuer) -> None:
    for headers in ([], [("content-length", "1000000")], [("content-length", "9")]):
        answer = await everyone.ask(issuer, NEVER_READ, "multipart/form-data; boundary=x", headers=headers)

        refused(answer, 415, "invalid_request", "A multipart body is not accepted.")


@each(*EVERY)
async def test_T7_a_body_that_comes_slowly_is_not_waited_for_if_its_head_is_wrong(
    everyone: Serving, issuer: Issuer
) -> None:
    pieces = [b"--x", *[_Untouched(b"")] * 9]

    answer = await everyone.ask(issuer, pieces, "multipart/form-data; boundary=x", headers=[("content-length", "999")])

    refused(answer, 415, "invalid_request", "A multipart body is not accepted.")


@each(*GIVING)
async def test_a_length_with_zeros_before_it_is_that_length(everyone: Serving, issuer: Issuer) -> None:
    sent = as_form(body(issuer))

    answer = await everyone.ask(issuer, sent, headers=[("content-length", f"{len(sent):012}")])

    assert answer.status == 200


@each(*GIVING)
async def test_a_body_of_the_length_that_it_declares_is_read(everyone: Serving, issuer: Issuer) -> None:
    sent = as_form(body(issuer))

    for pieces in ([sent], [sent[:9], sent[9:]]):
        answer = await everyone.ask(issuer, pieces, headers=[("content-length", str(len(sent)))])

        assert answer.status == 200


@each(*EVERY)
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
async def test_T18_a_compressed_body_is_415_and_never_unpacked(
    everyone: Serving, issuer: Issuer, encoding: str
) -> None:
    answer = await everyone.ask(issuer, b"\x1f\x8b" + b"\0" * 100, headers=[("content-encoding", encoding)])

    refused(answer, 415, "invalid_request", "A body with a content encoding is not accepted.")


@each(LUCA, PRISJAKT, STANDARD)
async def test_json_is_taken_by_breeze_alone(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer), JSON)

    refused(answer, 400, "invalid_request", "The content type is not application/x-www-form-urlencoded.")


@each(*EVERY)
async def test_a_missing_content_type_is_invalid_request(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer), None)

    accepted = " or ".join(sorted(issuer.provider.token_bodies))
    refused(answer, 400, "invalid_request", f"The content type is not {accepted}.")


async def test_breeze_names_the_content_types_that_it_takes(everyone: Serving) -> None:
    answer = await everyone.ask(BREEZE, body(BREEZE), "text/plain")

    text = "The content type is not application/json or application/x-www-form-urlencoded."
    refused(answer, 400, "invalid_request", text)


MALFORMED = [
    ("no-json", JSON, b"{", "The body is not JSON."),
    ("json-array", JSON, b"[]", "The body is not one JSON object."),
    ("no-form", FORM, b"{}", "The body is not a form, as its content type says."),
    ("not-utf-8", FORM, b"grant_type=\xff", "The body is not UTF-8."),
    ("json-not-utf-8", JSON, b'{"grant_type":"\xff"}', "The body is not UTF-8."),
    ("not-utf-8-escaped", FORM, b"client_id=%ff%fe", "client_id is not percent-encoded UTF-8."),
    ("twice", FORM, b"client_id=a&client_id=a", "client_id is sent more than once."),
    ("json-twice", JSON, b'{"client_id":"a","client_id":"a"}', "client_id is sent more than once."),
    ("no-string", JSON, b'{"client_id":1}', "client_id is not a string."),
    ("nul", FORM, b"client_id=%00", "client_id holds a NUL."),
    ("json-nul", JSON, b'{"client_id":"\\u0000"}', "client_id holds a NUL or half a character."),
]


@pytest.mark.parametrize(
    ("kind", "sent", "text"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
async def test_a_body_that_does_not_parse_is_invalid_request(
    everyone: Serving, kind: str, sent: bytes, text: str
) -> None:
    for issuer in EVERY if kind == FORM else (BREEZE, BREEZE_PRODUCTION):
        refused(await everyone.ask(issuer, sent, kind), 400, "invalid_request", text)


@each(*EVERY)
@pytest.mark.parametrize("name", sorted(SECRET_PARAMETERS))
async def test_T3_a_query_with_a_secret_is_invalid_request(everyone: Serving, issuer: Issuer, name: str) -> None:
    answer = await everyone.ask(issuer, query=f"state=x&{name}={CANARY}")

    refused(answer, 400, "invalid_request", f"{name} does not belong in the query.")


@each(*EVERY)
@pytest.mark.parametrize("missing", ["grant_type", "client_id"])
async def test_a_missing_parameter_is_named(everyone: Serving, issuer: Issuer, missing: str) -> None:
    for value in (..., ""):
        answer = await everyone.ask(issuer, body(issuer, **{missing: value}))

        refused(answer, 400, "invalid_request", f"{missing} is missing.")


@pytest.mark.parametrize("kind", [FORM, JSON])
@pytest.mark.parametrize(
    ("sent", "first"),
    [
        ({}, "grant_type"),
        ({"client_secret": "x"}, "grant_type"),
        ({"grant_type": "client_credentials"}, "client_id"),
        ({"grant_type": "client_credentials", "client_secret": "x"}, "client_id"),
        ({"grant_type": "client_credentials", "client_id": "x"}, "client_secret"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": ""}, "client_secret"),
    ],
)
async def test_breeze_names_the_first_of_the_three_that_is_missing(
    everyone: Serving, sent: dict[str, str], first: str, kind: str
) -> None:
    refused(await everyone.ask(BREEZE, sent, kind), 400, "invalid_request", f"{first} is missing.")


@each(PRISJAKT, STANDARD)
async def test_a_missing_secret_is_invalid_client_elsewhere(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer, client_secret=...))

    refused(answer, 401, "invalid_client", WRONG[issuer.name], www_authenticate=challenge(issuer))


@each(*EVERY)
async def test_A2_another_client_id_beside_basic_is_invalid_request(everyone: Serving, issuer: Issuer) -> None:
    sent = body(issuer, client_id="another", client_secret=...)

    answer = await everyone.ask(issuer, sent, authorization=known(issuer).basic)

    refused(answer, 400, "invalid_request", "client_id is not the one of the Authorization header.")


@each(*EVERY)
@pytest.mark.parametrize(
    "changes", [{}, {"client_secret": "other"}, {"client_secret": ..., "client_assertion": "a.b.c"}]
)
async def test_A2_a_second_method_is_invalid_request_even_if_both_are_right(
    everyone: Serving, issuer: Issuer, changes: dict[str, Any]
) -> None:
    answer = await everyone.ask(issuer, body(issuer, **changes), authorization=known(issuer).basic)

    refused(answer, 400, "invalid_request", "The client authenticates in more than one way.")


@each(*GIVING)
async def test_A2_the_same_client_id_beside_basic_is_no_second_method(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer, client_secret=...), authorization=known(issuer).basic)

    assert answer.status == 200


@each(*EVERY)
@pytest.mark.parametrize(
    "sent", ["Basic", "Basic !", "Basic YTpi=", "Basic YTpi YTpi", "Basic YWI=", "Basic /////w==", "Basic Onk="]
)
async def test_A4_a_loosely_written_basic_header_is_invalid_request(
    everyone: Serving, issuer: Issuer, sent: str
) -> None:
    answer = await everyone.ask(issuer, b"grant_type=client_credentials", headers=[("authorization", sent)])

    assert error(answer) == (400, "invalid_request")


@each(*EVERY)
@pytest.mark.parametrize("scheme", ["Bearer", "Digest", "DPoP", "Negotiate"])
async def test_another_scheme_is_invalid_client_with_a_challenge(
    everyone: Serving, issuer: Issuer, scheme: str
) -> None:
    answer = await everyone.ask(
        issuer, b"grant_type=client_credentials", headers=[("authorization", f"{scheme} {CANARY}")]
    )

    text = "The scheme of the Authorization header is not Basic."
    refused(answer, 401, "invalid_client", text, www_authenticate=challenge(issuer))


UNKNOWN_GRANTS = ["Client_Credentials", "client_credentials ", "client_credentials\n", "frobnicate", "password"]
UNKNOWN_GRANTS += ["implicit", "urn:ietf:params:oauth:grant-type:saml2-bearer", "authorization_code", "refresh_token"]


@pytest.mark.parametrize(
    ("issuer", "grant"),
    [
        pytest.param(issuer, grant, id=f"{issuer.name}-{grant.strip()}{len(grant)}")
        for issuer in (*GIVING, LUCA)
        for grant in UNKNOWN_GRANTS
        if grant not in served_grants(issuer.provider)
    ],
)
async def test_T16_T20_an_unknown_grant_is_unsupported_even_if_the_client_lists_it(
    everyone: Serving, issuer: Issuer, grant: str
) -> None:
    sent = body(issuer, "greedy", grant_type=grant, username="a", password=CANARY)

    answer = await everyone.ask(issuer, sent)

    text = f"This server answers grant_type {', '.join(served_grants(issuer.provider))}."
    refused(answer, 400, "unsupported_grant_type", text)


@pytest.mark.parametrize("path", LUCA.provider.token_paths)
@pytest.mark.parametrize("grant", ["client_credentials", "password"])
async def test_luca_gives_a_client_no_token_of_its_own(everyone: Serving, path: str, grant: str) -> None:
    answer = await everyone.ask(LUCA, body(LUCA, grant_type=grant, code=CANARY), path=path)

    everyone.check(answer, LUCA)
    assert error(answer) == (400, "unsupported_grant_type")


NOT_THE_CLIENT = ["unknown", "wrong", "disabled", "orphan", "revoked", "bare"]


@each(*GIVING)
@pytest.mark.parametrize("who", NOT_THE_CLIENT)
async def test_A1_A7_who_is_not_the_client_gets_one_and_the_same_answer(
    everyone: Serving, issuer: Issuer, who: str
) -> None:
    sent = {
        "unknown": body(issuer, client_id=issuer.provider.client_id_prefix + "nobody"),
        "wrong": body(issuer, client_secret=CANARY),
    }.get(who, body(issuer, who))

    by_form = await everyone.ask(issuer, sent)
    by_header = await everyone.ask(
        issuer,
        b"grant_type=client_credentials",
        authorization=basic(str(sent["client_id"]), str(sent["client_secret"])),
    )

    for answer in (by_form, by_header):
        refused(answer, 401, "invalid_client", WRONG[issuer.name], www_authenticate=challenge(issuer))


async def test_breeze_tells_of_an_expired_secret_to_who_presents_it(everyone: Serving) -> None:
    right = await everyone.ask(BREEZE, body(BREEZE, "expired"), JSON)
    wrong = await everyone.ask(BREEZE, body(BREEZE, "expired", client_secret=CANARY), JSON)

    text = "Client secret has expired. Ask an administrator to rotate the secret."
    refused(right, 401, "invalid_client", text, www_authenticate=challenge(BREEZE))
    refused(wrong, 401, "invalid_client", "Invalid client credentials", www_authenticate=challenge(BREEZE))


@each(PRISJAKT, STANDARD)
async def test_an_expired_secret_is_a_wrong_one_elsewhere(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer, "expired"))

    refused(answer, 401, "invalid_client", WRONG[issuer.name], www_authenticate=challenge(issuer))


@each(PRISJAKT, STANDARD)
async def test_a_public_client_cannot_use_client_credentials(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer, "public", client_secret=...))

    refused(answer, 400, "unauthorized_client", "A public client cannot use client_credentials.")


@each(*GIVING)
async def test_A5_a_public_client_that_sends_a_secret_is_invalid_client(everyone: Serving, issuer: Issuer) -> None:
    for secret in (CANARY, known(issuer, "public").secret):
        answer = await everyone.ask(issuer, body(issuer, "public", client_secret=secret))

        refused(answer, 401, "invalid_client", WRONG[issuer.name], www_authenticate=challenge(issuer))


@each(*GIVING)
async def test_A5_a_client_set_to_one_method_uses_no_other(everyone: Serving, issuer: Issuer) -> None:
    for label, header_status, body_status in (("by-header", 200, 401), ("by-body", 401, 200), ("main", 200, 200)):
        by_header = await everyone.ask(
            issuer, b"grant_type=client_credentials", authorization=known(issuer, label).basic
        )
        by_body = await everyone.ask(issuer, body(issuer, label))

        assert (by_header.status, by_body.status) == (header_status, body_status)


@each(PRISJAKT, STANDARD)
async def test_A7_an_empty_secret_proves_nothing(everyone: Serving, issuer: Issuer) -> None:
    for label in ("main", "bare", "public"):
        client = known(issuer, label)
        in_header = await everyone.ask(
            issuer, b"grant_type=client_credentials", authorization=basic(client.client_id, "")
        )
        in_body = await everyone.ask(issuer, body(issuer, label, client_secret=""))

        assert {in_header.status, in_body.status} <= {401, 400}
        assert {in_header.json()["error"], in_body.json()["error"]} <= {"invalid_client", "unauthorized_client"}
        assert (label == "public") or (in_header.status, in_body.status) == (401, 401)


LOOK_ALIKES: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "trailing space": lambda text: text + " ",
    "leading space": lambda text: " " + text,
    "zero width": lambda text: text + "\u200b",
    "full width": lambda text: text.replace("a", "\uff41").replace("_", "\uff3f"),
    "combining": lambda text: text + "\u0301",
    "precomposed": lambda text: text + "\u00e9",
    "escaped twice": lambda text: text.replace("_", "%5F"),
    "prefix": lambda text: text[:-1],
    "longer": lambda text: text + "a",
    "over 255 characters": lambda text: text * 20,
    "quote": lambda text: text + "' OR '1'='1",
    "wildcard": lambda text: text[:-1] + "%",
}


@each(*GIVING)
@pytest.mark.parametrize("look_alike", LOOK_ALIKES)
async def test_A11_a_client_id_is_compared_byte_by_byte(everyone: Serving, issuer: Issuer, look_alike: str) -> None:
    client_id = LOOK_ALIKES[look_alike](known(issuer).client_id)

    answer = await everyone.ask(issuer, body(issuer, client_id=client_id))

    refused(answer, 401, "invalid_client", WRONG[issuer.name], www_authenticate=challenge(issuer))


@each(*GIVING)
@pytest.mark.parametrize("cut", ["prefix", "suffix", "upper case", "longer", "space"])
async def test_A8_a_secret_is_compared_whole(everyone: Serving, issuer: Issuer, cut: str) -> None:
    right = known(issuer).secret
    secret = {
        "prefix": right[:-1],
        "suffix": right[1:],
        "upper case": right.upper(),
        "longer": right + "A",
        "space": right + " ",
    }[cut]

    answer = await everyone.ask(issuer, body(issuer, client_secret=secret))

    refused(answer, 401, "invalid_client", WRONG[issuer.name], www_authenticate=challenge(issuer))


@each(*GIVING)
async def test_a_client_without_the_grant_is_unauthorized(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer, "grantless"))

    refused(answer, 400, "unauthorized_client", "The client may not use this grant_type.")


@each(BREEZE, PRISJAKT)
async def test_where_no_scope_exists_each_is_refused(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, body(issuer, scope="read"))

    refused(answer, 400, "invalid_scope", "The client does not have every scope that was asked for.")


@pytest.mark.parametrize("scope", ["admin", "read admin", "openid", "offline_access", "READ", "rea", "read:x"])
async def test_T22_a_scope_that_the_client_does_not_have_is_never_narrowed(everyone: Serving, scope: str) -> None:
    answer = await everyone.ask(STANDARD, body(STANDARD, scope=scope))

    refused(answer, 400, "invalid_scope", "The client does not have every scope that was asked for.")


@pytest.mark.parametrize(
    "scope",
    [
        " read",
        "read ",
        "read  write",
        "read\twrite",
        "read\nwrite",
        'rea"d',
        "rea\\d",
        "ré",
        "read " * 10_000,
        "x" * 60_000,
    ],
    ids=["leading", "trailing", "double", "tab", "newline", "quote", "backslash", "non-ascii", "10000 words", "60 KB"],
)
async def test_T21_a_scope_in_another_form_is_invalid_scope(everyone: Serving, scope: str) -> None:
    answer = await everyone.ask(STANDARD, body(STANDARD, scope=scope))

    refused(answer, 400, "invalid_scope", "scope is not a list of scopes separated by one space.")


@pytest.mark.parametrize("resource", ["https://other.example", "https://id.example/acme/api#x", "/acme/api", "x"])
async def test_G4_a_resource_that_is_no_api_of_the_issuer_is_invalid_target(everyone: Serving, resource: str) -> None:
    answer = await everyone.ask(STANDARD, body(STANDARD, resource=resource))

    refused(answer, 400, "invalid_target", "resource names no API of this server.")


@each(*EVERY)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "post"])
async def test_T4_any_method_but_post_is_405(everyone: Serving, issuer: Issuer, method: str) -> None:
    answer = await everyone.ask(issuer, b"", None, method=method, query=f"client_secret={CANARY}")

    refused(answer, 405, "invalid_request", "The token endpoint answers POST.", allow="POST")


async def test_T4_head_is_405_without_a_body(everyone: Serving) -> None:
    answer = await everyone.ask(STANDARD, b"", None, method="HEAD")

    assert (answer.status, answer.header("allow"), answer.body) == (405, "POST", b"")


async def test_a_token_or_credential_of_one_environment_is_refused_by_the_other_both_ways(everyone: Serving) -> None:
    for here, there in ((BREEZE, BREEZE_PRODUCTION), (BREEZE_PRODUCTION, BREEZE)):
        assert (await everyone.ask(here)).status == 200

        answer = await everyone.ask(there, body(here), JSON)

        refused(answer, 401, "invalid_client", WRONG[there.name], www_authenticate=challenge(there))


SIZED = [{"client_id": "a" * 60_000}, {"client_secret": "a" * 60_000}, {"frobnicate": "a" * 60_000}]


@each(*GIVING)
@pytest.mark.parametrize("long", SIZED, ids=lambda long: next(iter(long)))
async def test_long_values_are_no_trouble(everyone: Serving, issuer: Issuer, long: dict[str, str]) -> None:
    answer = await everyone.ask(issuer, body(issuer, **long))

    assert answer.status == (200 if "frobnicate" in long else 401)


ORDER = [
    # what is wrong with the request beside everything after it, and what it is told
    ("method", {"method": "GET"}, (405, "invalid_request")),
    ("content type", {"content_type": "text/plain"}, (400, "invalid_request")),
    ("query", {"query": f"token={CANARY}"}, (400, "invalid_request")),
    ("form", {}, (400, "invalid_request")),
    ("grant type", {}, (400, "unsupported_grant_type")),
    ("client", {}, (401, "invalid_client")),
    ("quota", {}, (429, "too_many_requests")),
    ("scope", {}, (400, "invalid_scope")),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[step[0] for step in ORDER])
async def test_the_order_of_checks(everyone: Serving, first: int) -> None:
    names = [step[0] for step in ORDER[first:]]
    parameters = body(BREEZE, scope="read")
    if "client" in names:
        parameters["client_secret"] = CANARY
    if "grant type" in names:
        parameters["grant_type"] = "password"
    sent = as_form(parameters) + (b"&scope=again" if "form" in names else b"")
    if "quota" in names:
        for _ in range(100):
            assert (await everyone.ask(BREEZE)).status == 200
    wrong: dict[str, Any] = {}
    for _, changes, _ in ORDER[first:]:
        wrong |= changes

    answer = await everyone.ask(BREEZE, sent, **wrong)

    assert error(answer) == ORDER[first][2]


class _NeverRead:
    """A body whose reading fails the test."""

    def __iter__(self) -> Any:
        return iter([_Untouched(b"")])


class _Untouched(bytes):
    """Bytes that nobody may look into."""

    def __len__(self) -> int:
        raise AssertionError("the body was read")


NEVER_READ = _NeverRead()
