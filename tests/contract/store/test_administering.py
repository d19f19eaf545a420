"""What administration changes: once, of one version, in the log, and of what was deleted nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from portvakt.model.audit import Act, Event
from portvakt.model.behalf_change import AddGrant, RevokeGrant
from portvakt.model.change import (
    AddClient,
    AddMember,
    AddOrganisation,
    AddSecret,
    AddUser,
    Applied,
    Change,
    ChangeClient,
    ChangeOrganisation,
    ChangeUser,
    DeleteClient,
    Lost,
    Note,
    RevokeSecret,
    SetAdministrator,
    SetClient,
    SetClientDisabled,
    SetOrganisation,
    SetOrganisationDisabled,
    SetUser,
)
from portvakt.model.nouns import ClientAuthentication, ClientFacts
from portvakt.model.provider import Quota
from portvakt.model.values import ClientId, GrantId, Instant, OrganisationNumber, Seconds, SecretId, UserId
from stored import (
    ACME,
    CLIENT,
    COMPANY,
    GRANT,
    OTHER,
    OWNER,
    SECRET,
    a_client,
    a_code,
    a_grant,
    a_grant_with_a_refresh_token,
    a_refresh_token,
    a_secret,
    a_user,
    an_organisation,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from portvakt.store import Store

T = Instant(200)
NOBODY: Any = "nobody"
EVENT = Event(act=Act.CLIENT_CHANGED, issuer=ACME, id=CLIENT, at=T, client=CLIENT)


@pytest.fixture
async def kept(store: Store) -> Store:
    """A store with a client, its grant to it of a member of an organisation, and what came from that."""
    assert await store.apply(a_grant_with_a_refresh_token()) == Applied()
    return store


async def facts_of(store: Store, client: ClientId = CLIENT) -> ClientFacts:
    facts = await store.client_facts(ACME, client)
    assert facts is not None
    return facts


async def revision(store: Store) -> int:
    def read(connection: Connection) -> int:
        return int(connection.execute(text("SELECT value FROM revision")).scalar_one())

    return await store._database.read(read)


@pytest.mark.parametrize(
    "change",
    [
        ChangeUser(ACME, OWNER, 2),
        ChangeUser(ACME, NOBODY, 1),
        ChangeUser(OTHER, OWNER, 1),
        SetUser(a_user(id=NOBODY)),
        SetUser(a_user(issuer=OTHER)),
        SetClient(a_client(id=NOBODY)),
        SetClient(a_client(issuer=OTHER)),
        SetClient(a_client(owner=NOBODY)),
        DeleteClient(ACME, NOBODY, T),
        DeleteClient(OTHER, CLIENT, T),
        RevokeSecret(ACME, CLIENT, NOBODY, T),
        RevokeSecret(ACME, NOBODY, SECRET, T),
        RevokeSecret(OTHER, CLIENT, SECRET, T),
        ChangeOrganisation(ACME, COMPANY, 2),
        ChangeOrganisation(ACME, NOBODY, 1),
        SetOrganisation(an_organisation(number=NOBODY)),
        SetOrganisation(an_organisation(issuer=OTHER)),
        SetAdministrator(ACME, COMPANY, NOBODY, administrator=True),
        SetAdministrator(ACME, NOBODY, OWNER, administrator=True),
        SetAdministrator(OTHER, COMPANY, OWNER, administrator=True),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_a_lost_change_leaves_nothing_of_its_set_and_no_line_in_the_log(kept: Store, change: Change) -> None:
    assert await kept.apply([Note(EVENT), SetClientDisabled(ACME, CLIENT, T), change]) == Lost(change)

    assert (await facts_of(kept)).client == a_client()
    assert await kept.audit(ACME, before=None, limit=9) == (None, [])


async def test_a_users_locale_and_roles_are_written_and_the_version_counts(kept: Store) -> None:
    changed = a_user(locale="nb", roles=frozenset({"b", "a"}), disabled_at=T)

    assert await kept.apply([ChangeUser(ACME, OWNER, 1), SetUser(changed)]) == Applied()

    assert await kept.user(ACME, OWNER) == a_user(locale="nb", roles=frozenset({"a", "b"}), version=2)


async def test_all_that_a_clients_owner_may_change_is_written(kept: Store) -> None:
    await kept.apply([AddUser(a_user(id=UserId("user_two"), email="two@example.no"))])
    changed = a_client(
        name="Another Ünit",
        description="What it does",
        owner=UserId("user_two"),
        organisation=COMPANY,
        authentication=ClientAuthentication.POST,
        grants=frozenset({"authorization_code"}),
        scopes=("read", "write"),
        default_scopes=("read",),
        redirect_uris=("https://app.example/cb",),
        token_quota=Quota(5, Seconds(60)),
    )

    assert await kept.apply([ChangeClient(ACME, CLIENT, 1), SetClient(replace(changed, disabled_at=T))]) == Applied()

    facts = await facts_of(kept)
    assert facts.client == replace(changed, version=2)
    assert facts.owner.id == "user_two"
    assert facts.organisation == an_organisation()
    assert [each.client.id for each in await kept.find_clients(ACME, "another ÜN", None, 9)] == [CLIENT]
    assert await kept.find_clients(ACME, "One", None, 9) == []


async def test_a_client_is_read_with_its_organisation_wherever_it_is_read(kept: Store) -> None:
    await kept.apply([SetClient(a_client(organisation=COMPANY, token_quota=Quota(1, Seconds(2))))])

    code, token = await kept.code_facts(ACME, a_code().digest), await kept.refresh_facts(ACME, a_refresh_token().digest)
    standing = await kept.standing(ACME, GRANT)

    assert code is not None
    assert token is not None
    facts = await facts_of(kept)
    assert facts.organisation == an_organisation()
    assert facts == code.standing.client == token.standing.client
    assert standing == code.standing
    assert [facts] == await kept.clients(ACME, None, 9)


async def test_a_client_of_an_organisation_that_is_not_there_belongs_to_none(kept: Store) -> None:
    await kept.apply([SetClient(a_client(organisation=OrganisationNumber("0")))])

    facts = await facts_of(kept)
    assert (facts.client.organisation, facts.organisation) == ("0", None)


async def test_a_revoked_secret_stays_and_is_revoked_once(kept: Store) -> None:
    first, again = (RevokeSecret(ACME, CLIENT, SECRET, Instant(moment)) for moment in (200, 300))

    assert await kept.apply([first]) == Applied()
    assert await kept.apply([again]) == Lost(again)

    assert (await facts_of(kept)).secrets == (a_secret(revoked_at=T),)


async def test_an_organisation_gets_another_name_and_its_version_counts(kept: Store) -> None:
    change = SetOrganisation(an_organisation(name="Æra AS", disabled_at=T))

    assert await kept.apply([ChangeOrganisation(ACME, COMPANY, 1), change]) == Applied()

    assert await kept.organisation(ACME, COMPANY) == an_organisation(name="Æra AS", version=2)
    assert await kept.find_organisations(ACME, "æRA", None, 9) == [an_organisation(name="Æra AS", version=2)]


async def test_a_member_becomes_an_administrator_and_is_one_no_more(kept: Store) -> None:
    seen = []
    for administrator in (True, True, False):
        assert await kept.apply([SetAdministrator(ACME, COMPANY, OWNER, administrator)]) == Applied()
        (member,) = await kept.memberships_of(ACME, OWNER)
        seen.append((member.administrator, await kept.administered(ACME, OWNER)))

    assert seen == [(True, {COMPANY}), (True, {COMPANY}), (False, frozenset())]


async def test_G7_of_a_deleted_client_nothing_is_found_and_what_it_holds_is_nobodys(kept: Store) -> None:
    await kept.apply([SetClient(a_client(authentication=ClientAuthentication.NONE, redirect_uris=("https://a/",)))])
    assert await kept.public_redirect_uris(ACME) == {"https://a/"}

    assert await kept.apply([ChangeClient(ACME, CLIENT, 1), DeleteClient(ACME, CLIENT, T)]) == Applied()

    assert await kept.client_facts(ACME, CLIENT) is None
    assert await kept.clients(ACME, None, 9) == await kept.clients(ACME, None, 9, owner=OWNER) == []
    assert await kept.find_clients(ACME, "", None, 9) == []
    assert await kept.code_facts(ACME, a_code().digest) is None
    assert await kept.refresh_facts(ACME, a_refresh_token().digest) is None
    assert await kept.standing(ACME, GRANT) is None
    assert await kept.public_redirect_uris(ACME) == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        DeleteClient(ACME, CLIENT, T),
        AddClient(a_client()),
        ChangeClient(ACME, CLIENT, 1),
        SetClient(a_client()),
        SetClientDisabled(ACME, CLIENT, None),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_a_deleted_client_is_not_changed_and_its_id_is_not_given_again(kept: Store, change: Change) -> None:
    await kept.apply([DeleteClient(ACME, CLIENT, T)])

    assert await kept.apply([change]) == Lost(change)


async def test_two_who_change_one_client_at_once_do_not_both(store: Store, another_store: Store) -> None:
    await store.apply(a_grant_with_a_refresh_token())
    version = ChangeClient(ACME, CLIENT, 1)
    sets: list[list[Change]] = [
        [version, SetClient(a_client(name=f"N{turn}")), Note(replace(EVENT, after={"name": f"N{turn}"}))]
        for turn in range(20)
    ]
    sets[7] = [version, DeleteClient(ACME, CLIENT, T), Note(replace(EVENT, after={"name": ""}))]

    nodes = [store, another_store]
    outcomes = await asyncio.gather(*(nodes[turn % 2].apply(each) for turn, each in enumerate(sets)))

    assert (outcomes.count(Applied()), outcomes.count(Lost(version))) == (1, 19)
    facts = await store.client_facts(ACME, CLIENT)
    (entry,) = (await store.audit(ACME, before=None, limit=99))[1]
    assert entry.event.after == {"name": "" if facts is None else facts.client.name}


async def test_a_secret_is_revoked_or_expires_by_whoever_was_first(store: Store, another_store: Store) -> None:
    await store.apply(a_grant_with_a_refresh_token())
    await store.apply([AddSecret(ACME, a_secret(id=SecretId("two")))])
    sets = [[RevokeSecret(ACME, CLIENT, SECRET, Instant(turn))] for turn in range(20)]

    outcomes = await asyncio.gather(*(each.apply(sets[turn]) for turn, each in enumerate([store, another_store] * 10)))

    assert outcomes.count(Applied()) == 1
    revoked = {each.id: each.revoked_at for each in (await facts_of(store)).secrets}
    assert revoked == {SECRET: outcomes.index(Applied()), "two": None}


async def test_a_note_alone_raises_no_revision_and_one_beside_a_change_does(kept: Store) -> None:
    before = await revision(kept)

    assert await kept.apply([Note(EVENT), Note(EVENT)]) == Applied()
    alone = await revision(kept)
    assert await kept.apply([Note(EVENT), SetClientDisabled(ACME, CLIENT, T)]) == Applied()

    assert (alone, await revision(kept)) == (before, before + 1)
    assert len((await kept.audit(ACME, before=None, limit=9))[1]) == 3


async def test_grants_of_a_client_are_told_until_all_are_revoked(kept: Store) -> None:
    others = [a_grant(id=GrantId(f"grant_{turn}")) for turn in range(4)]
    await kept.apply([AddGrant(each) for each in others])
    told = []

    while grants := await kept.grants_of_client(ACME, CLIENT, 2):
        assert await kept.apply([RevokeGrant(ACME, each.id, T) for each in grants]) == Applied()
        told.append(grants)

    assert [len(each) for each in told] == [2, 2, 1]
    assert {each for page in told for each in page} == {a_grant(), *others}
    assert await kept.grants_of_client(OTHER, CLIENT, 9) == await kept.grants_of_client(ACME, NOBODY, 9) == ()


async def test_a_member_of_an_organisation_administers_it_only_while_it_is_enabled(store: Store) -> None:
    numbers = [OrganisationNumber(f"91000000{turn}") for turn in range(4)]
    await store.apply([AddUser(a_user()), *(AddOrganisation(an_organisation(number=each)) for each in numbers)])
    await store.apply([AddMember(ACME, each, OWNER, T) for each in numbers[:3]])
    await store.apply([SetAdministrator(ACME, each, OWNER, administrator=True) for each in numbers[:2]])

    assert await store.administered(ACME, OWNER) == set(numbers[:2])
    await store.apply([SetOrganisationDisabled(ACME, numbers[0], T)])
    assert await store.administered(ACME, OWNER) == {numbers[1]}
    assert [(each.organisation.number, each.administrator) for each in await store.memberships_of(ACME, OWNER)] == [
        (numbers[0], True),
        (numbers[1], True),
        (numbers[2], False),
    ]
    assert await store.administered(OTHER, OWNER) == frozenset()
    assert await store.memberships_of(ACME, UserId("\0")) == ()
