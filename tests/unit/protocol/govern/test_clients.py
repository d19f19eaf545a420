"""Decisions about clients and their secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import CLIENT, ISSUER, NOW, PEPPER, a_client, a_secret, a_user, an_issuer
from portvakt.model.change import AddClient, AddSecret, Change, ChangeClient, ExpireSecret, Note, SetClientDisabled
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import ClientAuthentication, ClientFacts
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.credentials import digest
from portvakt.protocol.ending import begin_client, end_client
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, Actor
from portvakt.protocol.govern.clients import (
    DESCRIPTION_CHARACTERS,
    NAME_CHARACTERS,
    Wish,
    create_client,
    set_enabled,
)
from portvakt.protocol.govern.secrets import LIVE_SECRETS, MADE_IN_A_DAY, RANDOM_OCTETS, NewSecret, rotate_secret

OWNER = Actor(issuer=ISSUER, user=a_user().id, developer=True)
RANDOM = bytes(range(RANDOM_OCTETS))


def unlogged(decision: Granted[object]) -> tuple[Change, ...]:
    """Return the changes of a decision without the lines of the log."""
    return tuple(change for change in decision.changes if not isinstance(change, Note))


def switched(facts: ClientFacts, actor: Actor = AT_THE_COMMAND_LINE, *, enabled: bool) -> Granted[ClientFacts]:
    decision = set_enabled(facts, enabled=enabled, actor=actor, now=NOW)
    assert isinstance(decision, Granted)
    return decision


def created(wish: Wish, provider: str = "standard") -> Granted[NewSecret] | Refused:
    return create_client(
        an_issuer(provider), wish, a_user(), actor=AT_THE_COMMAND_LINE, pepper=PEPPER, random=RANDOM, now=NOW
    )


def rotated(facts: ClientFacts, grace: int = 3600, expires_in: int | None = None) -> Granted[NewSecret] | Refused:
    return rotate_secret(
        facts,
        grace=Seconds(grace),
        expires_in=None if expires_in is None else Seconds(expires_in),
        pepper=PEPPER,
        random=RANDOM,
        now=NOW,
    )


def test_a_new_client_gets_an_id_of_its_provider_and_one_dated_secret() -> None:
    decision = created(Wish(name="My program"), "breeze")

    assert isinstance(decision, Granted)
    new = decision.answer
    assert new.facts.client.id.startswith("oauth_")
    assert new.secret is not None
    (row,) = new.facts.secrets
    assert row.digest == digest(PEPPER, new.secret)
    assert row.expires_at == NOW + 180 * 86400
    assert unlogged(decision) == (AddClient(new.facts.client), AddSecret(ISSUER, row))


def test_a_public_client_gets_no_secret() -> None:
    uris = ("https://app.example/cb",)
    decision = created(Wish(name="An app", authentication=ClientAuthentication.NONE, redirect_uris=uris))

    assert isinstance(decision, Granted)
    assert decision.answer.secret is None
    assert decision.answer.facts.secrets == ()
    assert unlogged(decision) == (AddClient(decision.answer.facts.client),)


def test_a_secret_may_have_no_end() -> None:
    decision = created(Wish(name="x", expires_in=None))

    assert isinstance(decision, Granted)
    assert decision.answer.facts.secrets[0].expires_at is None


@pytest.mark.parametrize(
    "wish",
    [
        Wish(name=""),
        Wish(name="  "),
        Wish(name=" x"),
        Wish(name="x" * (NAME_CHARACTERS + 1)),
        Wish(name="a\nb"),
        Wish(name="a\u202eb"),
        Wish(name="x", description="x" * (DESCRIPTION_CHARACTERS + 1)),
        Wish(name="x", description="\x00"),
        Wish(name="x", expires_in=Seconds(0)),
        Wish(name="x", scopes=("a b",)),
        Wish(name="x", scopes=("",)),
        Wish(name="x", scopes=('"',)),
        Wish(name="x", scopes=("read",), default_scopes=("write",)),
    ],
)
def test_W2_a_client_that_cannot_be_is_refused_with_what_to_mend(wish: Wish) -> None:
    outcome = created(wish)

    assert isinstance(outcome, Refused)
    assert outcome.code == "invalid_request"
    assert outcome.description


@pytest.mark.parametrize(
    ("provider", "scope", "works"), [("breeze", "x", False), ("luca", "x", False), ("luca", "accounting", True)]
)
def test_a_client_has_only_scopes_that_its_provider_has(provider: str, scope: str, works: bool) -> None:
    uris = ("https://app.example/cb",) if provider == "luca" else ()
    outcome = created(Wish(name="x", scopes=(scope,), redirect_uris=uris), provider)

    assert isinstance(outcome, Granted) is works
    known = {"breeze": "Breeze knows no scopes.", "luca": "Luca Regnskap knows these scopes: accounting."}
    assert works or (isinstance(outcome, Refused) and outcome.description == known[provider])


def test_rotation_overlaps_until_the_earlier_of_grace_and_own_end() -> None:
    soon, late, never, revoked = (
        a_secret(expires_at=Instant(NOW + 60), id_random=b"a" * 32),
        a_secret(expires_at=Instant(NOW + 10**6), id_random=b"b" * 32),
        a_secret(id_random=b"c" * 32),
        a_secret(revoked_at=NOW, id_random=b"d" * 32),
    )

    decision = rotated(a_client(soon, late, never, revoked))

    assert isinstance(decision, Granted)
    end = NOW + 3600
    new = decision.answer.facts
    assert [secret.expires_at for secret in new.secrets] == [NOW + 60, end, end, None, None]
    assert unlogged(decision) == (
        ChangeClient(ISSUER, CLIENT, 1),
        ExpireSecret(ISSUER, CLIENT, late.id, Instant(end)),
        ExpireSecret(ISSUER, CLIENT, never.id, Instant(end)),
        AddSecret(ISSUER, new.secrets[-1]),
    )
    assert new.client.version == 2


def test_rotation_without_overlap_ends_the_old_secret_now() -> None:
    decision = rotated(a_client(), grace=0)

    assert isinstance(decision, Granted)
    assert decision.answer.facts.secrets[0].expires_at == NOW


def test_Z6_a_client_has_at_most_five_live_secrets() -> None:
    secrets = [a_secret(id_random=bytes([n]) * 32) for n in range(LIVE_SECRETS)]

    outcome = rotated(a_client(*secrets))
    without_overlap = rotated(a_client(*secrets), grace=0)

    assert isinstance(outcome, Refused)
    assert "5 live secrets" in outcome.description
    assert isinstance(without_overlap, Granted)


def test_Z6_a_client_is_not_filled_with_secrets_that_have_ended() -> None:
    made = [a_secret(id_random=bytes([n]) * 32, revoked_at=NOW) for n in range(MADE_IN_A_DAY)]
    a_day_ago = replace(made[0], created_at=Instant(NOW - 86_400))

    too_often = rotated(a_client(*made), grace=0)
    again = rotated(a_client(a_day_ago, *made[1:]), grace=0)

    assert isinstance(too_often, Refused)
    assert (too_often.status, "50 secrets within a day" in too_often.description) == (409, True)
    assert isinstance(again, Granted)


@pytest.mark.parametrize(("grace", "expires_in"), [(-1, None), (7 * 86400 + 1, None), (0, 0)])
def test_a_rotation_that_makes_no_sense_is_refused(grace: int, expires_in: int | None) -> None:
    assert isinstance(rotated(a_client(), grace, expires_in), Refused)


def test_a_public_client_has_nothing_to_rotate() -> None:
    assert isinstance(rotated(a_client(authentication=ClientAuthentication.NONE)), Refused)


def test_disabling_and_enabling_is_one_change_and_nothing_when_it_is_so_already() -> None:
    enabled = a_client()
    disabled = replace(enabled, client=replace(enabled.client, disabled_at=NOW))

    off = switched(enabled, enabled=False)
    on = switched(disabled, enabled=True)

    assert unlogged(off) == (
        ChangeClient(ISSUER, CLIENT, 1),
        SetClientDisabled(ISSUER, CLIENT, NOW, by_operator=True),
        end_client(ISSUER, CLIENT, NOW),
    )
    assert off.answer.client.disabled_at == NOW
    assert unlogged(on) == (
        ChangeClient(ISSUER, CLIENT, 1),
        SetClientDisabled(ISSUER, CLIENT, None),
        *begin_client(ISSUER, CLIENT, NOW, NOW),
    )
    assert on.answer.client.disabled_at is None
    assert switched(enabled, enabled=True).changes == ()
    assert switched(off.answer, enabled=False).changes == ()
    assert switched(off.answer, OWNER, enabled=False).changes == ()
    assert switched(disabled, OWNER, enabled=False).changes == ()


def test_Z2_what_an_operator_disabled_only_an_operator_enables() -> None:
    by_owner = switched(a_client(), OWNER, enabled=False).answer
    by_operator = switched(a_client(), enabled=False).answer

    refused = set_enabled(by_operator, enabled=True, actor=OWNER, now=NOW)
    again = switched(by_operator, enabled=True).answer.client

    assert isinstance(refused, Refused)
    assert (refused.status, "ask them" in refused.description) == (403, True)
    for actor in (OWNER, AT_THE_COMMAND_LINE):
        assert switched(by_owner, actor, enabled=True).answer.client.disabled_at is None
    assert (again.disabled_at, again.disabled_by_operator) == (None, False)


def test_Z2_an_operator_takes_over_what_its_owner_disabled_and_guards_hear_nothing_new() -> None:
    by_owner = switched(a_client(), OWNER, enabled=False).answer
    later = Instant(NOW + 500)

    taken = set_enabled(by_owner, enabled=False, actor=AT_THE_COMMAND_LINE, now=later)

    assert isinstance(taken, Granted)
    change, disabled, note = taken.changes
    assert (change, disabled) == (ChangeClient(ISSUER, CLIENT, 2), SetClientDisabled(ISSUER, CLIENT, NOW, True))
    assert isinstance(note, Note)
    assert (note.event.before, note.event.after) == ({"disabled_by": "owner"}, {"disabled_by": "operator"})
    assert isinstance(set_enabled(taken.answer, enabled=True, actor=OWNER, now=later), Refused)


def test_G7_a_client_that_is_enabled_while_its_owner_is_disabled_begins_again_only_with_them() -> None:
    facts = a_client()
    disabled = replace(
        facts, client=replace(facts.client, disabled_at=NOW), owner=replace(facts.owner, disabled_at=NOW)
    )

    on = switched(disabled, enabled=True)

    assert unlogged(on) == (ChangeClient(ISSUER, CLIENT, 1), SetClientDisabled(ISSUER, CLIENT, None))


def test_a_client_with_redirect_uris_may_act_for_users_where_the_provider_has_that() -> None:
    uris = ("https://app.example/cb", "http://127.0.0.1/cb")
    expected = {
        "standard": {"authorization_code", "refresh_token", "client_credentials"},
        "luca": {"authorization_code", "refresh_token"},
    }

    for provider, grants in expected.items():
        decision = created(Wish(name="x", redirect_uris=uris), provider)
        assert isinstance(decision, Granted)
        assert decision.answer.facts.client.redirect_uris == uris
        assert decision.answer.facts.client.grants == grants


def test_a_client_without_redirect_uris_acts_for_itself_alone() -> None:
    decision = created(Wish(name="x"))

    assert isinstance(decision, Granted)
    assert decision.answer.facts.client.grants == {"client_credentials"}


@pytest.mark.parametrize(
    ("provider", "wish", "advice"),
    [
        ("luca", Wish(name="x"), "Give at least one redirect URI: this issuer's clients act for users."),
        ("luca", Wish(name="x", scopes=("portvakt:manage",)), "Give at least one redirect URI"),
        ("standard", Wish(name="x", authentication=ClientAuthentication.NONE), "Give at least one redirect URI: a"),
        ("breeze", Wish(name="x", authentication=ClientAuthentication.NONE), "Breeze has no public clients"),
    ],
)
def test_a_client_with_no_grant_is_refused_with_what_to_give(provider: str, wish: Wish, advice: str) -> None:
    decision = created(wish, provider)

    assert isinstance(decision, Refused)
    assert (decision.status, decision.description[: len(advice)]) == (400, advice)


def test_a_public_client_has_no_tokens_of_its_own_and_may_have_a_scheme_of_its_own() -> None:
    decision = created(Wish(name="x", authentication=ClientAuthentication.NONE, redirect_uris=("com.example.app:/cb",)))

    assert isinstance(decision, Granted)
    assert decision.answer.facts.client.grants == {"authorization_code", "refresh_token"}


def test_an_issuer_with_static_refresh_tokens_registers_no_public_client() -> None:
    decision = created(
        Wish(name="x", authentication=ClientAuthentication.NONE, redirect_uris=("https://app.example/cb",)), "luca"
    )

    assert isinstance(decision, Refused)
    assert "public" in decision.description


@pytest.mark.parametrize(
    "uri",
    ["http://app.example/cb", "javascript:alert(1)", "https://app.example/*", "https://a@b/cb", "com.example.app:/cb"],
)
def test_R12_R13_R14_a_client_is_not_registered_with_a_redirect_uri_that_is_not_allowed(uri: str) -> None:
    decision = created(Wish(name="x", redirect_uris=("https://app.example/cb", uri)))

    assert isinstance(decision, Refused)
    assert (decision.code, decision.changes) == ("invalid_request", ())
    assert "redirect URI" in decision.description


@pytest.mark.parametrize(
    ("provider", "uris"),
    [
        ("breeze", ("https://app.example/cb",)),
        ("standard", ("https://app.example/cb",) * 2),
        ("standard", tuple(f"https://app.example/{n}" for n in range(51))),
        ("standard", tuple(f"https://app.example/{n}".ljust(1_000, "a") for n in range(9))),
    ],
)
def test_redirect_uris_are_few_different_and_for_providers_that_have_users(
    provider: str, uris: tuple[str, ...]
) -> None:
    assert isinstance(created(Wish(name="x", redirect_uris=uris), provider), Refused)


def test_the_servers_own_scopes_may_be_given_at_every_issuer() -> None:
    for provider in ("luca", "breeze", "standard"):
        assert isinstance(
            created(Wish(name="x", scopes=("portvakt:introspect", "portvakt:revocations")), provider), Granted
        )


def test_a_client_may_be_held_to_fewer_grant_types_than_fit() -> None:
    wish = Wish(name="x", redirect_uris=("https://app.example/cb",), grants=("authorization_code",))

    decision = created(wish)

    assert isinstance(decision, Granted)
    assert decision.answer.facts.client.grants == {"authorization_code"}


@pytest.mark.parametrize(
    ("wish", "provider"),
    [
        (Wish(name="x", grants=("authorization_code",)), "standard"),
        (Wish(name="x", grants=("password",)), "standard"),
        (Wish(name="x", redirect_uris=("https://app.example/cb",), grants=("client_credentials",)), "luca"),
        (Wish(name="x", grants=("refresh_token",)), "luca"),
        (Wish(name="x", authentication=ClientAuthentication.NONE, grants=("client_credentials",)), "standard"),
    ],
)
def test_T20_grant_types_that_do_not_fit_are_refused(wish: Wish, provider: str) -> None:
    decision = created(wish, provider)

    assert isinstance(decision, Refused)
    assert "may use" in decision.description
