"""What a token request is answered, decided from facts alone."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import NOW, PEPPER, WRONG, a_client, a_request, a_secret, a_signer, a_user, an_issuer
from portvakt.model.decision import Granted, Refused, Tokens
from portvakt.model.nouns import ClientAuthentication, ClientFacts
from portvakt.model.provider import Refresh
from portvakt.model.values import Instant, Secret
from portvakt.protocol.answer.token import (
    Authenticated,
    authenticate,
    issue,
    refuse_grant_type,
    served_grants,
)
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from portvakt.model.message import TokenRequest

STANDARD = PROVIDERS["standard"]


def authenticated(facts: ClientFacts) -> Authenticated:
    outcome = authenticate(STANDARD, a_request(), facts, pepper=PEPPER, now=NOW)
    assert isinstance(outcome, Authenticated)
    return outcome


def refused(facts: ClientFacts | None, request: TokenRequest | None = None) -> Refused:
    outcome = authenticate(STANDARD, request or a_request(), facts, pepper=PEPPER, now=NOW)
    assert isinstance(outcome, Refused)
    return outcome


def issued(facts: ClientFacts, **parameters: str) -> Granted[Tokens] | Refused:
    request = replace(a_request(), parameters=parameters)
    return issue(an_issuer(), request, authenticated(facts), signer=a_signer(STANDARD), jti="j", now=NOW)


def claims_of(decision: Granted[Tokens] | Refused) -> dict[str, object]:
    assert isinstance(decision, Granted)
    payload = decision.answer.access_token.reveal().split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


@pytest.mark.parametrize(
    "grant_type",
    [
        "Client_Credentials",
        "client_credentials ",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
    ],
)
def test_T16_T20_a_grant_type_is_compared_exactly_and_others_are_unsupported(grant_type: str) -> None:
    outcome = refuse_grant_type(STANDARD, a_request(grant_type=grant_type))

    assert outcome is not None
    assert (outcome.code, outcome.status) == ("unsupported_grant_type", 400)


def test_a_grant_type_that_the_provider_has_is_answered() -> None:
    assert refuse_grant_type(STANDARD, a_request()) is None


def test_a_provider_without_a_built_grant_says_so() -> None:
    outcome = refuse_grant_type(PROVIDERS["luca"], a_request())

    assert outcome is not None
    assert outcome.code == "unsupported_grant_type"


def test_the_grants_that_are_served_are_those_that_are_documented_and_built() -> None:
    assert served_grants(STANDARD) == ("authorization_code", "refresh_token", "client_credentials")
    assert served_grants(PROVIDERS["luca"]) == ("authorization_code", "refresh_token")
    assert served_grants(replace(STANDARD, refresh=Refresh.NONE)) == ("authorization_code", "client_credentials")
    assert served_grants(replace(STANDARD, grants=("urn:odd",))) == ()


@pytest.mark.parametrize(("grant_type", "needed"), [("authorization_code", "code"), ("refresh_token", "refresh_token")])
def test_a_request_without_what_its_grant_type_is_about_is_told_what_is_missing(grant_type: str, needed: str) -> None:
    outcome = refuse_grant_type(STANDARD, a_request(grant_type=grant_type))

    assert outcome == Refused("invalid_request", f"{needed} is missing.", 400)
    assert refuse_grant_type(STANDARD, replace(a_request(grant_type=grant_type), parameters={needed: "x"})) is None


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
def test_a_public_client_names_itself_for_a_code_or_a_refresh_token(grant_type: str) -> None:
    facts = a_client(authentication=ClientAuthentication.NONE)

    outcome = authenticate(
        STANDARD, a_request(grant_type=grant_type, secret=None, method="none"), facts, pepper=PEPPER, now=NOW
    )

    assert outcome == Authenticated(facts, None)


def test_A7_a_public_client_with_an_empty_secret_in_basic_is_refused() -> None:
    request = a_request(grant_type="authorization_code", secret=None, method="client_secret_basic")

    assert refused(a_client(authentication=ClientAuthentication.NONE), request).code == "invalid_client"


def test_another_grant_type_is_never_answered_with_a_clients_own_token() -> None:
    facts = a_client(grants=frozenset({"client_credentials", "authorization_code"}))
    request = a_request(grant_type="authorization_code", code="x")

    outcome = issue(an_issuer(), request, authenticated(facts), signer=a_signer(STANDARD), jti="j", now=NOW)

    assert isinstance(outcome, Refused)
    assert outcome.code == "unauthorized_client"


def test_the_right_secret_authenticates_its_client() -> None:
    facts = a_client(a_secret(WRONG, id_random=b"a" * 32), a_secret())

    assert authenticated(facts).secret == facts.secrets[1]


@pytest.mark.parametrize(
    ("facts", "request_", "why"),
    [
        (None, a_request(), "unknown"),
        (a_client(), a_request(secret=WRONG), "wrong"),
        (a_client(), a_request(secret=None, method="none"), "no secret"),
        (a_client(disabled_at=NOW), a_request(), "disabled"),
        (a_client(owner=a_user(disabled_at=NOW)), a_request(), "owner"),
        (a_client(a_secret(revoked_at=NOW)), a_request(), "revoked"),
        (a_client(a_secret(expires_at=NOW)), a_request(), "expired"),
    ],
)
def test_A1_every_way_of_not_being_the_client_gets_one_answer(
    facts: ClientFacts | None, request_: TokenRequest, why: str
) -> None:
    outcome = refused(facts, request_)

    assert outcome == Refused("invalid_client", STANDARD.wrong_credentials_text, 401)
    assert why in outcome.reason


@pytest.mark.parametrize(
    ("registered", "used"),
    [
        (ClientAuthentication.BASIC, "client_secret_post"),
        (ClientAuthentication.POST, "client_secret_basic"),
    ],
)
def test_A5_a_client_set_to_one_method_is_refused_by_the_other(registered: ClientAuthentication, used: str) -> None:
    facts = a_client(authentication=registered)

    assert refused(facts, a_request(method=used)).status == 401
    assert isinstance(
        authenticate(STANDARD, a_request(method=str(registered)), facts, pepper=PEPPER, now=NOW), Authenticated
    )


def test_A5_a_public_client_that_sends_a_secret_is_refused() -> None:
    assert refused(a_client(authentication=ClientAuthentication.NONE)).code == "invalid_client"


def test_a_public_client_may_not_use_client_credentials() -> None:
    outcome = refused(a_client(authentication=ClientAuthentication.NONE), a_request(secret=None, method="none"))

    assert (outcome.code, outcome.status) == ("unauthorized_client", 400)


def test_A7_a_client_without_a_live_secret_is_refused_whatever_is_sent() -> None:
    facts = replace(a_client(), secrets=())

    assert refused(facts).status == 401
    assert refused(facts, a_request(secret=Secret(""))).status == 401


@pytest.mark.parametrize(("end", "works"), [(-1, False), (0, False), (1, True)])
def test_A10_a_secret_ends_at_the_second_that_it_says(end: int, works: bool) -> None:
    facts = a_client(a_secret(expires_at=Instant(NOW + end)))

    assert isinstance(authenticate(STANDARD, a_request(), facts, pepper=PEPPER, now=NOW), Authenticated) is works


def test_a_token_has_the_claims_of_rfc_9068() -> None:
    facts = a_client(scopes=("read", "write"), owner=a_user(roles=frozenset({"b", "a"})))

    claims = claims_of(issued(facts, scope="read"))

    assert claims == {
        "iss": "https://id.example",
        "sub": facts.client.id,
        "aud": "https://id.example/api",
        "client_id": facts.client.id,
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "j",
        "scope": "read",
        "roles": ["a", "b"],
    }


def test_a_client_that_asks_for_nothing_gets_its_default_scopes() -> None:
    decision = issued(a_client(scopes=("read", "write"), default_scopes=("write",)))

    assert isinstance(decision, Granted)
    assert decision.answer.scope == "write"


def test_a_token_without_scope_has_no_scope_claim() -> None:
    assert not {"scope", "roles"} & claims_of(issued(a_client())).keys()


def test_T21_repeated_words_collapse_and_order_does_not_matter() -> None:
    decision = issued(a_client(scopes=("read", "write")), scope="write read write")

    assert isinstance(decision, Granted)
    assert decision.answer.scope == "write read"


@pytest.mark.parametrize(
    "scope",
    [
        " ".join(["read"] * 50_000),
        "r" * 100_000,
        "read\twrite",
        "read\nwrite",
        'read"',
        "read\\",
        "lés",
        " read",
        "read ",
        "a  b",
    ],
)
def test_T21_a_scope_that_is_no_list_of_words_is_refused(scope: str) -> None:
    outcome = issued(a_client(scopes=("read", "write")), scope=scope)

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.status) == ("invalid_scope", 400)


@pytest.mark.parametrize("scope", ["write", "read write", "openid", "offline_access", "READ", "rea", "read:x"])
def test_T22_a_scope_that_the_client_does_not_have_is_refused(scope: str) -> None:
    outcome = issued(a_client(scopes=("read",)), scope=scope)

    assert isinstance(outcome, Refused)
    assert outcome.code == "invalid_scope"


def test_T22_client_credentials_give_no_refresh_token() -> None:
    decision = issued(a_client())

    assert isinstance(decision, Granted)
    assert decision.answer.refresh_token is None


def test_G4_a_resource_is_the_registered_api_or_an_invalid_target() -> None:
    assert isinstance(issued(a_client(), resource="https://id.example/api"), Granted)
    assert isinstance(issued(a_client(), resource="https://id.example/api https://id.example/api"), Granted)
    for resource in ("https://other.example", "https://id.example/api#x", "/api", "https://id.example/api https://b"):
        outcome = issued(a_client(), resource=resource)
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.status) == ("invalid_target", 400)


def test_a_grant_that_the_client_may_not_use_is_refused_after_it_proved_itself() -> None:
    outcome = issued(a_client(grants=frozenset()))

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.status) == ("unauthorized_client", 400)
