"""An authorization request: where its answer may go, and what is checked before a user is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from behalf_store import CALLBACK, CHALLENGE
from builders import NOW, a_client, a_user, an_issuer
from portvakt.model.behalf import Session
from portvakt.model.decision import Refused
from portvakt.model.nouns import ClientAuthentication, ClientFacts
from portvakt.model.values import Instant, IssuerName, SessionId, UserId
from portvakt.protocol.answer.authorize import (
    CHECKS,
    Authorization,
    NoTarget,
    Target,
    Unknown,
    check_request,
    find_target,
    must_log_in,
    send_back_code,
    send_back_refusal,
)
from portvakt.wire.authorize_request import AuthorizeRequest, read_authorize_request
from portvakt.wire.errors import WireError

if TYPE_CHECKING:
    from portvakt.model.nouns import Issuer

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
EVIL = "https://evil.example/cb"


def a_query(**parameters: str | None) -> AuthorizeRequest:
    usual: dict[str, str | None] = {
        "client_id": "client_abc",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "state": "s t",
        **PKCE,
    }
    sent = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
    return read_authorize_request(urlencode(sent).encode())


def a_registered_client(*uris: str, public: bool = False, scopes: tuple[str, ...] = ("read", "write")) -> ClientFacts:
    facts = a_client(
        authentication=ClientAuthentication.NONE if public else ClientAuthentication.ANY_SECRET,
        scopes=scopes,
        default_scopes=scopes[:1],
        grants=frozenset({"authorization_code"}),
    )
    return replace(facts, client=replace(facts.client, redirect_uris=uris or (CALLBACK,)))


def target_of(request: AuthorizeRequest, facts: ClientFacts | None = None, issuer: Issuer | None = None) -> Target:
    found = find_target(issuer or an_issuer(), request, facts or a_registered_client())
    assert isinstance(found, Target), found
    return found


def no_target(request: AuthorizeRequest, facts: ClientFacts | None, issuer: Issuer | None = None) -> Unknown:
    found = find_target(issuer or an_issuer(), request, facts)
    assert isinstance(found, NoTarget), found
    assert found.reason
    return found.unknown


def checked(
    facts: ClientFacts | None = None, issuer: Issuer | None = None, **parameters: str | None
) -> Authorization | Refused:
    issuer, request = issuer or an_issuer(), a_query(**parameters)
    return check_request(issuer, request, target_of(request, facts, issuer))


def refusal(outcome: Authorization | Refused) -> str:
    assert isinstance(outcome, Refused), outcome
    assert outcome.description.isascii()
    return outcome.code


def test_a_right_request_is_what_the_user_is_asked_for() -> None:
    outcome = checked(scope="write read", organisation_number="987654321", locale="nb")

    assert isinstance(outcome, Authorization)
    assert outcome.scopes == ("write", "read")
    assert (outcome.state, outcome.challenge) == ("s t", CHALLENGE)
    assert (outcome.organisation, outcome.locale, outcome.asks_anew) == ("987654321", "nb", False)
    assert outcome.target == Target(a_registered_client(), CALLBACK, redirect_sent=True)


def test_without_a_scope_it_is_the_clients_default_one() -> None:
    outcome = checked()

    assert isinstance(outcome, Authorization)
    assert (outcome.scopes, outcome.organisation, outcome.locale) == (("read",), None, None)


def test_scopes_of_the_administration_are_asked_for_alone() -> None:
    issuer = replace(an_issuer(), administration="https://id.example/admin/api/v1")
    facts = a_registered_client(CALLBACK, scopes=("read", "portvakt:read"))

    alone = checked(facts, issuer, scope="portvakt:read")
    mixed = checked(facts, issuer, scope="portvakt:read read")

    assert isinstance(alone, Authorization)
    assert alone.scopes == ("portvakt:read",)
    assert refusal(mixed) == "invalid_scope"


def test_an_unknown_or_disabled_client_has_no_target() -> None:
    facts = a_registered_client()

    assert no_target(a_query(), None) is Unknown.CLIENT
    assert no_target(a_query(), replace(facts, client=replace(facts.client, disabled_at=NOW))) is Unknown.CLIENT
    assert no_target(a_query(), replace(facts, owner=a_user(disabled_at=NOW))) is Unknown.CLIENT


WRONG: list[dict[str, str | None]] = [
    {},
    {"response_type": None},
    {"response_type": "token"},
    {"response_type": "code id_token"},
    {"response_mode": "form_post"},
    {"response_mode": "odd"},
    {"scope": "admin"},
    {"scope": "a  b"},
    {"resource": "https://other.example"},
    {"code_challenge": None},
    {"code_challenge_method": "plain"},
    {"code_challenge": "short"},
    {"organisation_number": "x"},
    {"prompt": "none"},
    {"prompt": "login"},
    {"request": "eyJ"},
    {"request_uri": "https://evil.example/jar"},
    {"locale": "xx"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("provider", ["standard", "luca"])
@pytest.mark.parametrize("known", [False, True])
def test_O1_whatever_else_is_wrong_an_unregistered_redirect_uri_gets_no_answer(
    wrong: dict[str, str | None], provider: str, known: bool
) -> None:
    facts = a_registered_client() if known else None

    expected = Unknown.REDIRECT_URI if known else Unknown.CLIENT
    assert no_target(a_query(redirect_uri=EVIL, **wrong), facts, an_issuer(provider)) is expected


def test_O2_prompt_none_is_looked_at_after_client_and_redirect_uri() -> None:
    assert no_target(a_query(prompt="none", redirect_uri=EVIL), a_registered_client()) is Unknown.REDIRECT_URI
    silent = checked(prompt="none")
    assert isinstance(silent, Authorization)
    assert (silent.asks_nothing, silent.asks_anew, silent.max_age) == (True, False, None)
    assert refusal(at_luca(prompt="none")) == "invalid_request"


def at_luca(**parameters: str | None) -> Authorization | Refused:
    facts = a_registered_client(scopes=("accounting",))
    return checked(facts, an_issuer("luca"), scope="accounting", **parameters)


@pytest.mark.parametrize("prompt", ["login", "none", "login consent", "Consent", "x"])
def test_luca_has_no_prompt_but_consent_and_no_max_age(prompt: str) -> None:
    assert refusal(at_luca(prompt=prompt)) == "invalid_request"
    again = at_luca(prompt="consent", max_age="0")
    assert isinstance(again, Authorization)
    assert (again.asks_anew, again.asks_nothing, again.max_age) == (True, False, None)


@pytest.mark.parametrize(
    ("parameters", "age", "again"),
    [
        ({"prompt": "login"}, 0, True),
        ({"prompt": "consent login"}, 0, True),
        ({"max_age": "0"}, 0, True),
        ({"max_age": "60"}, 60, False),
        ({"max_age": "60"}, 61, True),
        ({"prompt": "login", "max_age": "60"}, 0, True),
        ({"prompt": "none", "max_age": "60"}, 61, True),
        ({"prompt": "consent"}, 10_000, False),
        ({}, 10_000, False),
    ],
    ids=str,
)
def test_who_must_log_in_again(parameters: dict[str, str | None], age: int, again: bool) -> None:
    outcome = checked(None, None, **parameters)
    assert isinstance(outcome, Authorization)
    session = Session(
        issuer=IssuerName("acme"),
        id=SessionId("ses_a"),
        digest=b"d",
        user_id=UserId("user_abc"),
        created_at=NOW,
        expires_at=Instant(NOW + 20_000),
    )

    assert must_log_in(outcome, session, Instant(NOW + age)) is again


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "Code"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": "read  write"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"organisation_number": "987 654"}, "invalid_request"),
        ({"organisation_number": "٣"}, "invalid_request"),
        ({"organisation_number": "1" * 21}, "invalid_request"),
        ({"prompt": "select_account"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "login  consent"}, "invalid_request"),
        ({"prompt": "Login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "1" * 11}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://a.example"}, "request_uri_not_supported"),
    ],
    ids=str,
)
def test_a_refusal_says_what_is_wrong(wrong: dict[str, str | None], code: str) -> None:
    assert refusal(checked(None, None, **wrong)) == code


def test_what_is_offered_is_taken() -> None:
    outcome = checked(response_mode="query", resource="https://id.example/api", prompt="consent")

    assert isinstance(outcome, Authorization)
    assert outcome.asks_anew


def test_a_client_that_may_not_use_codes_is_told_so() -> None:
    facts = a_registered_client()

    assert refusal(checked(replace(facts, client=replace(facts.client, grants=frozenset())))) == "unauthorized_client"


@pytest.mark.parametrize("provider", ["standard", "luca"])
def test_P1_a_public_client_needs_a_challenge_everywhere(provider: str) -> None:
    facts = a_registered_client(public=True, scopes=("accounting",))

    outcome = checked(facts, an_issuer(provider), code_challenge=None, code_challenge_method=None, scope="accounting")

    assert refusal(outcome) == "invalid_request"


def test_P1_the_standard_wants_a_challenge_of_all_and_luca_of_none() -> None:
    facts = a_registered_client(scopes=("accounting",))
    without: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None, "scope": "accounting"}

    assert refusal(checked(facts, an_issuer("standard"), **without)) == "invalid_request"
    outcome = checked(facts, an_issuer("luca"), **without)
    assert isinstance(outcome, Authorization)
    assert outcome.challenge is None
    assert isinstance(checked(facts, an_issuer("luca"), scope="accounting"), Authorization)


@pytest.mark.parametrize("method", ["plain", None, "S512", "s256", "S256 "])
@pytest.mark.parametrize("provider", ["standard", "luca"])
def test_P4_any_method_but_s256_is_refused(provider: str, method: str | None) -> None:
    facts = a_registered_client(scopes=("accounting",))

    outcome = checked(facts, an_issuer(provider), code_challenge_method=method, scope="accounting")

    assert refusal(outcome) == "invalid_request"


@pytest.mark.parametrize("challenge", ["a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "a" * 42 + "\n"])
def test_P4_a_challenge_that_is_no_sha_256_is_refused(challenge: str) -> None:
    assert refusal(checked(code_challenge=challenge)) == "invalid_request"


def test_P4_a_method_without_a_challenge_is_refused() -> None:
    facts = a_registered_client(scopes=("accounting",))

    assert refusal(checked(facts, an_issuer("luca"), code_challenge=None, scope="accounting")) == "invalid_request"


@pytest.mark.parametrize("missing", ["scope", "response_type"])
def test_luca_wants_scope_and_response_type(missing: str) -> None:
    facts = a_registered_client(scopes=("accounting",))
    parameters: dict[str, str | None] = {"scope": "accounting", missing: None}

    outcome = checked(facts, an_issuer("luca"), **parameters)

    assert refusal(outcome) == "invalid_request"
    assert isinstance(outcome, Refused)
    assert missing in outcome.description


def test_R15_a_missing_redirect_uri_is_the_one_that_is_registered() -> None:
    missing = a_query(redirect_uri=None)

    assert target_of(missing) == Target(a_registered_client(), CALLBACK, redirect_sent=False)
    assert target_of(a_query(redirect_uri="")).redirect_sent is False


def test_R15_with_two_registered_or_none_or_at_luca_a_missing_one_is_an_error_page() -> None:
    missing = a_query(redirect_uri=None)
    two = a_registered_client(CALLBACK, "https://app.example/other")
    facts = a_registered_client()

    assert no_target(missing, two) is Unknown.REDIRECT_URI
    assert no_target(missing, replace(facts, client=replace(facts.client, redirect_uris=()))) is Unknown.REDIRECT_URI
    assert no_target(missing, facts, an_issuer("luca")) is Unknown.REDIRECT_URI


def test_one_of_several_registered_redirect_uris_is_taken() -> None:
    facts = a_registered_client("https://app.example/other", CALLBACK)

    assert target_of(a_query(), facts).redirect_uri == CALLBACK


@pytest.mark.parametrize(
    ("provider", "public", "test", "host", "allowed"),
    [
        ("standard", True, False, "127.0.0.1", True),
        ("standard", True, False, "[::1]", True),
        ("standard", True, False, "localhost", True),
        ("standard", False, False, "127.0.0.1", False),
        ("standard", False, True, "127.0.0.1", False),
        ("luca", False, True, "127.0.0.1", True),
        ("luca", False, True, "[::1]", True),
        ("luca", False, True, "localhost", False),
        ("luca", False, False, "127.0.0.1", False),
        ("luca", True, False, "127.0.0.1", True),
        ("luca", True, False, "localhost", False),
    ],
)
def test_R9_R19_whose_loopback_port_may_differ(
    provider: str, public: bool, test: bool, host: str, allowed: bool
) -> None:
    issuer = replace(an_issuer(provider), test=test)
    facts = a_registered_client(f"http://{host}/cb", public=public)
    sent = f"http://{host}:49152/cb"

    found = find_target(issuer, a_query(redirect_uri=sent), facts)

    assert found == (Target(facts, sent, redirect_sent=True) if allowed else found)
    assert isinstance(found, Target) is allowed


@pytest.mark.parametrize("sent", [CALLBACK + "?x=1", CALLBACK + "/", CALLBACK.upper(), CALLBACK + "#", EVIL])
def test_R1_R3_R6_a_redirect_uri_that_differs_has_no_target(sent: str) -> None:
    assert no_target(a_query(redirect_uri=sent), a_registered_client()) is Unknown.REDIRECT_URI


def test_R16_a_redirect_uri_that_is_sent_twice_is_never_looked_up() -> None:
    with pytest.raises(WireError):
        read_authorize_request(f"client_id=a&redirect_uri={CALLBACK}&redirect_uri={EVIL}".encode())


def test_X1_an_error_goes_back_with_state_and_iss() -> None:
    refused = checked(response_type="token")
    assert isinstance(refused, Refused)

    back = send_back_refusal(an_issuer(), target_of(a_query()), "s t", refused)

    assert urlsplit(back.location)._replace(query="").geturl() == CALLBACK
    assert parse_qsl(urlsplit(back.location).query) == [
        ("error", "unsupported_response_type"),
        ("error_description", "This server answers response_type code."),
        ("state", "s t"),
        ("iss", "https://id.example"),
    ]


def test_X1_an_error_without_state_or_description_has_iss_all_the_same() -> None:
    back = send_back_refusal(an_issuer(), target_of(a_query()), None, Refused("access_denied"))

    assert parse_qsl(urlsplit(back.location).query) == [("error", "access_denied"), ("iss", "https://id.example")]


@pytest.mark.parametrize(
    ("provider", "names"), [("standard", ["code", "state", "iss"]), ("luca", ["code", "scope", "state", "iss"])]
)
def test_X1_a_code_goes_back_with_what_the_provider_says(provider: str, names: list[str]) -> None:
    issuer = an_issuer(provider)

    back = send_back_code(issuer, CALLBACK, code="c", scopes=("accounting",), state="s")
    bare = send_back_code(issuer, CALLBACK, code="c", scopes=("accounting",), state=None)

    assert [name for name, _ in parse_qsl(urlsplit(back.location).query)] == names
    assert [name for name, _ in parse_qsl(urlsplit(bare.location).query)] == [n for n in names if n != "state"]
    assert "location" not in repr(back)


def test_T21_a_long_scope_is_refused() -> None:
    assert refusal(checked(scope=" ".join(["read"] * 1000))) == "invalid_scope"


def test_every_check_has_its_clause() -> None:
    assert all(check.__doc__ for check in CHECKS)
