"""A code for tokens: what is checked, and what a refusal does to the code."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from behalf_store import (
    BOTH_GRANTS,
    CALLBACK,
    NUMBER,
    a_world,
    another_client,
    claims_of,
    granted,
    refusal,
    successor_of,
)
from builders import CLIENT, NOW, PEPPER, WRONG, a_request, a_user
from portvakt.jose import base64url
from portvakt.model.audit import Act
from portvakt.model.behalf_change import AddRevocation, RedeemCode, RevokeGrant
from portvakt.model.change import Note
from portvakt.model.decision import Refused
from portvakt.model.provider import Refresh
from portvakt.model.values import Secret
from portvakt.protocol.answer.token import authenticate
from portvakt.protocol.credentials import Kind, mint
from portvakt.providers import PROVIDERS

INVALID_GRANT = ("invalid_grant", 400)


def test_a_code_gives_an_access_token_for_the_user_the_company_and_the_scopes() -> None:
    world = a_world()
    world.user = a_user(roles=frozenset({"b", "a"}))

    tokens = granted(world.exchange(world.agree()))

    claims = claims_of(tokens)
    assert isinstance(claims.pop("jti"), str)
    assert claims == {
        "iss": "https://id.example",
        "sub": "user_abc",
        "aud": "https://id.example/api",
        "client_id": CLIENT,
        "iat": NOW,
        "exp": NOW + 600,
        "scope": "read write",
        "gid": world.grant().id,
        "organisation_number": NUMBER,
        "roles": ["a", "b"],
    }
    assert (tokens.lifetime, tokens.scope, tokens.token_type) == (600, "read write", "Bearer")


def test_a_grant_for_no_company_gives_a_token_for_none() -> None:
    world = a_world(organisation=False)

    claims = claims_of(granted(world.exchange(world.agree())))

    assert not {"organisation_number", "roles"} & claims.keys()


def test_a_rotating_token_has_an_idle_and_an_absolute_end_and_a_static_one_has_none() -> None:
    rotating, static = a_world("standard"), a_world("luca")

    first = rotating.row(successor_of(rotating.exchange(rotating.agree())))
    lasting = static.row(successor_of(static.exchange(static.agree())))

    assert (first.generation, first.expires_at) == (0, NOW + 30 * 86400)
    assert rotating.family().ends_at == NOW + 365 * 86400
    assert (lasting.expires_at, static.family().ends_at) == (None, None)


def test_a_client_or_provider_without_refresh_gets_no_refresh_token() -> None:
    without = a_world(replace(PROVIDERS["standard"], refresh=Refresh.NONE))
    unregistered = a_world()
    unregistered.client = replace(
        unregistered.client, client=replace(unregistered.client.client, grants=frozenset({"authorization_code"}))
    )
    static_and_public = a_world("luca", public=True)

    for world in (without, unregistered, static_and_public):
        assert granted(world.exchange(world.agree())).refresh_token is None
        assert not world.families


def test_a_client_that_may_not_use_codes_is_told_so_and_the_code_stays() -> None:
    world = a_world()
    code = world.agree()
    full = world.client
    world.client = replace(full, client=replace(full.client, grants=frozenset({"refresh_token"})))

    assert refusal(world.exchange(code)) == ("unauthorized_client", 400)

    world.client = full
    granted(world.exchange(code))


@pytest.mark.parametrize("after", [0, 1, 30])
def test_I1_a_code_used_twice_ends_everything_that_it_gave(after: int) -> None:
    world = a_world()
    code = world.agree()
    token = successor_of(world.exchange(code))

    second = world.exchange(code, after=after)

    assert refusal(second) == INVALID_GRANT
    assert world.grant().revoked_at == NOW + after
    assert world.revocations[world.grant().id] >= NOW + after + 600
    assert refusal(world.refresh(token, after=after)) == INVALID_GRANT


def test_I1_a_third_use_has_nothing_left_to_end() -> None:
    world = a_world()
    code = world.agree()
    world.exchange(code)
    world.exchange(code)

    third = world.exchange(code)

    assert refusal(third) == INVALID_GRANT
    assert third.changes == ()
    assert [(event.act, event.id) for event in world.events] == [
        (Act.GRANT_REVOKED, world.grant().id),
        (Act.CODE_REPLAYED, world.grant().id),
    ]


def test_I1_a_code_that_is_used_again_after_its_end_is_a_replay_all_the_same() -> None:
    world = a_world()
    code = world.agree()
    world.exchange(code)

    world.exchange(code, after=3600)

    assert world.grant().revoked_at is not None


def test_I2_of_two_who_decided_at_once_one_wins_and_the_other_decides_again_and_ends_it() -> None:
    world = a_world()
    code = world.agree()
    request = world.request(
        "authorization_code", {"code": code.reveal(), "redirect_uri": CALLBACK, "code_verifier": "v" * 43}
    )
    (digest,) = world.codes
    facts = world.code_facts(digest)

    first, second = (world.decide_code(request, facts, NOW) for _ in range(2))
    applied, lost = world.apply(first.changes), world.apply(second.changes)
    again = world.decide_code(request, world.code_facts(digest), NOW)

    assert type(applied).__name__ == "Applied"
    assert isinstance(getattr(lost, "change", None), RedeemCode)
    assert [type(change) for change in again.changes] == [RevokeGrant, AddRevocation, Note, Note]
    assert len(world.families) == 1


def test_I3_a_code_of_another_client_is_refused_and_stays_good() -> None:
    world = a_world()
    code = world.agree()

    stolen = world.exchange(code, by=another_client())

    assert refusal(stolen) == INVALID_GRANT
    assert stolen.changes == ()
    granted(world.exchange(code))


def test_I3_a_used_code_in_the_hands_of_another_client_ends_nothing() -> None:
    world = a_world()
    code = world.agree()
    world.exchange(code)

    world.exchange(code, by=another_client())

    assert world.grant().revoked_at is None


@pytest.mark.parametrize(
    ("provider", "after", "works"),
    [("standard", 59, True), ("standard", 60, False), ("luca", 599, True), ("luca", 600, False), ("luca", 601, False)],
)
def test_I4_a_code_ends_at_the_second_that_the_provider_says(provider: str, after: int, works: bool) -> None:
    world = a_world(provider)

    decision = world.exchange(world.agree(), after=after)

    assert isinstance(decision, Refused) is not works
    if not works:
        assert refusal(decision) == INVALID_GRANT
        assert decision.changes == ()


def test_I4_no_part_and_no_alteration_of_a_code_is_one() -> None:
    world = a_world()
    code = world.agree().reveal()
    altered = [code[:end] for end in range(len(code))] + [code[start:] for start in range(1, len(code))]
    altered += [code.upper(), f" {code} ", code + "\n", code + "A", code * 2, code.replace("pvk_ac_", "pvk_rt_")]
    altered += [code[:9] + ("A" if code[9] != "A" else "B") + code[10:], mint(Kind.CODE, b"?" * 32).reveal()]

    for text in altered:
        decision = world.exchange(text)
        assert refusal(decision) == INVALID_GRANT
        assert decision.changes == ()

    granted(world.exchange(code))


@pytest.mark.parametrize("what", ["user", "client", "owner", "organisation", "member", "organisation is gone"])
def test_I5_G7_who_ended_between_consent_and_exchange_gets_nothing(what: str) -> None:
    world = a_world()
    code = world.agree()
    assert world.organisation is not None
    by = world.authenticated(world.request("authorization_code", {}))
    if what == "user":
        world.user = replace(world.user, disabled_at=NOW)
    elif what == "client":
        world.client = replace(world.client, client=replace(world.client.client, disabled_at=NOW))
    elif what == "owner":
        world.client = replace(world.client, owner=a_user(disabled_at=NOW))
    elif what == "organisation":
        world.organisation = replace(world.organisation, disabled_at=NOW)
    elif what == "member":
        world.is_member = False
    else:
        world.organisation = None

    decision = world.exchange(code, by=by)

    assert refusal(decision) == INVALID_GRANT
    assert decision.changes == ()


def test_I5_a_scope_that_the_client_lost_meanwhile_is_not_given() -> None:
    world = a_world()
    code, other = world.agree(), world.agree()

    world.leave_scopes("write", "more")
    tokens = granted(world.exchange(code))
    world.leave_scopes("more")

    assert (tokens.scope, claims_of(tokens)["scope"]) == ("write", "write")
    assert refusal(world.exchange(other)) == ("invalid_grant", 400)


def test_I5_a_grant_that_the_user_revoked_gives_nothing() -> None:
    world = a_world()
    code = world.agree()
    world.apply([RevokeGrant(world.issuer.name, world.grant().id, NOW)])

    assert refusal(world.exchange(code)) == INVALID_GRANT
    assert refusal(world.exchange(code, code_verifier="w" * 43)) == INVALID_GRANT  # and cannot be burned any more


def test_I9_wrong_authentication_leaves_the_code_untouched() -> None:
    world = a_world()
    code = world.agree()

    wrong = authenticate(
        world.issuer.provider,
        a_request(grant_type="authorization_code", secret=WRONG, code=code.reveal()),
        world.client,
        pepper=PEPPER,
        now=NOW,
    )

    assert isinstance(wrong, Refused)
    assert (wrong.code, wrong.status, wrong.changes) == ("invalid_client", 401, ())
    granted(world.exchange(code))


def test_P3_a_verifier_for_a_code_without_a_challenge_is_refused() -> None:
    world = a_world()
    code = world.agree(challenge=None)

    assert refusal(world.exchange(code)) == INVALID_GRANT
    assert refusal(world.exchange(code, code_verifier=None)) == INVALID_GRANT  # whoever took the challenge out has it


def test_a_confidential_client_that_sent_no_challenge_needs_no_verifier() -> None:
    world = a_world("luca")

    granted(world.exchange(world.agree(challenge=None), code_verifier=None))


def test_P1_a_public_client_gets_nothing_for_a_code_without_a_challenge() -> None:
    world = a_world(public=True)

    assert refusal(world.exchange(world.agree(challenge=None), code_verifier=None)) == INVALID_GRANT


def test_a_public_client_proves_itself_by_its_verifier() -> None:
    world = a_world(public=True)

    granted(world.exchange(world.agree()))


@pytest.mark.parametrize("verifier", [None, "w" * 43, "v" * 42, "v" * 129, "v" * 42 + "=", "v" * 43 + "\n", "ø" * 43])
def test_P2_P7_a_wrong_or_missing_verifier_burns_the_code(verifier: str | None) -> None:
    world = a_world()
    code = world.agree()

    first = world.exchange(code, code_verifier=verifier)
    second = world.exchange(code)

    assert refusal(first) == refusal(second) == INVALID_GRANT
    assert world.grant().revoked_at == NOW


@pytest.mark.parametrize(
    ("verifier", "works"),
    [("v" * 43, True), ("-._~" * 32, True), ("v" * 42, False), ("v" * 129, False), ("v" * 43 + "+", False)],
)
def test_P2_a_verifier_has_43_to_128_plain_characters_even_if_it_fits_the_challenge(verifier: str, works: bool) -> None:
    world = a_world()
    challenge = base64url.encode(hashlib.sha256(verifier.encode()).digest()).decode()

    decision = world.exchange(world.agree(challenge=challenge), code_verifier=verifier)

    assert isinstance(decision, Refused) is not works


@pytest.mark.parametrize("sent", [CALLBACK + "/", CALLBACK + "?", CALLBACK.upper(), "https://app.example:443/cb", "x"])
@pytest.mark.parametrize("provider", ["standard", "luca"])
def test_R18_another_redirect_uri_burns_the_code(provider: str, sent: str) -> None:
    world = a_world(provider)
    code = world.agree()

    assert refusal(world.exchange(code, redirect_uri=sent)) == INVALID_GRANT
    assert refusal(world.exchange(code)) == INVALID_GRANT


def test_R18_a_missing_redirect_uri_is_refused_where_it_was_sent_but_for_luca() -> None:
    standard, luca = a_world("standard"), a_world("luca")
    code = standard.agree()

    assert refusal(standard.exchange(code, redirect_uri=None)) == INVALID_GRANT
    assert refusal(standard.exchange(code)) == INVALID_GRANT
    granted(luca.exchange(luca.agree(), redirect_uri=None))


def test_R18_a_public_client_may_never_leave_it_out() -> None:
    world = a_world(replace(PROVIDERS["luca"], refresh=Refresh.ROTATING), public=True)

    assert refusal(world.exchange(world.agree(), redirect_uri=None)) == INVALID_GRANT


def test_R18_where_it_was_not_sent_it_may_be_left_out_or_be_the_right_one() -> None:
    for sent, works in ((None, True), (CALLBACK, True), ("https://evil.example", False)):
        world = a_world()
        decision = world.exchange(world.agree(redirect_sent=False), redirect_uri=sent)
        assert isinstance(decision, Refused) is not works


def test_G4_a_resource_that_is_no_api_leaves_the_code_good() -> None:
    world = a_world()
    code = world.agree()

    assert refusal(world.exchange(code, resource="https://other.example")) == ("invalid_target", 400)
    granted(world.exchange(code, resource="https://id.example/api"))


def test_every_refusal_of_a_code_says_the_same_on_the_wire() -> None:
    world = a_world()
    code = world.agree()
    decisions = [
        world.exchange(mint(Kind.CODE, b"?" * 32)),
        world.exchange(code, by=another_client()),
        world.exchange(code, after=60),
        world.exchange(code, redirect_uri="x"),
        world.exchange(code),
    ]

    assert len({(d.code, d.description) for d in decisions if isinstance(d, Refused)}) == 1
    assert len({d.reason for d in decisions if isinstance(d, Refused)}) == 5
    assert world.client.client.grants == BOTH_GRANTS


def test_a_code_is_not_shown() -> None:
    world = a_world()
    code = world.agree()

    assert isinstance(code, Secret)
    assert code.reveal() not in repr((world.codes, world.exchange(code)))
