"""What is read of sessions, grants, codes and tokens is what was written, and nothing of another issuer."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from portvakt.model.behalf import (
    ApiKeyFacts,
    CodeFacts,
    Ended,
    RefreshFacts,
    Revocation,
    SessionFacts,
    Standing,
)
from portvakt.model.behalf_change import (
    AddApiKey,
    AddCode,
    AddFamily,
    AddGrant,
    AddRefreshToken,
    AddRevocation,
    AddSession,
    AddTransaction,
    AdvanceFamily,
    RedeemRefreshToken,
    RevokeGrant,
    SetPassword,
)
from portvakt.model.change import (
    AddClient,
    AddMember,
    AddOrganisation,
    AddSecret,
    AddUser,
    Applied,
    Change,
    RemoveMember,
)
from portvakt.model.nouns import ClientFacts
from portvakt.model.values import (
    ApiKeyId,
    ClientId,
    FamilyId,
    GrantId,
    Instant,
    IssuerName,
    OrganisationNumber,
    SecretId,
    SessionId,
    TransactionId,
    UserId,
)
from portvakt.store.behalf_reads import FIRST_REVOCATION
from portvakt.store.behalf_rows import TABLES
from stored import (
    ACME,
    API_KEY,
    CLIENT,
    COMPANY,
    FAMILY,
    GRANT,
    OTHER,
    OWNER,
    SESSION,
    TRANSACTION,
    a_client,
    a_client_with_a_secret,
    a_code,
    a_family,
    a_grant,
    a_grant_with_a_code,
    a_grant_with_a_refresh_token,
    a_password,
    a_refresh_token,
    a_secret,
    a_session,
    a_transaction,
    a_user,
    an_api_key,
    an_organisation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portvakt.store import Store

NASTY = "' \" ; -- \\ %' OR 1=1 /* {x} :y %s %(z)s ? $1 \x01 æøå 🗝 \u2028 </script>"
ONE_KEY = bytes([1]) * 32
UNSPEAKABLE: list[Any] = ["", "a\0b", "\ud800", "x" * 256, "a b", "a'b", "æ"]
NO_DIGEST: list[Any] = [b"", b"d" * 31, b"d" * 33, "d" * 32, None]


async def applied(store: Store, changes: Iterable[Change]) -> None:
    assert await store.apply(list(changes)) == Applied()


def the_standing(**changed: Any) -> Standing:
    client = ClientFacts(client=a_client(), owner=a_user(), secrets=(a_secret(),))
    standing = Standing(client=client, user=a_user(), grant=a_grant(), organisation=an_organisation(), is_member=True)
    return replace(standing, **changed)


def test_a_nouns_members_are_its_tables_columns() -> None:
    assert {kind.__name__: {column.name for column in table.columns} for kind, table in TABLES.items()} == {
        kind.__name__: {member.name for member in fields(kind)} for kind in TABLES
    }


async def test_a_user_has_a_locale_and_a_client_its_redirect_uris(store: Store) -> None:
    uris = ("https://app.example/cb?x=1", "http://127.0.0.1/cb")
    await applied(store, [AddUser(a_user(locale="nb")), AddClient(a_client(redirect_uris=uris))])

    facts = await store.client_facts(ACME, CLIENT)

    assert facts == ClientFacts(client=a_client(redirect_uris=uris), owner=a_user(locale="nb"))


async def test_a_code_is_read_with_all_that_it_rests_on(store: Store) -> None:
    await applied(store, a_grant_with_a_code())

    assert await store.code_facts(ACME, a_code().digest) == CodeFacts(code=a_code(), standing=the_standing())


async def test_a_code_is_read_with_every_family_that_came_from_it_and_every_secret_once(store: Store) -> None:
    families = (a_family(), a_family(id=FamilyId("family_two"), created_at=Instant(71), ends_at=None))
    secrets = (a_secret(id=SecretId("older"), created_at=Instant(1)), a_secret())
    await applied(store, a_grant_with_a_code())
    await applied(store, [AddSecret(ACME, secrets[0]), *(AddFamily(each) for each in families)])

    facts = await store.code_facts(ACME, a_code().digest)

    assert facts is not None
    assert facts.families == families
    assert facts.standing.client.secrets == secrets


async def test_the_users_and_the_clients_owner_are_told_apart(store: Store) -> None:
    giver = a_user(id=UserId("user_giver"), email="giver@example.no", roles=frozenset({"accountant"}))
    grant = a_grant(id=GrantId("given"), user_id=giver.id, organisation=None)
    code = a_code(digest=b"g" * 32, grant_id=grant.id, challenge="c" * 43, redirect_sent=False)
    await applied(store, [*a_client_with_a_secret(), AddUser(giver), AddGrant(grant), AddCode(code)])

    facts = await store.code_facts(ACME, code.digest)

    assert facts == CodeFacts(
        code=code, standing=the_standing(user=giver, grant=grant, organisation=None, is_member=False)
    )


async def test_what_a_grant_rests_on_is_as_of_now(store: Store) -> None:
    await applied(store, [*a_grant_with_a_refresh_token(), RemoveMember(ACME, COMPANY, OWNER)])
    await applied(store, [RevokeGrant(ACME, GRANT, Instant(90))])
    now = the_standing(is_member=False, grant=a_grant(revoked_at=Instant(90)))

    code = await store.code_facts(ACME, a_code().digest)
    token = await store.refresh_facts(ACME, ONE_KEY)

    assert await store.standing(ACME, GRANT) == now
    assert code is not None
    assert token is not None
    assert (code.standing, token.standing) == (now, now)


async def test_a_refresh_token_is_read_with_its_family_and_its_successor(store: Store) -> None:
    await applied(store, a_grant_with_a_refresh_token())
    first = RefreshFacts(token=a_refresh_token(), family=a_family(), standing=the_standing())
    assert await store.refresh_facts(ACME, ONE_KEY) == first

    sealed, request = bytes(range(256)), b"q" * 32
    await applied(
        store,
        [
            AdvanceFamily(ACME, FAMILY, 1),
            RedeemRefreshToken(ACME, ONE_KEY, Instant(100), sealed, request, "192.0.2.9"),
            AddRefreshToken(a_refresh_token(2)),
        ],
    )

    redeemed = a_refresh_token(redeemed_at=Instant(100), reissue=sealed, request=request, redeemed_from="192.0.2.9")
    family = a_family(generation=2)
    assert await store.refresh_facts(ACME, ONE_KEY) == RefreshFacts(
        token=redeemed, family=family, standing=the_standing(), successor=a_refresh_token(2)
    )
    assert await store.refresh_facts(ACME, bytes([2]) * 32) == RefreshFacts(
        token=a_refresh_token(2), family=family, standing=the_standing()
    )


async def test_a_session_is_read_with_its_user_and_their_organisations_by_number(store: Store) -> None:
    companies = (an_organisation(number=OrganisationNumber("99")), an_organisation(disabled_at=Instant(1)))
    await applied(store, [AddUser(a_user(locale="en")), AddSession(a_session())])
    assert await store.session(ACME, b"s" * 32) == SessionFacts(session=a_session(), user=a_user(locale="en"))

    for company in companies:
        await applied(store, [AddOrganisation(company), AddMember(ACME, company.number, OWNER, Instant(1))])

    found = (companies[1], companies[0])
    assert await store.session(ACME, b"s" * 32) == SessionFacts(
        session=a_session(), user=a_user(locale="en"), organisations=found
    )
    assert await store.memberships(ACME, OWNER) == found


async def test_the_sessions_of_a_user_come_oldest_first(store: Store) -> None:
    sessions = [
        a_session(id=SessionId(f"s{turn}"), digest=bytes([turn]) * 32, created_at=Instant(9 - turn))
        for turn in range(3)
    ]
    await applied(store, [AddUser(a_user()), *(AddSession(each) for each in sessions)])

    assert await store.sessions_of(ACME, OWNER) == tuple(reversed(sessions))


async def test_a_transaction_is_what_was_written(store: Store) -> None:
    full = a_transaction(
        state="~" * 2048, challenge="c" * 43, organisation=COMPANY, locale="nb", redirect_sent=False, scopes=("b", "a")
    )
    bare = a_transaction(id=TransactionId("bare"))
    await applied(store, [*a_client_with_a_secret(), AddSession(a_session())])
    await applied(store, [AddTransaction(full), AddTransaction(bare)])

    assert await store.transaction(ACME, TRANSACTION) == full
    assert await store.transaction(ACME, bare.id) == bare


async def test_U10_only_unanswered_transactions_of_the_session_that_have_not_expired_are_pending(store: Store) -> None:
    other = a_session(id=SessionId("else"), digest=b"e" * 32)
    await applied(store, [*a_client_with_a_secret(), AddSession(a_session()), AddSession(other)])
    answered, expired, in_time, elsewhere = (
        {"answered_at": Instant(55)},
        {"expires_at": Instant(100)},
        {"expires_at": Instant(101)},
        {"session_id": other.id},
    )
    variants: list[dict[str, Any]] = [{}, {}, answered, expired, in_time, elsewhere]
    for number, changed in enumerate(variants):
        await applied(store, [AddTransaction(a_transaction(id=TransactionId(f"t{number}"), **changed))])

    assert await store.pending(ACME, SESSION, Instant(100)) == 3
    assert await store.pending(ACME, SessionId("nobody"), Instant(100)) == 0


async def test_a_password_is_replaced(store: Store) -> None:
    await applied(store, [AddUser(a_user())])
    assert await store.password(ACME, OWNER) is None

    await applied(store, [SetPassword(a_password())])
    assert await store.password(ACME, OWNER) == a_password()

    other = a_password(hash="$argon2id$v=19$m=9,t=1,p=1$c2FsdA$b3RoZXI", changed_at=Instant(99))
    await applied(store, [SetPassword(other)])
    assert await store.password(ACME, OWNER) == other


async def test_pages_of_organisations_follow_one_another(store: Store) -> None:
    every = [an_organisation(number=OrganisationNumber(f"{number}")) for number in range(5)]
    await applied(store, (AddOrganisation(each) for each in reversed(every)))

    first = await store.organisations(ACME, None, 3)
    second = await store.organisations(ACME, first[-1].number, 3)

    assert first + second == every
    assert await store.organisation(ACME, OrganisationNumber("3")) == every[3]
    with pytest.raises(ValueError, match="at least 1"):
        await store.organisations(ACME, None, 0)


async def test_the_grants_of_a_user_are_those_that_were_not_revoked(store: Store) -> None:
    second = a_client(id=ClientId("client_two"))
    grants = [
        a_grant(id=GrantId("g1"), created_at=Instant(3)),
        a_grant(id=GrantId("g2"), created_at=Instant(2), organisation=None),
        a_grant(id=GrantId("g3"), created_at=Instant(1), client_id=second.id),
        a_grant(id=GrantId("g4"), created_at=Instant(4), revoked_at=Instant(5)),
    ]
    await applied(store, [*a_grant_with_a_code()[:-2], AddClient(second), *(AddGrant(each) for each in grants)])

    assert await store.grants_of_user(ACME, OWNER) == (grants[2], grants[1], grants[0])
    assert await store.grants_between(ACME, OWNER, CLIENT, COMPANY) == (grants[0],)
    assert await store.grants_between(ACME, OWNER, CLIENT, None) == (grants[1],)
    assert await store.grants_between(ACME, OWNER, second.id, COMPANY) == (grants[2],)
    assert await store.grants_between(ACME, OWNER, second.id, None) == ()


async def test_the_last_use_of_a_grant_is_the_latest_of_its_tokens(store: Store) -> None:
    await applied(store, [*a_grant_with_a_refresh_token(), AddRefreshToken(a_refresh_token(2))])
    assert await store.last_uses(ACME, OWNER) == {}

    await store.record_use({}, refresh_tokens={(ACME, ONE_KEY): Instant(300), (ACME, bytes([2]) * 32): Instant(200)})

    assert await store.last_uses(ACME, OWNER) == {GRANT: 300}


async def test_an_api_key_is_read_with_what_tells_whether_it_lives(store: Store) -> None:
    bare = an_api_key(id=ApiKeyId("bare"), organisation=None, name="", created_at=Instant(1), expires_at=Instant(9))
    await applied(store, [*a_grant_with_a_code(), AddApiKey(an_api_key()), AddApiKey(bare)])

    assert await store.api_keys_of(ACME, OWNER) == (bare, an_api_key())
    assert await store.api_key(ACME, bare.id) == ApiKeyFacts(
        key=bare, user=a_user(), organisation=None, is_member=False
    )
    assert await store.api_key(ACME, API_KEY) == ApiKeyFacts(
        key=an_api_key(), user=a_user(), organisation=an_organisation(), is_member=True
    )

    await applied(store, [RemoveMember(ACME, COMPANY, OWNER)])

    after = await store.api_key(ACME, API_KEY)
    assert after is not None
    assert not after.is_member


async def test_nothing_is_found_across_two_issuers_nor_by_another_kinds_digest(store: Store) -> None:
    await applied(store, [*a_grant_with_a_refresh_token(), AddSession(a_session()), AddTransaction(a_transaction())])
    await applied(
        store,
        [AddApiKey(an_api_key()), SetPassword(a_password()), AddRevocation(ACME, Ended.GRANT, GRANT, Instant(1_000))],
    )

    for digest in (a_code().digest, ONE_KEY, a_session().digest):
        assert await store.code_facts(OTHER, digest) is None
        assert await store.refresh_facts(OTHER, digest) is None
        assert await store.session(OTHER, digest) is None
    assert await store.code_facts(ACME, ONE_KEY) is None
    assert await store.refresh_facts(ACME, a_session().digest) is None
    assert await store.session(ACME, a_code().digest) is None
    assert await store.standing(OTHER, GRANT) is None
    assert await store.sessions_of(OTHER, OWNER) == ()
    assert await store.transaction(OTHER, TRANSACTION) is None
    assert await store.pending(OTHER, SESSION, Instant(0)) == 0
    assert await store.password(OTHER, OWNER) is None
    assert await store.organisation(OTHER, COMPANY) is None
    assert await store.organisations(OTHER, None, 9) == []
    assert await store.memberships(OTHER, OWNER) == ()
    assert await store.grants_of_user(OTHER, OWNER) == ()
    assert await store.grants_between(OTHER, OWNER, CLIENT, COMPANY) == ()
    assert await store.api_key(OTHER, API_KEY) is None
    assert await store.api_keys_of(OTHER, OWNER) == ()
    assert await store.revocations(OTHER, FIRST_REVOCATION, 9) == (FIRST_REVOCATION, [])


async def test_two_issuers_keep_codes_of_one_digest_apart(store: Store) -> None:
    there: list[Change] = [
        AddUser(a_user(issuer=OTHER)),
        AddClient(a_client(issuer=OTHER)),
        AddGrant(a_grant(issuer=OTHER, organisation=None)),
        AddCode(a_code(issuer=OTHER, redirect_uri="https://other.example/cb")),
    ]
    await applied(store, [*a_grant_with_a_code(), *there])

    ours = await store.code_facts(ACME, a_code().digest)
    theirs = await store.code_facts(OTHER, a_code().digest)

    assert ours is not None
    assert theirs is not None
    assert (ours.code.redirect_uri, theirs.code.redirect_uri) == ("https://app.example/cb", "https://other.example/cb")
    assert theirs.standing.client.secrets == ()


async def test_W5_quotes_and_comments_in_what_users_and_clients_send_are_kept_letter_by_letter(store: Store) -> None:
    company = an_organisation(name=NASTY)
    transaction = a_transaction(redirect_uri=NASTY, state=NASTY, challenge=NASTY, scopes=(NASTY, "a b"), locale=NASTY)
    key = an_api_key(name=NASTY)
    await applied(store, [*a_client_with_a_secret(), AddOrganisation(company), AddSession(a_session())])
    await applied(store, [AddTransaction(transaction), AddApiKey(key), AddGrant(a_grant(scopes=(NASTY,)))])

    assert await store.organisation(ACME, COMPANY) == company
    assert await store.transaction(ACME, TRANSACTION) == transaction
    assert await store.api_keys_of(ACME, OWNER) == (key,)
    assert await store.grants_of_user(ACME, OWNER) == (a_grant(scopes=(NASTY,)),)


async def test_T13_W5_an_id_or_digest_that_no_row_can_have_is_not_found(store: Store) -> None:
    await applied(store, a_grant_with_a_refresh_token())

    for digest in NO_DIGEST:
        assert await store.code_facts(ACME, digest) is None
        assert await store.refresh_facts(ACME, digest) is None
        assert await store.session(ACME, digest) is None
    for text in (*UNSPEAKABLE, NASTY):
        assert await store.code_facts(text, ONE_KEY) is None
        assert await store.standing(ACME, text) is None
        assert await store.sessions_of(ACME, text) == ()
        assert await store.transaction(ACME, text) is None
        assert await store.pending(ACME, text, Instant(0)) == 0
        assert await store.password(ACME, text) is None
        assert await store.organisation(ACME, text) is None
        assert await store.organisations(ACME, text, 1) == []
        assert await store.memberships(ACME, text) == ()
        assert await store.grants_of_user(ACME, text) == ()
        assert await store.grants_between(ACME, OWNER, text, COMPANY) == ()
        assert await store.grants_between(ACME, OWNER, CLIENT, text) == ()
        assert await store.last_uses(ACME, text) == {}
        assert await store.api_key(ACME, text) is None
        assert await store.api_keys_of(ACME, text) == ()
        assert await store.revocations(text, FIRST_REVOCATION, 1) == (FIRST_REVOCATION, [])


async def test_revocations_are_told_in_pages_that_end_with_a_whole_set(store: Store) -> None:
    sets = [["g1"], ["g3", "g2"], ["g4"]]
    for each in sets:
        await applied(store, [AddRevocation(ACME, Ended.GRANT, GrantId(grant), Instant(500)) for grant in each])
    await applied(store, [AddUser(a_user())])  # moves the counter, tells the guards nothing

    pages = []
    cursor = FIRST_REVOCATION
    while page := (await store.revocations(ACME, cursor, 2))[1]:
        pages.append([each.id for each in page])
        cursor = page[-1].sequence

    assert pages == [["g1", "g2", "g3"], ["g4"]]
    assert await store.revocations(ACME, cursor, 2) == (cursor, [])
    await applied(store, [AddRevocation(ACME, Ended.GRANT, GrantId("g5"), Instant(500))])
    later, told = await store.revocations(ACME, cursor, 2)
    assert told == [Revocation(issuer=ACME, sequence=later, kind=Ended.GRANT, id="g5", before=None, until=Instant(500))]
    assert later > cursor


async def test_a_token_is_taken_back_by_the_last_word_about_what_it_names(store: Store) -> None:
    told = [
        *[(Ended.CLIENT, "client_a", None), (Ended.CLIENT, "client_a", 50)],
        *[(Ended.ORGANISATION, "312047152", None), (Ended.ORGANISATION, "312047152", 50)],
        *[(Ended.USER, "user_a", 450), (Ended.USER, "user_a", None)],
    ]
    for kind, name, before in told:
        until = None if before is None else Instant(before)
        await applied(store, [AddRevocation(ACME, kind, GrantId(name), Instant(500), until)])

    async def taken_back(client: str, user: str, company: str | None, at: int, issuer: IssuerName = ACME) -> bool:
        return await store.is_taken_back(issuer, ClientId(client), user, company, Instant(at))

    assert await taken_back("client_a", "client_a", None, 50)
    assert await taken_back("client_b", "user_b", "312047152", 50)
    assert await taken_back("client_b", "user_a", None, 400)
    assert not await taken_back("client_a", "client_a", "312047152", 51)
    assert not await taken_back("client_b", "user_b", None, 1)
    assert not await taken_back("client_a", "user_a", None, 1, IssuerName("other"))


async def test_a_cursor_that_no_reader_was_given_finds_nothing_or_all(store: Store) -> None:
    await applied(store, [AddRevocation(ACME, Ended.GRANT, GRANT, Instant(500))])

    for cursor in (2**63 - 1, 2**63, -(2**63) - 1):
        assert await store.revocations(ACME, cursor, 1) == (cursor, [])
    assert len((await store.revocations(ACME, -5, 1))[1]) == 1
    with pytest.raises(ValueError, match="at least 1"):
        await store.revocations(ACME, FIRST_REVOCATION, 0)
