"""A token that is shown to its issuer: to be revoked (RFC 7009), or to be asked about (RFC 7662)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from behalf_store import NUMBER, World, a_world, another_client, granted, refusal, successor_of
from builders import NOW, PEPPER, a_client, a_key_pair, a_signer, a_user, an_issuer
from portvakt.jose.keys import generate
from portvakt.model.behalf_change import AddRevocation, RevokeFamily, RevokeGrant
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import Algorithm
from portvakt.model.values import Instant, Secret
from portvakt.protocol.answer.introspect import INACTIVE, introspect
from portvakt.protocol.answer.presented import AccessFacts, Presented, read_access_token
from portvakt.protocol.answer.revoke import revoke
from portvakt.protocol.answer.token import Authenticated
from portvakt.protocol.credentials import Kind, mint, opaque_digest
from portvakt.protocol.own_scopes import INTROSPECT
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = (a_key_pair().public,)


def shown(world: World, token: Secret | str, *, after: int = 0, taken_back: bool = False) -> Presented:
    """Find what a token is, as the server does."""
    text = Secret(token) if isinstance(token, str) else token
    digest = opaque_digest(Kind.REFRESH_TOKEN, PEPPER, text)
    if digest is not None:
        return world.refresh_facts(digest)
    found = read_access_token(world.issuer, KEYS, text.reveal(), Instant(NOW + after))
    if found is None:
        return None
    grant = world.grants.get(found.grant_id or "")
    return AccessFacts(found, world.standing(grant) if grant else None, world.client, taken_back=taken_back)


def own(world: World) -> Authenticated:
    return world.authenticated(world.request("", {}))


def revoked(
    world: World, token: Secret | str, by: Authenticated | None = None, *, after: int = 0
) -> Granted[None] | Refused:
    decision = revoke(world.issuer, by or own(world), shown(world, token, after=after), now=Instant(NOW + after))
    world.apply(decision.changes)
    return decision


def told(world: World, token: Secret | str, by: Authenticated | None = None, *, after: int = 0) -> Mapping[str, object]:
    decision = introspect(world.issuer, by or own(world), shown(world, token, after=after), now=Instant(NOW + after))
    assert isinstance(decision, Granted)
    assert decision.changes == ()
    return decision.answer


def an_api(*scopes: str) -> Authenticated:
    facts = another_client().facts
    return Authenticated(replace(facts, client=replace(facts.client, scopes=scopes)), facts.secrets[0])


def a_grant_in_use(world: World) -> tuple[Secret, Secret]:
    tokens = granted(world.exchange(world.agree()))
    assert tokens.refresh_token is not None
    return tokens.refresh_token, tokens.access_token


def own_token(world: World) -> Secret:
    """A client's own access token."""
    from portvakt.protocol.answer.access_token import client_claims, tokens_for

    claims = client_claims(world.issuer, world.client, ("read",), jti="j", now=NOW)
    return tokens_for(world.issuer, claims, signer=a_signer(world.issuer.provider), expires_in=600).access_token


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", mint(Kind.REFRESH_TOKEN, b"?" * 32).reveal(), mint(Kind.CODE, b"?" * 32).reveal(), "é" * 20_000],
)
def test_V1_a_token_that_is_none_has_ended(token: str) -> None:
    world = a_world()

    assert revoked(world, token) == Granted(None)
    assert told(world, token) == {"active": False}


def test_V1_an_expired_token_has_ended() -> None:
    world = a_world()
    refresh, access = a_grant_in_use(world)

    assert revoked(world, access, after=600) == Granted(None)
    assert world.grant().revoked_at is None
    assert told(world, access, after=600) == INACTIVE
    assert told(world, refresh, after=30 * 86400) == INACTIVE


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("provider", ["standard", "luca"])
def test_V2_V5_either_token_ends_the_whole_grant(provider: str, which: int) -> None:
    world = a_world(provider)
    tokens = a_grant_in_use(world)

    decision = revoked(world, tokens[which])

    assert isinstance(decision, Granted)
    assert {RevokeGrant, AddRevocation} <= {type(change) for change in decision.changes}
    assert refusal(world.refresh(tokens[0])) == ("invalid_grant", 400)
    assert [told(world, token) for token in tokens] == [INACTIVE, INACTIVE]
    assert revoked(world, tokens[which]).changes == ()


def test_a_token_that_was_rotated_away_still_ends_its_family() -> None:
    world = a_world()
    old, _ = a_grant_in_use(world)
    new = successor_of(world.refresh(old))

    assert any(isinstance(change, RevokeFamily) for change in revoked(world, old).changes)
    assert refusal(world.refresh(new)) == ("invalid_grant", 400)


@pytest.mark.parametrize("which", [0, 1])
def test_V3_a_token_of_another_client_is_refused_and_left_as_it_is(which: int) -> None:
    world = a_world()
    tokens = a_grant_in_use(world)

    decision = revoked(world, tokens[which], another_client())

    assert isinstance(decision, Refused)
    assert (decision.code, decision.status, decision.changes) == ("invalid_grant", 400, ())
    assert told(world, tokens[which])["active"] is True
    assert decision.description.isascii()


def test_V6_a_public_client_revokes_its_own_tokens_and_asks_about_none() -> None:
    world = a_world(public=True)
    refresh, _ = a_grant_in_use(world)

    outcome = introspect(world.issuer, own(world), shown(world, refresh), now=NOW)

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.status) == ("invalid_client", 401)
    assert isinstance(revoked(world, refresh, another_client()), Refused)
    assert revoked(world, refresh).changes


def test_a_clients_own_token_is_not_revoked() -> None:
    world = a_world()
    token = own_token(world)

    decision = revoked(world, token)

    assert isinstance(decision, Refused)
    assert (decision.code, decision.status) == ("unsupported_token_type", 400)
    assert isinstance(revoked(world, token, another_client()), Refused)


def test_a_token_of_a_grant_that_is_gone_has_ended() -> None:
    world = a_world()
    _, access = a_grant_in_use(world)
    world.grants.clear()

    assert revoked(world, access) == Granted(None)
    assert told(world, access) == INACTIVE


def test_N1_a_client_that_proves_nothing_learns_nothing_of_any_token() -> None:
    world = a_world(public=True)

    for token in ("x", a_grant_in_use(world)[1]):
        outcome = introspect(world.issuer, own(world), shown(world, token), now=NOW)
        assert outcome == Refused("invalid_client", PROVIDERS["standard"].wrong_credentials_text, 401)


def test_an_access_token_is_told_of_to_its_client_and_to_an_api() -> None:
    world = a_world()
    world.user = a_user(roles=frozenset({"r"}))
    _, access = a_grant_in_use(world)

    for caller in (own(world), an_api(INTROSPECT)):
        answer = dict(told(world, access, caller))
        assert isinstance(answer.pop("jti"), str)
        assert answer == {
            "active": True,
            "token_type": "Bearer",
            "scope": "read write",
            "client_id": "client_abc",
            "exp": NOW + 600,
            "iat": NOW,
            "sub": "user_abc",
            "aud": "https://id.example/api",
            "iss": "https://id.example",
            "organisation_number": NUMBER,
            "roles": ["r"],
        }


def test_a_clients_own_token_is_told_of_while_the_client_lives() -> None:
    world = a_world()
    token, caller = own_token(world), an_api(INTROSPECT)

    assert told(world, token, caller)["sub"] == "client_abc"

    world.client = replace(world.client, client=replace(world.client.client, disabled_at=NOW))
    assert told(world, token, caller) == INACTIVE


def test_a_refresh_token_is_told_of_to_its_client() -> None:
    world, static = a_world("standard"), a_world("luca")
    refresh, _ = a_grant_in_use(world)
    lasting, _ = a_grant_in_use(static)

    assert told(world, refresh) == {
        "active": True,
        "scope": "read write",
        "client_id": "client_abc",
        "sub": "user_abc",
        "iss": "https://id.example",
        "iat": NOW,
        "exp": NOW + 30 * 86400,
    }
    assert "exp" not in told(static, lasting, after=10**9)


def test_a_scope_that_the_client_lost_is_told_of_no_token() -> None:
    world = a_world()
    refresh, access = a_grant_in_use(world)
    own_one = own_token(world)

    world.leave_scopes("write")
    assert [told(world, token)["scope"] for token in (refresh, access)] == ["write", "write"]
    assert told(world, own_one) == INACTIVE  # it held "read" alone
    world.leave_scopes("more")
    assert [told(world, token) for token in (refresh, access)] == [INACTIVE, INACTIVE]


def test_a_token_without_scopes_needs_none() -> None:
    world = a_world()
    tokens = granted(world.exchange(world.agree(scopes=())))

    assert told(world, tokens.access_token)["active"] is True
    assert "scope" not in told(world, tokens.access_token)


def test_a_refresh_token_that_was_used_revoked_or_has_ended_is_not_active() -> None:
    world = a_world()
    old, _ = a_grant_in_use(world)
    new = successor_of(world.refresh(old))
    family = world.family()

    assert (told(world, old), told(world, new)["active"]) == (INACTIVE, True)
    world.families[family.id] = replace(family, ends_at=NOW)
    assert told(world, new) == INACTIVE
    world.families[family.id] = replace(family, revoked_at=NOW)
    assert told(world, new) == INACTIVE


def test_N3_an_api_learns_nothing_of_refresh_tokens_and_without_its_scope_of_none() -> None:
    world = a_world()
    refresh, access = a_grant_in_use(world)

    assert told(world, refresh, an_api(INTROSPECT)) == INACTIVE
    for scopes in ((), ("read",), (INTROSPECT + "x",), ("introspect",)):
        assert told(world, access, an_api(*scopes)) == INACTIVE


def test_N3_a_token_of_another_issuer_api_key_or_kind_is_not_active() -> None:
    world = a_world()
    refresh, access = a_grant_in_use(world)
    text = access.reveal()

    def read(**changes: object) -> object:
        issuer = replace(world.issuer, **changes)  # type: ignore[arg-type]
        return read_access_token(issuer, KEYS, text, NOW)

    assert read() is not None
    assert read(url="https://other.example") is None
    assert read(audience="https://other.example/api") is None
    assert read(provider=PROVIDERS["breeze"]) is None
    assert read_access_token(world.issuer, (generate(Algorithm.ES256).public,), text, NOW) is None
    assert read_access_token(world.issuer, KEYS, text[:-4], NOW) is None
    assert read_access_token(world.issuer, KEYS, refresh.reveal(), NOW) is None


@pytest.mark.parametrize("name", ["client_id", "sub", "iat", "exp"])
@pytest.mark.parametrize("wrong", [None, 1.5])
def test_a_token_without_client_subject_beginning_or_end_is_none(name: str, wrong: float | None) -> None:
    issuer = an_issuer()
    usual = {"client_id": "c", "sub": "c", "iat": NOW, "exp": NOW + 1}
    claims: dict[str, object] = {"iss": issuer.url, "aud": issuer.audience, **usual, name: wrong}
    token = a_signer(issuer.provider).sign({name: value for name, value in claims.items() if value is not None})

    assert read_access_token(issuer, KEYS, token, NOW) is None


def test_G7_an_access_token_that_guards_refuse_for_what_it_names_is_not_active_and_can_be_revoked() -> None:
    world = a_world()
    _, access = a_grant_in_use(world)

    for token in (access, own_token(world)):
        facts = shown(world, token, taken_back=True)
        assert introspect(world.issuer, own(world), facts, now=NOW) == Granted(INACTIVE)
        assert told(world, token)["active"]
    ended = revoke(world.issuer, own(world), shown(world, access, taken_back=True), now=NOW)
    assert [type(change) for change in ended.changes][:1] == [RevokeGrant]


@pytest.mark.parametrize("what", ["user", "client", "grant", "organisation", "member"])
def test_G7_a_token_whose_user_client_grant_or_company_ended_is_not_active(what: str) -> None:
    world = a_world()
    caller = own(world)
    tokens = a_grant_in_use(world)
    assert world.organisation is not None
    if what == "user":
        world.user = a_user(disabled_at=NOW)
    elif what == "client":
        world.client = replace(world.client, client=replace(world.client.client, disabled_at=NOW))
    elif what == "grant":
        world.apply([RevokeGrant(world.issuer.name, world.grant().id, NOW)])
    elif what == "organisation":
        world.organisation = replace(world.organisation, disabled_at=NOW)
    else:
        world.is_member = False

    assert [told(world, token, caller) for token in tokens] == [INACTIVE, INACTIVE]


def test_a_token_says_itself_what_it_rests_on() -> None:
    world = a_world()
    _, access = a_grant_in_use(world)
    found, bare = shown(world, access), shown(world, own_token(world))

    assert isinstance(found, AccessFacts)
    assert isinstance(bare, AccessFacts)
    assert found.token.grant_id == world.grant().id
    assert bare.token.grant_id is None
    assert "user_abc" not in repr(found.token)
    assert a_client().client.id == found.token.client_id


def test_a_token_for_the_administration_is_told_of_to_its_client_alone() -> None:
    world = a_world()
    world.issuer = replace(world.issuer, administration="https://id.example/admin/api/v1")
    claims = {
        "iss": world.issuer.url,
        "aud": world.issuer.administration,
        "client_id": world.client.client.id,
        "sub": world.client.client.id,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "j",
    }
    token = a_signer(PROVIDERS["standard"]).sign(claims)
    other = another_client()
    api = replace(other.facts, client=replace(other.facts.client, scopes=(INTROSPECT,)))

    assert told(world, token)["aud"] == world.issuer.administration
    assert told(world, token, replace(other, facts=api)) == INACTIVE
