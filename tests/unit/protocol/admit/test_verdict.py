from dataclasses import replace
from typing import Any

import pytest

from access_tokens import AUDIENCE, ISSUER, NOW, a_key, a_token
from portvakt.model.decision import Refused
from portvakt.model.nouns import Algorithm
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.admit.claims import LEEWAY, MAX_LEEWAY, OF_OTHER_JWTS, Rules
from portvakt.protocol.admit.verdict import UnknownKey, admit, missing_scopes
from portvakt.protocol.admit.verified import Verified
from portvakt.providers import PROVIDERS
from portvakt.providers.breeze import BREEZE
from portvakt.providers.standard import STANDARD

RULES = Rules(issuer=ISSUER, audience=AUDIENCE, provider=STANDARD)


def verdict(token: str, rules: Rules = RULES, now: Instant = NOW, **more: Any) -> Verified | Refused | UnknownKey:
    keys = more.get("keys", (a_key(),))
    return admit(token, rules=rules, keys=[key.public for key in keys], now=now)


def assert_invalid_token(said: Verified | Refused | UnknownKey, reason: str = "") -> None:
    assert isinstance(said, Refused), said
    assert (said.code, said.status) == ("invalid_token", 401)
    assert reason in said.reason


def test_a_good_token_is_verified() -> None:
    token = a_token(
        {
            "scope": "read write",
            "organisation_number": "923609016",
            "roles": ["admin"],
            "gid": "grant-1",
            "sub": "user_1",
            "extra": [1],
        }
    )

    assert verdict(token) == Verified(
        client_id="client_1",  # type: ignore[arg-type]
        subject="user_1",
        scopes=frozenset({"read", "write"}),
        organisation_number="923609016",
        roles=frozenset({"admin"}),
        issued_at=Instant(NOW),
        expires_at=Instant(NOW + 600),
        token_id="token-1",
        grant_id="grant-1",
        key_id=a_key().kid,
    )


def test_what_a_client_gets_for_itself_has_neither_grant_nor_organisation() -> None:
    said = verdict(a_token())

    assert isinstance(said, Verified)
    assert (said.scopes, said.organisation_number, said.roles, said.grant_id) == (frozenset(), None, frozenset(), None)


@pytest.mark.parametrize("name", PROVIDERS)
def test_tokens_of_every_provider_are_taken_with_its_own_typ(name: str) -> None:
    provider = PROVIDERS[name]
    key = a_key(1, provider.algorithms[0])
    token = a_token(key=key, typ=provider.token_header.typ)

    assert isinstance(verdict(token, replace(RULES, provider=provider), keys=(key,)), Verified)


@pytest.mark.parametrize("name", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_J12_each_of_the_seven_claims_is_required(name: str) -> None:
    assert_invalid_token(verdict(a_token({name: ...})), name)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [None, True, False, "1000600", 1000600.5, 1e300, -1, 10**18, [], {}])
def test_J12_a_moment_is_a_whole_number_of_seconds(name: str, value: object) -> None:
    assert_invalid_token(verdict(a_token({name: value})), name)


@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "jti", "gid", "organisation_number"])
@pytest.mark.parametrize("value", [None, "", 1, True, ["client_1"], {"a": "b"}])
def test_J12_a_name_is_a_text_that_says_something(name: str, value: object) -> None:
    assert_invalid_token(verdict(a_token({name: value})), name)


@pytest.mark.parametrize("value", [None, "admin", {"admin": True}, [1], [""], [["admin"]]])
def test_J12_roles_are_a_list_of_texts(value: object) -> None:
    assert_invalid_token(verdict(a_token({"roles": value})), "roles")


@pytest.mark.parametrize("value", [None, 1, ["read"], {}])
def test_J12_a_scope_is_a_text(value: object) -> None:
    assert_invalid_token(verdict(a_token({"scope": value})), "scope")


def test_no_scope_token_hides_in_white_space() -> None:
    said = verdict(a_token({"scope": "  read\twrite  write "}))

    assert isinstance(said, Verified)
    assert said.scopes == {"read\twrite", "write"}


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER[:-1],
        ISSUER + "/",
        ISSUER + "x",
        ISSUER.upper(),
        "https://id.example",
        "acme",
        [ISSUER],
        {"iss": ISSUER},
        None,
    ],
)
def test_advisory_43_an_issuer_is_equal_or_it_is_another(issuer: object) -> None:
    assert_invalid_token(verdict(a_token({"iss": issuer})), "iss")


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
def test_G1_an_audience_is_one_text_or_a_list_that_holds_it(audience: object) -> None:
    assert isinstance(verdict(a_token({"aud": audience})), Verified)


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example",
        AUDIENCE + "/",
        AUDIENCE[:-1],
        AUDIENCE + " https://other.example",
        AUDIENCE.upper(),
        "",
        [],
        [[AUDIENCE]],
        ["https://other.example"],
        [AUDIENCE, 1],
        [AUDIENCE, None],
        {AUDIENCE: True},
        1,
        True,
        None,
    ],
)
def test_G1_a_token_for_another_api_is_refused(audience: object) -> None:
    assert_invalid_token(verdict(a_token({"aud": audience})), "aud")


def test_G1_there_are_no_rules_without_an_audience_or_an_issuer() -> None:
    with pytest.raises(ValueError, match="audience"):
        replace(RULES, audience="")
    with pytest.raises(ValueError, match="issuer"):
        replace(RULES, issuer="")


@pytest.mark.parametrize("leeway", [0, LEEWAY, MAX_LEEWAY])
def test_J13_a_token_ends_with_its_last_second_and_the_leeway(leeway: int) -> None:
    rules = replace(RULES, leeway=Seconds(leeway))
    end = NOW + 600 + leeway

    assert isinstance(verdict(a_token(), rules, Instant(end - 1)), Verified)
    assert_invalid_token(verdict(a_token(), rules, Instant(end)), f"expired {leeway} s ago")


@pytest.mark.parametrize("leeway", [0, LEEWAY, MAX_LEEWAY])
@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_J13_a_token_of_the_future_is_refused(name: str, leeway: int) -> None:
    rules = replace(RULES, leeway=Seconds(leeway))

    assert isinstance(verdict(a_token({name: NOW + leeway}), rules), Verified)
    assert_invalid_token(verdict(a_token({name: NOW + leeway + 1}), rules), f"{name} is {leeway + 1} s in the future")
    assert_invalid_token(verdict(a_token({name: NOW + 3600}), rules), name)


@pytest.mark.parametrize("leeway", [-1, 31, 3600])
def test_J13_leeway_is_at_most_30_seconds(leeway: int) -> None:
    with pytest.raises(ValueError, match="leeway"):
        replace(RULES, leeway=Seconds(leeway))


def test_advisory_84_a_bad_signature_is_reported_before_expiry() -> None:
    token = a_token({"exp": NOW - 3600})
    forged = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]

    assert_invalid_token(verdict(forged), "signature")
    assert_invalid_token(verdict(token), "expired")


@pytest.mark.parametrize("leads_to", ["no key", "another kind", "a wrong signature"])
@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}-test"])
def test_a_token_of_another_issuer_is_said_to_be_one_although_no_key_of_ours_fits(issuer: str, leads_to: str) -> None:
    token = a_token({"iss": issuer}, typ="JWT" if leads_to == "another kind" else "at+jwt")
    if leads_to == "a wrong signature":
        token = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    said = verdict(token, keys=(a_key(7),) if leads_to == "no key" else (a_key(),))

    refused = said.refused if isinstance(said, UnknownKey) else said
    assert isinstance(refused, Refused)
    assert refused.reason.endswith(f"; it names another issuer than {ISSUER}") is (issuer != ISSUER)
    assert f"{ISSUER}-test" not in refused.reason + refused.description


@pytest.mark.parametrize("token", ["a", "a.b", "a.!.c", "a.e30.c", "a.W10.c", "a.eyJpc3MiOjF9.c"])
def test_what_names_no_issuer_is_said_to_name_none(token: str) -> None:
    said = verdict(token)

    assert isinstance(said, Refused)
    assert "issuer" not in said.reason


KINDS = (
    "at+jwt",
    "JWT",
    "dpop+jwt",
    "logout+jwt",
    "apikey+jwt",
    "token-introspection+jwt",
    "client-authentication+jwt",
)


@pytest.mark.parametrize("provider", [BREEZE, STANDARD], ids=lambda provider: provider.name)
@pytest.mark.parametrize("typ", KINDS)
def test_J7_exactly_the_providers_kind_of_token_is_taken(provider: Any, typ: str) -> None:
    key = a_key(1, Algorithm.RS256)

    said = verdict(a_token(key=key, typ=typ), replace(RULES, provider=provider), keys=(key,))

    if typ == provider.token_header.typ:
        assert isinstance(said, Verified)
    else:
        assert_invalid_token(said, "kind")


@pytest.mark.parametrize("name", OF_OTHER_JWTS)
def test_J7_where_typ_tells_nothing_the_claims_of_other_jwts_do(name: str) -> None:
    breeze = replace(RULES, provider=BREEZE)
    key = a_key(1, Algorithm.RS256)

    assert_invalid_token(verdict(a_token({name: None}, key=key, typ="JWT"), breeze, keys=(key,)), name)
    assert isinstance(verdict(a_token({name: "x"})), Verified)  # typ has told: an extra claim is ignored


def test_J7_where_typ_tells_nothing_a_statement_of_the_issuer_about_itself_is_refused() -> None:
    breeze = replace(RULES, provider=BREEZE)
    key = a_key(1, Algorithm.RS256)

    assert_invalid_token(verdict(a_token({"sub": ISSUER}, key=key, typ="JWT"), breeze, keys=(key,)), "sub")


def test_J15_a_key_that_is_still_published_verifies_and_one_that_is_gone_does_not() -> None:
    token = a_token(key=a_key(2))

    assert isinstance(verdict(token, keys=(a_key(1), a_key(2))), Verified)
    said = verdict(token, keys=(a_key(1),))
    assert isinstance(said, UnknownKey)
    assert (said.refused.code, said.refused.status) == ("invalid_token", 401)


def test_J15_a_token_without_kid_is_tried_against_the_keys_of_a_provider_that_names_none() -> None:
    breeze = replace(RULES, provider=BREEZE)
    keys = tuple(a_key(number, Algorithm.RS256) for number in (1, 2))
    token = a_token(key=keys[1], typ="JWT", names_key=False)

    said = verdict(token, breeze, keys=keys)

    assert isinstance(said, Verified)
    assert said.key_id == keys[1].kid
    assert isinstance(verdict(token, breeze, keys=keys[:1]), UnknownKey)


def test_G2_scopes_are_a_set_of_names() -> None:
    said = verdict(a_token({"scope": "read write:own"}))
    assert isinstance(said, Verified)

    assert said.scopes == {"read", "write:own"}
    for scope in ("write", "read:x", "rea", "READ", "ead", "write:own:x", "read write:own", ""):
        assert not said.scopes >= {scope}
        refused = missing_scopes(said, {scope})
        assert (refused.code, refused.status) == ("insufficient_scope", 403)
    assert missing_scopes(said, {"read", "write", "admin"}).reason.endswith(": admin write")


def test_a_reason_holds_nothing_that_the_token_says() -> None:
    token = a_token({"iss": "canary-issuer", "aud": "canary-audience", "jti": "canary-jti"})

    assert "canary" not in repr(verdict(token))
