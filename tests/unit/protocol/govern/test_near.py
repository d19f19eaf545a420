"""What a refused request nearly was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW, an_issuer
from portvakt.model.audit import RefusedRequest
from portvakt.model.decision import INVALID_CLIENT, INVALID_REQUEST, INVALID_SCOPE, Exceeded
from portvakt.model.nouns import ClientAuthentication, ClientFacts
from portvakt.model.provider import Body
from portvakt.model.values import ClientId, Instant, Seconds
from portvakt.protocol.govern.near import (
    MOST_SCOPES,
    Around,
    Attempt,
    NearMiss,
    Pair,
    ShownToken,
    completed,
    difference,
)
from stored import CLIENT, SECRET, a_client, a_secret, a_user

HERE = an_issuer("standard", name="acme", url="https://id.example/acme")
THERE = an_issuer("standard", name="other", url="https://id.example/other")
RIGHT = b"d" * 32
FACTS = ClientFacts(
    client=a_client(scopes=("read",), redirect_uris=("https://app.example/cb",)), owner=a_user(), secrets=(a_secret(),)
)


def a_refusal(**changed: Any) -> RefusedRequest:
    fields: dict[str, Any] = {
        "reference": "ref_1",
        "issuer": HERE.name,
        "at": NOW,
        "client_id": None,
        "method": "POST",
        "path": "/acme/token",
        "address": "192.0.2.1",
        "status": 401,
        "code": INVALID_CLIENT,
        "reason": "wrong secret",
    }
    return RefusedRequest(**{**fields, **changed})


def kept(refused: RefusedRequest, around: Around | None = None, **attempt: Any) -> RefusedRequest:
    return completed(refused, Attempt(**{"client_id": CLIENT, **attempt}), around or Around(issuer=HERE, client=FACTS))


def test_a_refusal_that_was_no_near_miss_names_the_client_that_there_is() -> None:
    known = kept(a_refusal(), grant_type="client_credentials")
    unknown = kept(a_refusal(), Around(issuer=HERE), grant_type="made_up")
    proven = kept(a_refusal(client_id=ClientId("client_proven")))

    assert (known.client_id, known.near, known.hints) == (CLIENT, "", {"grant_type": "client_credentials"})
    assert (unknown.client_id, unknown.near, unknown.hints) == (None, "", {})
    assert proven.client_id == "client_proven"


@pytest.mark.parametrize(
    ("reason", "near"),
    [("too many failed authentications", NearMiss.FAILURES), ("the client's quota is used up", NearMiss.QUOTA)],
)
def test_of_a_quota_it_is_told_until_when(reason: str, near: NearMiss) -> None:
    exceeded = Exceeded(10, Seconds(60), Seconds(5))

    told = kept(a_refusal(reason=reason), exceeded=exceeded)

    assert (told.near, told.hints) == (near, {"limit": 10, "window": 60, "until": NOW + 5})


def test_another_body_comes_before_what_else_is_wrong() -> None:
    told = kept(a_refusal(code=INVALID_REQUEST), body=Body.JSON, digest=RIGHT)

    assert (told.near, told.hints) == (NearMiss.BODY, {"sent": "application/json"})


def test_a_raw_pair_names_its_client_only_if_its_secret_is_right() -> None:
    around = Around(issuer=HERE, raw_client=FACTS)
    right = kept(a_refusal(), around, client_id=ClientId("decoded"), raw=Pair(CLIENT, RIGHT))
    wrong = kept(a_refusal(), around, client_id=ClientId("decoded"), raw=Pair(CLIENT, b"w" * 32))
    nobody = kept(a_refusal(), Around(issuer=HERE), raw=Pair(CLIENT, RIGHT))

    assert (right.near, right.client_id) == (NearMiss.UNENCODED_BASIC, CLIENT)
    assert right.hints == {"secret": SECRET, "shown_as": "pvk_cs_ab…wxyz"}
    assert [(one.near, one.client_id) for one in (wrong, nobody)] == [("", None)] * 2


@pytest.mark.parametrize(("digest", "matches"), [(RIGHT, True), (b"w" * 32, False), (None, False)])
def test_a_client_of_another_issuer_is_told_with_whether_its_secret_was_right(
    digest: bytes | None, matches: bool
) -> None:
    around = Around(issuer=HERE, others=(THERE,), elsewhere={THERE.name: FACTS})

    told = kept(a_refusal(reason="unknown client"), around, digest=digest)

    assert (told.near, told.client_id) == (NearMiss.OTHER_ISSUER, CLIENT)
    assert told.hints == {"issuer": "other", "secret_matches": matches}


@pytest.mark.parametrize(
    ("reason", "near"),
    [
        ("the secret has expired", NearMiss.EXPIRED_SECRET),
        ("the secret was revoked", NearMiss.REVOKED_SECRET),
    ],
)
def test_a_secret_that_ended_is_told_only_where_it_was_presented(reason: str, near: NearMiss) -> None:
    expired = replace(FACTS, secrets=(a_secret(expires_at=Instant(50)),))
    revoked = replace(FACTS, secrets=(a_secret(expires_at=Instant(50), revoked_at=Instant(40)),))
    facts, ended = (expired, 50) if near is NearMiss.EXPIRED_SECRET else (revoked, 40)
    around = Around(issuer=HERE, client=facts)

    right = kept(a_refusal(reason=reason), around, digest=RIGHT)
    others = [kept(a_refusal(reason=reason), around, digest=digest).near for digest in (None, b"w" * 32)]

    assert (right.near, right.hints["ended"]) == (near, ended)
    assert others == ["", ""]


def test_how_a_client_authenticates_is_told() -> None:
    set_to = replace(FACTS, client=replace(FACTS.client, authentication=ClientAuthentication.BASIC))
    refused = a_refusal(reason="the client is set to client_secret_basic")

    told = kept(refused, Around(issuer=HERE, client=set_to), method="client_secret_post")

    assert told.near == NearMiss.AUTHENTICATION
    assert told.hints == {"sent": "client_secret_post", "needed": "client_secret_basic"}


@pytest.mark.parametrize(
    ("token", "near"),
    [
        (ShownToken(HERE.url, "https://elsewhere.example", NOW + 1), NearMiss.AUDIENCE),
        (ShownToken(HERE.url, HERE.audience, NOW), NearMiss.EXPIRED_TOKEN),
        (ShownToken(HERE.url, HERE.audience, NOW + 1), ""),
        (ShownToken(THERE.url, HERE.audience, NOW + 1), NearMiss.OTHER_ISSUER),
        (ShownToken("https://nobody.example", HERE.audience, NOW + 1), ""),
    ],
)
def test_a_token_is_told_by_what_it_says_of_itself(token: ShownToken, near: str) -> None:
    around = Around(issuer=HERE, client=FACTS, others=(THERE,))

    assert kept(a_refusal(), around, token=token).near == near
    assert kept(a_refusal(client_id=CLIENT), around, token=token).near == ""


def test_the_administration_takes_tokens_of_every_issuer_for_itself() -> None:
    other = replace(THERE, administration=HERE.audience)
    around = Around(issuer=HERE, others=(other,), elsewhere={other.name: FACTS})

    told = kept(a_refusal(), around, token=ShownToken(other.url, other.audience, NOW + 1))

    assert (told.near, told.client_id) == (NearMiss.AUDIENCE, CLIENT)
    assert told.hints == {"issuer": "other", "needed": HERE.audience}


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        (("read", "write"), ("write",)),
        (("portvakt:read", "saleInvoices.read"), ("portvakt:read", "saleInvoices.read")),
        (("pvk_cs_abc123", "x" * 50, "K3yL1ke"), ("***", "***", "***")),
        (tuple(f"s{number}" for number in range(99)), tuple(f"s{number}" for number in range(MOST_SCOPES))),
    ],
)
def test_K1_scopes_that_are_lacking_are_told_by_name_unless_they_may_be_secrets(
    asked: tuple[str, ...], lacking: tuple[str, ...]
) -> None:
    told = kept(a_refusal(code=INVALID_SCOPE), scopes=asked)

    assert (told.near, told.hints) == (NearMiss.SCOPE, {"lacking": lacking})


def test_a_scope_that_the_provider_does_not_document_is_lacking() -> None:
    around = Around(issuer=replace(HERE, provider=replace(HERE.provider, scopes=("write",))), client=FACTS)

    assert kept(a_refusal(code=INVALID_SCOPE), around, scopes=("read",)).hints == {"lacking": ("read",)}


def test_scopes_that_are_no_list_are_no_near_miss() -> None:
    assert kept(a_refusal(code=INVALID_SCOPE), scopes=("read",)).near == ""
    assert kept(a_refusal(code=INVALID_SCOPE), Around(issuer=HERE), scopes=("write",)).near == ""


def test_an_audience_that_is_asked_for_in_vain_is_told() -> None:
    told = kept(a_refusal(code="invalid_target"))

    assert (told.near, told.hints) == (NearMiss.AUDIENCE, {"needed": HERE.audience})


@pytest.mark.parametrize("how", [{"code": "redirect_uri"}, {"reason": "redirect_uri is another one"}])
def test_a_redirect_uri_is_compared_with_those_that_are_registered(how: dict[str, str]) -> None:
    told = kept(a_refusal(**how), redirect_uri="https://app.example/cb/")
    far = kept(a_refusal(**how), redirect_uri="https://x.example/y")

    assert told.near == NearMiss.REDIRECT_URI
    assert told.hints == {"registered": "https://app.example/cb", "differs": "a slash at the end"}
    assert [far.near, kept(a_refusal(**how)).near] == ["", ""]


@pytest.mark.parametrize(
    ("reason", "near"),
    [
        ("the code was used before", NearMiss.CODE_USED),
        ("the refresh token was used before, by another request", NearMiss.REFRESH_TOKEN_USED),
        ("3 generations running were used twice, by a public client", NearMiss.REFRESH_TOKEN_USED),
    ],
)
def test_what_was_used_twice_is_told(reason: str, near: NearMiss) -> None:
    assert kept(a_refusal(code="invalid_grant", reason=reason)).near == near


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ("https://app.example/cb", ""),
        ("https://APP.example/cb", "upper and lower case"),
        ("https://app.example/cb/", "a slash at the end"),
        ("http://app.example/cb", "the scheme"),
        ("https://app.example:8443/cb", "the port"),
        ("https://www.app.example/cb", "the host"),
        ("https://app.example/callback", "the path"),
        ("https://app.example/cb?x=1", "the query"),
        ("https://app.example/cb#x", "a fragment"),
        ("http://app.example:80/cb", ""),
        ("https://app.example:x/cb", ""),
        ("https://[app.example/cb", ""),
    ],
)
def test_a_difference_is_told_if_it_is_the_only_one(sent: str, what: str) -> None:
    assert difference("https://app.example/cb", sent) == what
