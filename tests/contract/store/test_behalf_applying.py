"""Each change to what acts on a user's behalf: applied once, and lost where another request was first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from portvakt.model.behalf import Ended
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
    AnswerTransaction,
    EndSession,
    ForgetReissue,
    KeepGrant,
    NoteRepeat,
    RedeemCode,
    RedeemRefreshToken,
    RevokeApiKey,
    RevokeFamily,
    RevokeGrant,
    SetPassword,
)
from portvakt.model.change import AddMember, AddOrganisation, AddUser, Applied, Change, Lost, RemoveMember
from portvakt.model.values import (
    ApiKeyId,
    ClientId,
    FamilyId,
    GrantId,
    Instant,
    OrganisationNumber,
    SessionId,
    TransactionId,
    UserId,
)
from portvakt.store import StoreUnavailable
from portvakt.store.schema import METADATA
from stored import (
    ACME,
    API_KEY,
    CLIENT,
    COMPANY,
    FAMILY,
    FROM,
    GRANT,
    OTHER,
    OWNER,
    SECRET,
    SESSION,
    TRANSACTION,
    a_code,
    a_family,
    a_grant,
    a_grant_with_a_refresh_token,
    a_password,
    a_refresh_token,
    a_session,
    a_transaction,
    a_user,
    an_api_key,
    an_organisation,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from portvakt.model.behalf import RefreshFacts
    from portvakt.store import Store

NOBODY = UserId("user_nobody")
NOWHERE = OrganisationNumber("0")
CODE, ONE, TWO = a_code().digest, a_refresh_token(1).digest, a_refresh_token(2).digest
NEW = b"n" * 32
T = Instant(100)


@pytest.fixture
async def kept(store: Store) -> Store:
    """A store with one of everything, and nothing of it ended."""
    made: list[Change] = [
        *a_grant_with_a_refresh_token(),
        AddSession(a_session()),
        AddTransaction(a_transaction()),
        AddApiKey(an_api_key()),
        SetPassword(a_password()),
    ]
    assert await store.apply(made) == Applied()
    return store


async def facts_of(store: Store, token: bytes = ONE) -> RefreshFacts:
    facts = await store.refresh_facts(ACME, token)
    assert facts is not None
    return facts


async def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, but for what names them."""

    def dump(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in METADATA.tables.values()
        }

    return await store._database.read(dump)


@pytest.mark.parametrize(
    "change",
    [
        SetPassword(a_password(user_id=NOBODY)),
        SetPassword(a_password(issuer=OTHER)),
        AddOrganisation(an_organisation(name="Else AS")),
        AddMember(ACME, COMPANY, OWNER, T),
        AddMember(ACME, COMPANY, NOBODY, T),
        AddMember(ACME, NOWHERE, OWNER, T),
        RemoveMember(ACME, NOWHERE, OWNER),
        RemoveMember(OTHER, COMPANY, OWNER),
        AddSession(a_session(digest=NEW)),
        AddSession(a_session(id=SessionId("new"))),
        AddSession(a_session(id=SessionId("new"), digest=NEW, user_id=NOBODY)),
        EndSession(ACME, SessionId("nobody"), T),
        EndSession(OTHER, SESSION, T),
        AddTransaction(a_transaction(state="else")),
        AddTransaction(a_transaction(id=TransactionId("new"), session_id=SessionId("nobody"))),
        AnswerTransaction(ACME, TransactionId("nobody"), T),
        AnswerTransaction(OTHER, TRANSACTION, T),
        AddGrant(a_grant(scopes=("write",))),
        AddGrant(a_grant(id=GrantId("new"), user_id=NOBODY)),
        AddGrant(a_grant(id=GrantId("new"), client_id=ClientId("nobody"))),
        AddGrant(a_grant(id=GrantId("new"), organisation=NOWHERE)),
        RevokeGrant(ACME, GrantId("nobody"), T),
        RevokeGrant(OTHER, GRANT, T),
        KeepGrant(ACME, GrantId("nobody")),
        KeepGrant(OTHER, GRANT),
        AddCode(a_code(challenge="else")),
        AddCode(a_code(digest=NEW, grant_id=GrantId("nobody"))),
        RedeemCode(ACME, NEW, T),
        RedeemCode(OTHER, CODE, T),
        AddFamily(a_family(generation=9)),
        AddFamily(a_family(id=FamilyId("new"), grant_id=GrantId("nobody"))),
        AdvanceFamily(ACME, FAMILY, 0),
        AdvanceFamily(ACME, FAMILY, 2),
        AdvanceFamily(ACME, FamilyId("nobody"), 1),
        AdvanceFamily(OTHER, FAMILY, 1),
        NoteRepeat(ACME, FAMILY, 1, 1),
        NoteRepeat(OTHER, FAMILY, 0, 1),
        RevokeFamily(ACME, FamilyId("nobody"), T),
        RevokeFamily(OTHER, FAMILY, T),
        AddRefreshToken(a_refresh_token(2, digest=ONE)),
        AddRefreshToken(a_refresh_token(1, digest=NEW)),
        AddRefreshToken(a_refresh_token(2, family_id=FamilyId("nobody"))),
        RedeemRefreshToken(ACME, NEW, T, None, None),
        RedeemRefreshToken(OTHER, ONE, T, None, None),
        ForgetReissue(ACME, FAMILY, 2),
        ForgetReissue(OTHER, FAMILY, 1),
        AddApiKey(an_api_key(name="else")),
        AddApiKey(an_api_key(id=ApiKeyId("new"), user_id=NOBODY)),
        AddApiKey(an_api_key(id=ApiKeyId("new"), organisation=NOWHERE)),
        RevokeApiKey(ACME, ApiKeyId("nobody"), T),
        RevokeApiKey(OTHER, API_KEY, T),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_a_lost_change_is_named_and_leaves_nothing_of_its_set(kept: Store, change: Change) -> None:
    before = await everything(kept)
    around: list[Change] = [AddUser(a_user(id=UserId("user_new"), email="new@example.no")), RevokeGrant(ACME, GRANT, T)]

    outcome = await kept.apply([around[0], change, around[1], AddRevocation(ACME, Ended.GRANT, GRANT, T)])

    assert outcome == Lost(change)
    assert await everything(kept) == before
    assert await kept.apply(around) == Applied()  # the connection is whole


@pytest.mark.parametrize(
    "change",
    [
        RemoveMember(ACME, COMPANY, OWNER),
        EndSession(ACME, SESSION, T),
        AnswerTransaction(ACME, TRANSACTION, T),
        RevokeGrant(ACME, GRANT, T),
        RedeemCode(ACME, CODE, T),
        AdvanceFamily(ACME, FAMILY, 1),
        RevokeFamily(ACME, FAMILY, T),
        RedeemRefreshToken(ACME, ONE, T, b"sealed", NEW),
        RevokeApiKey(ACME, API_KEY, T),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_what_is_done_once_is_lost_the_second_time(kept: Store, change: Change) -> None:
    assert await kept.apply([change]) == Applied()
    after = await everything(kept)

    assert await kept.apply([change]) == Lost(change)
    assert await kept.apply([change, change]) == Lost(change)
    assert await everything(kept) == after


async def test_each_end_is_said_where_it_belongs(kept: Store) -> None:
    ends: list[Change] = [
        EndSession(ACME, SESSION, Instant(101)),
        AnswerTransaction(ACME, TRANSACTION, Instant(102)),
        RedeemCode(ACME, CODE, Instant(103)),
        RedeemRefreshToken(ACME, ONE, Instant(104), b"sealed", NEW),
        RevokeFamily(ACME, FAMILY, Instant(105)),
        RevokeGrant(ACME, GRANT, Instant(106)),
        RevokeApiKey(ACME, API_KEY, Instant(107)),
    ]

    assert await kept.apply(ends) == Applied()

    session, transaction = await kept.session(ACME, b"s" * 32), await kept.transaction(ACME, TRANSACTION)
    code, token, key = await kept.code_facts(ACME, CODE), await facts_of(kept), await kept.api_key(ACME, API_KEY)
    assert session is not None
    assert transaction is not None
    assert code is not None
    assert key is not None
    assert (session.session.revoked_at, transaction.answered_at, code.code.redeemed_at) == (101, 102, 103)
    assert (token.token.redeemed_at, token.token.reissue, token.token.request) == (104, b"sealed", NEW)
    assert (token.family.revoked_at, token.standing.grant.revoked_at, key.key.revoked_at) == (105, 106, 107)


async def test_a_member_may_leave_and_come_back(kept: Store) -> None:
    assert await kept.apply([RemoveMember(ACME, COMPANY, OWNER)]) == Applied()
    assert await kept.memberships(ACME, OWNER) == ()

    assert await kept.apply([AddMember(ACME, COMPANY, OWNER, T)]) == Applied()
    assert await kept.memberships(ACME, OWNER) == (an_organisation(),)


@pytest.mark.parametrize(
    "change",
    [RedeemCode(ACME, CODE, T), AdvanceFamily(ACME, FAMILY, 1), NoteRepeat(ACME, FAMILY, 0, 1), KeepGrant(ACME, GRANT)],
    ids=lambda change: type(change).__name__,
)
async def test_F6_I5_nothing_comes_from_a_grant_that_was_revoked(kept: Store, change: Change) -> None:
    await kept.apply([RevokeGrant(ACME, GRANT, T)])

    assert await kept.apply([change]) == Lost(change)


@pytest.mark.parametrize("change", [AdvanceFamily(ACME, FAMILY, 1), NoteRepeat(ACME, FAMILY, 0, 1)])
async def test_F6_nothing_comes_from_a_family_that_was_revoked(kept: Store, change: Change) -> None:
    await kept.apply([RevokeFamily(ACME, FAMILY, T)])

    assert await kept.apply([change]) == Lost(change)


async def test_a_rotation_is_one_set(kept: Store) -> None:
    first: list[Change] = [
        AdvanceFamily(ACME, FAMILY, 1),
        RedeemRefreshToken(ACME, ONE, T, b"for one", NEW),
        AddRefreshToken(a_refresh_token(2)),
    ]
    second: list[Change] = [
        AdvanceFamily(ACME, FAMILY, 2),
        RedeemRefreshToken(ACME, TWO, T, b"for two", NEW),
        AddRefreshToken(a_refresh_token(3)),
        ForgetReissue(ACME, FAMILY, 1),
    ]

    assert await kept.apply(first) == Applied()
    assert await kept.apply(first) == Lost(first[0])
    assert await kept.apply(second) == Applied()

    one, two = await facts_of(kept), await facts_of(kept, TWO)
    assert one.family.generation == 3
    assert (one.token.redeemed_at, one.token.reissue, one.token.request) == (T, None, None)
    assert (two.token.reissue, two.successor) == (b"for two", a_refresh_token(3))


async def test_a_repeat_is_noted_while_nothing_has_moved(kept: Store) -> None:
    assert await kept.apply([AdvanceFamily(ACME, FAMILY, 1)]) == Applied()
    assert await kept.apply([NoteRepeat(ACME, FAMILY, 1, 2)]) == Applied()
    noted = (await facts_of(kept)).family
    assert (noted.generation, noted.repeated_generation, noted.repeats) == (2, 1, 2)
    first, again = NoteRepeat(ACME, FAMILY, 1, 2), NoteRepeat(ACME, FAMILY, 1, 2, noted=1)
    assert [await kept.apply([change]) for change in (first, again)] == [Lost(first), Applied()]

    await kept.apply([AdvanceFamily(ACME, FAMILY, 2)])

    late = NoteRepeat(ACME, FAMILY, 1, 3, noted=1)
    assert await kept.apply([late]) == Lost(late)


async def test_revocations_are_applied_last_in_their_set_and_never_twice(kept: Store) -> None:
    twice = AddRevocation(ACME, Ended.GRANT, GRANT, T)

    assert await kept.apply([twice, twice]) == Lost(twice)
    assert await kept.apply([twice, RevokeGrant(ACME, GRANT, T)]) == Applied()
    lost = RevokeFamily(ACME, FamilyId("nobody"), T)
    assert await kept.apply([twice, lost]) == Lost(lost)

    assert len((await kept.revocations(ACME, 0, 9))[1]) == 1


async def test_last_uses_of_all_kinds_are_written_together_and_move_forward_only(kept: Store) -> None:
    seen = []
    for moment in (100, 90, 110):
        await kept.record_use(
            {(ACME, CLIENT, SECRET): (Instant(moment), FROM)},
            refresh_tokens={(ACME, ONE): Instant(moment), (ACME, NEW): Instant(moment)},
            api_keys={(ACME, API_KEY): Instant(moment), (OTHER, API_KEY): Instant(moment)},
        )
        facts, key = await facts_of(kept), await kept.api_key(ACME, API_KEY)
        assert key is not None
        seen.append((facts.standing.client.secrets[0].last_used_at, facts.token.last_used_at, key.key.last_used_at))

    assert seen == [(100, 100, 100), (100, 100, 100), (110, 110, 110)]


async def test_last_use_leaves_the_counter_of_changes_alone(kept: Store) -> None:
    before = (await everything(kept))["revision"]

    await kept.record_use({}, refresh_tokens={(ACME, ONE): T}, api_keys={(ACME, API_KEY): T})
    await kept.record_use({})
    await kept.clean(None, Instant(0))

    assert (await everything(kept))["revision"] == before


async def test_a_last_use_that_could_not_be_stored_is_the_callers_error(kept: Store) -> None:
    with pytest.raises(ValueError, match="a digest is"):
        await kept.record_use({}, refresh_tokens={(ACME, b"short"): T})
    with pytest.raises(ValueError, match="an id is"):
        await kept.record_use({}, api_keys={(ACME, ApiKeyId("\0")): T})


@pytest.mark.parametrize("unspeakable", ["a\0b", "\ud800", "x" * 65_537])
async def test_T13_a_text_that_no_database_can_hold_is_the_callers_error(store: Store, unspeakable: str) -> None:
    changes: list[Change] = [
        SetPassword(a_password(hash="$argon2id$" + unspeakable)),
        AddOrganisation(an_organisation(name=unspeakable)),
        AddTransaction(a_transaction(redirect_uri=unspeakable)),
        AddTransaction(a_transaction(state=unspeakable)),
        AddTransaction(a_transaction(challenge=unspeakable)),
        AddTransaction(a_transaction(locale=unspeakable)),
        AddTransaction(a_transaction(scopes=("read", unspeakable))),
        AddGrant(a_grant(scopes=(unspeakable,))),
        AddCode(a_code(redirect_uri=unspeakable)),
        AddApiKey(an_api_key(name=unspeakable)),
        AddUser(a_user(locale=unspeakable)),
    ]

    for change in changes:
        with pytest.raises(ValueError, match=r"NUL or a lone surrogate|longer than"):
            await store.apply([change])


@pytest.mark.parametrize("odd", ["", "a\0b", "\ud800", "x" * 256, "a b", "a'b", "æ"])
async def test_T13_an_id_that_could_never_be_read_is_not_written(store: Store, odd: Any) -> None:
    changes: list[Change] = [
        SetPassword(a_password(user_id=odd)),
        AddOrganisation(an_organisation(number=odd)),
        AddMember(ACME, odd, OWNER, T),
        RemoveMember(ACME, COMPANY, odd),
        AddSession(a_session(id=odd)),
        EndSession(ACME, odd, T),
        AddTransaction(a_transaction(id=odd)),
        AnswerTransaction(odd, TRANSACTION, T),
        AddGrant(a_grant(organisation=odd)),
        RevokeGrant(ACME, odd, T),
        KeepGrant(ACME, odd),
        AddCode(a_code(grant_id=odd)),
        RedeemCode(odd, CODE, T),
        AddFamily(a_family(id=odd)),
        AdvanceFamily(ACME, odd, 1),
        NoteRepeat(ACME, odd, 1, 1),
        RevokeFamily(ACME, odd, T),
        AddRefreshToken(a_refresh_token(family_id=odd)),
        RedeemRefreshToken(odd, ONE, T, None, None),
        ForgetReissue(ACME, odd, 1),
        AddRevocation(ACME, Ended.GRANT, odd, T),
        AddApiKey(an_api_key(id=odd)),
        RevokeApiKey(ACME, odd, T),
    ]

    for change in changes:
        with pytest.raises(ValueError, match="an id is"):
            await store.apply([change])


@pytest.mark.parametrize("token", [b"", b"d" * 31, b"pvk_rt_" + b"s" * 49, "d" * 32])
async def test_K5_where_a_digest_belongs_no_token_fits(kept: Store, token: Any) -> None:
    for change in (
        AddSession(a_session(id=SessionId("new"), digest=token)),
        AddCode(a_code(digest=token)),
        AddRefreshToken(a_refresh_token(2, digest=token)),
        RedeemCode(ACME, token, T),
        RedeemRefreshToken(ACME, token, T, None, None),
        RedeemRefreshToken(ACME, ONE, T, b"sealed", token),
    ):
        with pytest.raises(ValueError, match="a digest is 32 bytes"):
            await kept.apply([change])
    with pytest.raises(ValueError, match="longer than 65536 bytes"):
        await kept.apply([RedeemRefreshToken(ACME, ONE, T, b"x" * 65_537, NEW)])


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("sessions", "digest", b"pvk_se_" + b"s" * 49),
        ("codes", "digest", b"pvk_ac_" + b"s" * 49),
        ("refresh_tokens", "digest", b"pvk_rt_" + b"s" * 49),
        ("refresh_tokens", "request", b"grant_type=refresh_token"),
        ("passwords", "hash", "correct horse battery staple"),
        ("families", "generation", -1),
    ],
)
async def test_K5_the_database_itself_refuses_what_is_no_digest(
    kept: Store, table: str, column: str, value: object
) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text(f"UPDATE {table} SET {column} = :value"), {"value": value})

    with pytest.raises(StoreUnavailable, match=r"CheckViolation|IntegrityError"):
        await kept._patiently("write", kept._database.write(work))


async def test_K5_a_password_that_was_not_hashed_is_the_callers_error(kept: Store) -> None:
    with pytest.raises(ValueError, match="rule of the schema"):
        await kept.apply([SetPassword(a_password(hash="correct horse battery staple"))])


async def test_K5_nothing_that_hides_itself_is_shown(kept: Store) -> None:
    shown = repr([await facts_of(kept), await kept.session(ACME, b"s" * 32), await kept.password(ACME, OWNER)])

    for hidden in (repr(ONE), repr(b"s" * 32), "argon2id"):
        assert hidden not in shown
