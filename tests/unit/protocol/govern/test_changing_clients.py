"""Decisions that change or delete a client, and that revoke a secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import CLIENT, ISSUER, NOW, PEPPER, a_client, a_secret, a_user, an_issuer
from portvakt.model.audit import Act
from portvakt.model.behalf import Grant
from portvakt.model.change import (
    ChangeClient,
    ChangeOrganisation,
    ChangeUser,
    DeleteClient,
    Note,
    RevokeSecret,
    SetClient,
)
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import ClientAuthentication, ClientFacts, Organisation
from portvakt.model.provider import Quota
from portvakt.model.values import GrantId, Instant, OrganisationNumber, Seconds, SecretId
from portvakt.protocol.ending import end_client_for_good, end_grant
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, Actor
from portvakt.protocol.govern.clients import (
    MOST_CLIENTS,
    Wish,
    change_client,
    create_client,
    delete_client,
    end_grants,
    wish_of,
)
from portvakt.protocol.govern.secrets import IN_USE, RANDOM_OCTETS, NewSecret, revoke_secret
from portvakt.protocol.live import why_client_is_dead
from portvakt.protocol.own_scopes import MANAGE, REVOCATIONS

DEVELOPER = Actor(issuer=ISSUER, user=a_user().id, developer=True)
QUOTA = Quota(5, Seconds(60))


def changed(
    facts: ClientFacts, *, actor: Actor = AT_THE_COMMAND_LINE, **members: Any
) -> Granted[ClientFacts] | Refused:
    wish = replace(wish_of(facts.client), **members)
    return change_client(an_issuer("standard"), facts, wish, actor=actor, now=NOW)


def created(
    wish: Wish, actor: Actor = AT_THE_COMMAND_LINE, organisation: Organisation | None = None, held: int = 0
) -> Granted[NewSecret] | Refused:
    return create_client(
        an_issuer("standard"),
        wish,
        a_user(),
        actor=actor,
        organisation=organisation,
        held=held,
        pepper=PEPPER,
        random=bytes(RANDOM_OCTETS),
        now=NOW,
    )


def test_a_change_is_one_set_that_tells_only_what_differs() -> None:
    facts = a_client()

    decision = changed(facts, name="Another", token_quota=QUOTA)

    assert isinstance(decision, Granted)
    assert decision.answer.client.name == "Another"
    assert decision.answer.client.version == 2
    version, written, note = decision.changes
    assert version == ChangeClient(ISSUER, CLIENT, 1)
    assert written == SetClient(replace(facts.client, name="Another", token_quota=QUOTA))
    assert isinstance(note, Note)
    assert note.event.act is Act.CLIENT_CHANGED
    assert note.event.before == {"name": facts.client.name, "token_quota": None}
    assert note.event.after == {"name": "Another", "token_quota": "5 in 60 s"}


def test_a_change_that_changes_nothing_is_none() -> None:
    decision = changed(a_client())

    assert isinstance(decision, Granted)
    assert decision.changes == ()


@pytest.mark.parametrize(
    "members",
    [
        {"name": ""},
        {"scopes": ("a b",)},
        {"scopes": ("a", "a")},
        {"scopes": tuple(f"s{number}" for number in range(101))},
        {"default_scopes": ("not one of its scopes",)},
        {"redirect_uris": ("http://example.com/cb",)},
        {"grants": ("implicit",)},
        {"authentication": ClientAuthentication.NONE},
        {"authentication": ClientAuthentication.NONE, "grants": (), "redirect_uris": ("https://app.example/cb",)},
        {"token_quota": Quota(0, Seconds(60))},
        {"token_quota": Quota(1, Seconds(86_401))},
    ],
)
def test_Z3_what_counts_is_the_whole_that_a_change_leads_to(members: dict[str, Any]) -> None:
    decision = changed(a_client(), **members)

    assert isinstance(decision, Refused)
    assert decision.changes == ()
    assert decision.description


@pytest.mark.parametrize("members", [{"scopes": (REVOCATIONS,)}, {"token_quota": QUOTA}])
def test_Z2_only_an_operator_gives_the_servers_own_scopes_and_quotas(members: dict[str, Any]) -> None:
    facts = a_client()

    assert isinstance(changed(facts, actor=DEVELOPER, **members), Refused)
    assert isinstance(created(Wish(name="x", **members), DEVELOPER), Refused)
    assert isinstance(changed(facts, **members), Granted)


def test_Z2_a_developer_keeps_what_an_operator_gave_and_may_administer_by_program() -> None:
    given = changed(a_client(), scopes=(REVOCATIONS,), token_quota=QUOTA)
    assert isinstance(given, Granted)

    assert isinstance(changed(given.answer, actor=DEVELOPER, name="Renamed"), Granted)
    assert isinstance(changed(given.answer, actor=DEVELOPER, token_quota=None), Refused)
    assert isinstance(created(Wish(name="x", scopes=(MANAGE,)), DEVELOPER), Granted)


def test_a_client_of_an_organisation_is_told_of_to_that_organisation() -> None:
    acme = Organisation(issuer=ISSUER, number=OrganisationNumber("123456789"), name="Acme", created_at=NOW)

    decision = created(Wish(name="x"), organisation=acme)

    assert isinstance(decision, Granted)
    assert decision.answer.facts.client.organisation == acme.number
    notes = [change.event for change in decision.changes if isinstance(change, Note)]
    assert [note.act for note in notes] == [Act.CLIENT_CREATED, Act.SECRET_CREATED]
    assert {(note.user, note.organisation) for note in notes} == {(None, acme.number)}


def test_G7_a_client_of_an_organisation_lives_as_long_as_that_does() -> None:
    acme = Organisation(issuer=ISSUER, number=OrganisationNumber("123456789"), name="Acme", created_at=NOW)
    mine = a_client()
    facts = replace(mine, client=replace(mine.client, organisation=acme.number), organisation=acme)

    assert not why_client_is_dead(replace(facts, owner=replace(facts.owner, disabled_at=NOW)))
    assert why_client_is_dead(replace(facts, organisation=replace(acme, disabled_at=NOW)))
    assert why_client_is_dead(replace(facts, organisation=None))


def test_Z7_a_deleted_client_is_told_to_the_guards() -> None:
    decision = delete_client(a_client(), now=NOW)

    version, deletion, told, note = decision.changes
    assert version == ChangeClient(ISSUER, CLIENT, 1)
    assert deletion == DeleteClient(ISSUER, CLIENT, NOW)
    assert told == end_client_for_good(ISSUER, CLIENT, NOW)
    assert isinstance(note, Note)
    assert note.event.act is Act.CLIENT_DELETED


def test_what_users_gave_a_client_ends_with_it() -> None:
    grant = Grant(
        issuer=ISSUER,
        id=GrantId("grant_1"),
        user_id=a_user().id,
        client_id=CLIENT,
        organisation=None,
        scopes=(),
        created_at=NOW,
    )
    issuer = an_issuer("standard")

    assert end_grants(issuer, [grant], now=NOW).changes == end_grant(issuer, grant, NOW)


def test_a_secret_is_revoked_at_once() -> None:
    facts = a_client(a_secret(id_random=b"a" * 32), a_secret(id_random=b"b" * 32))
    first, _second = facts.secrets

    decision = revoke_secret(facts, first.id, forced=False, now=NOW)

    assert isinstance(decision, Granted)
    assert [secret.revoked_at for secret in decision.answer.secrets] == [NOW, None]
    assert decision.changes[:2] == (ChangeClient(ISSUER, CLIENT, 1), RevokeSecret(ISSUER, CLIENT, first.id, NOW))
    again = revoke_secret(decision.answer, first.id, forced=False, now=NOW)
    assert isinstance(again, Granted)
    assert again.changes == ()
    unknown = revoke_secret(facts, SecretId("sec_x"), forced=True, now=NOW)
    assert isinstance(unknown, Refused)
    assert unknown.status == 404


@pytest.mark.parametrize(
    ("used", "ended", "forced", "works"),
    [
        (NOW, False, False, False),
        (NOW - IN_USE, False, False, False),
        (NOW - IN_USE - 1, False, False, True),
        (NOW + 5, False, False, False),  # another node's clock
        (NOW, True, False, True),  # nobody can use it any more
        (NOW, False, True, True),
    ],
)
def test_a_secret_in_use_is_revoked_only_by_force(used: int, ended: bool, forced: bool, works: bool) -> None:
    end = Instant(NOW) if ended else None
    secret = replace(a_secret(expires_at=end), last_used_at=Instant(used))

    decision = revoke_secret(a_client(secret), secret.id, forced=forced, now=NOW)

    assert isinstance(decision, Granted) is works
    if isinstance(decision, Refused):
        assert decision.status == 409
        assert decision.changes == ()


def test_all_but_operators_have_so_many_clients_and_two_of_them_make_no_last_one_together() -> None:
    wish = Wish(name="One more")
    company = Organisation(issuer=ISSUER, number=OrganisationNumber("123456789"), name="Acme", created_at=NOW)

    last, of_company = created(wish, DEVELOPER, held=MOST_CLIENTS - 1), created(wish, DEVELOPER, company)
    one_more, operators = created(wish, DEVELOPER, held=MOST_CLIENTS), created(wish, held=MOST_CLIENTS)

    assert isinstance(last, Granted)
    assert last.changes[0] == ChangeUser(ISSUER, a_user().id, 1)
    assert of_company.changes[0] == ChangeOrganisation(ISSUER, company.number, 1)
    assert (isinstance(one_more, Refused) and one_more.status, isinstance(operators, Granted)) == (409, True)
