"""What has ended is deleted in small batches, and what a decision still needs is not."""

from __future__ import annotations

import asyncio
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
    ForgetReissue,
    RedeemCode,
    RedeemRefreshToken,
    RevokeFamily,
    RevokeGrant,
)
from portvakt.model.change import AddClient, AddUser, Applied, Change
from portvakt.model.values import FamilyId, GrantId, Instant, IssuerName, SessionId, TransactionId
from portvakt.store.cleaning import KEPT_FOR, LONGEST_REISSUE
from stored import (
    ACME,
    FAMILY,
    GRANT,
    OTHER,
    OWNER,
    TRANSACTION,
    a_client,
    a_code,
    a_family,
    a_grant,
    a_grant_with_a_code,
    a_grant_with_a_refresh_token,
    a_refresh_token,
    a_session,
    a_transaction,
    a_user,
    an_api_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from portvakt.store import Store

DAY = KEPT_FOR
LATER = Instant(100 * DAY)
CLEANED = ["transactions", "sessions", "codes", "refresh_tokens", "families", "grants", "revocations"]


async def made(store: Store, changes: Iterable[Change]) -> None:
    assert await store.apply(list(changes)) == Applied()


async def cleaned(store: Store, now: int, issuer: IssuerName | None = None) -> dict[str, int]:
    """How many rows of each table went in as many batches as it takes."""
    before = await counts(store)
    total = 0
    while went := await store.clean(issuer, Instant(now)):
        total += went
    after = await counts(store)
    gone = {table: before[table] - after[table] for table in CLEANED if before[table] != after[table]}
    assert total >= sum(gone.values())
    return gone


async def counts(store: Store) -> dict[str, int]:
    def count(connection: Connection) -> dict[str, int]:
        return {table: int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()) for table in CLEANED}

    return await store._database.read(count)


async def test_nothing_that_lives_is_deleted(store: Store) -> None:
    await made(store, [*a_grant_with_a_refresh_token(), AddSession(a_session()), AddTransaction(a_transaction())])
    await made(store, [AddRevocation(ACME, Ended.GRANT, GRANT, Instant(600))])

    assert await cleaned(store, 119) == {}
    assert await store.clean(None, Instant(-(2**62))) == 0


async def test_a_transaction_goes_when_it_has_expired_and_a_session_goes_without_one(store: Store) -> None:
    session = a_session(expires_at=Instant(600))
    await made(store, [*a_grant_with_a_code()[:-2], AddSession(session), AddTransaction(a_transaction())])

    assert await cleaned(store, 649) == {}
    assert await store.transaction(ACME, TRANSACTION) is not None
    assert await cleaned(store, 650) == {"transactions": 1, "sessions": 1}


async def test_I1_a_code_that_is_used_again_is_known_for_a_day_after_its_end(store: Store) -> None:
    await made(store, [*a_grant_with_a_code(), RedeemCode(ACME, a_code().digest, Instant(100))])

    assert await cleaned(store, 120 + DAY - 1) == {}
    facts = await store.code_facts(ACME, a_code().digest)
    assert facts is not None
    assert facts.code.redeemed_at == 100
    assert await cleaned(store, 120 + DAY) == {"codes": 1}
    assert await store.standing(ACME, GRANT) is not None  # its consent is remembered


async def rotated(store: Store) -> None:
    """A family whose second token is the newest: the first could be used until 7000, the second until 9000."""
    second = a_refresh_token(2, expires_at=Instant(9_000))
    redeem = RedeemRefreshToken(ACME, bytes([1]) * 32, Instant(100), b"s", b"q" * 32)
    await made(store, a_grant_with_a_refresh_token())
    await made(store, [AdvanceFamily(ACME, FAMILY, 1), redeem, AddRefreshToken(second)])


async def test_F1_F14_a_redeemed_refresh_token_is_known_until_a_day_after_its_end(store: Store) -> None:
    await rotated(store)
    third = AddRefreshToken(a_refresh_token(3, expires_at=Instant(20_000)))
    second = RedeemRefreshToken(ACME, bytes([2]) * 32, Instant(200), None, None)
    await made(store, [AdvanceFamily(ACME, FAMILY, 2), second, third])
    await cleaned(store, 120 + DAY)

    assert await cleaned(store, 7_000 + DAY - 1) == {}
    assert await store.refresh_facts(ACME, bytes([1]) * 32) is not None
    assert await cleaned(store, 7_000 + DAY) == {"refresh_tokens": 1}
    assert await store.refresh_facts(ACME, bytes([1]) * 32) is None
    assert await store.refresh_facts(ACME, bytes([2]) * 32) is not None  # the parent of the one that is good


async def test_a_parent_stays_while_its_successor_may_be_redeemed(store: Store) -> None:
    await rotated(store)
    await cleaned(store, 120 + DAY)

    assert await cleaned(store, 9_000 + DAY - 1) == {}
    await made(store, [AdvanceFamily(ACME, FAMILY, 2), ForgetReissue(ACME, FAMILY, 1)])


async def test_a_family_that_was_left_goes_with_its_last_token_and_its_grant_stays(store: Store) -> None:
    await rotated(store)
    await cleaned(store, 120 + DAY)

    assert await cleaned(store, 9_000 + DAY) == {"refresh_tokens": 2, "families": 1}
    assert await store.grants_of_user(ACME, OWNER) == (a_grant(),)


async def test_what_a_repeat_may_get_is_gone_when_the_longest_window_has_passed(store: Store) -> None:
    await rotated(store)

    await store.clean(None, Instant(100 + LONGEST_REISSUE - 1))
    within = await store.refresh_facts(ACME, bytes([1]) * 32)
    await store.clean(None, Instant(100 + LONGEST_REISSUE))
    after = await store.refresh_facts(ACME, bytes([1]) * 32)

    assert within is not None
    assert after is not None
    assert (within.token.reissue, within.token.request) == (b"s", b"q" * 32)
    assert (after.token.reissue, after.token.request, after.token.redeemed_at) == (None, None, 100)


@pytest.mark.parametrize("static", [False, True])
async def test_a_day_after_a_family_was_revoked_it_is_gone(store: Store, static: bool) -> None:
    ends = None if static else LATER
    await made(store, a_grant_with_a_code())
    await made(store, [AddFamily(a_family(ends_at=ends)), AddRefreshToken(a_refresh_token(expires_at=ends))])
    await made(store, [RevokeFamily(ACME, FAMILY, Instant(500))])
    await cleaned(store, 120 + DAY)

    assert await cleaned(store, 500 + DAY - 1) == {}
    assert await cleaned(store, 500 + DAY) == {"refresh_tokens": 1, "families": 1}


async def test_a_family_that_reached_its_absolute_end_is_gone_a_day_later(store: Store) -> None:
    await made(store, a_grant_with_a_code())
    await made(store, [AddFamily(a_family(ends_at=Instant(500))), AddRefreshToken(a_refresh_token(expires_at=None))])
    await cleaned(store, 120 + DAY)

    assert await cleaned(store, 500 + DAY - 1) == {}
    assert await cleaned(store, 500 + DAY) == {"refresh_tokens": 1, "families": 1}


async def test_a_day_after_a_grant_was_revoked_it_is_gone_with_all_that_came_from_it(store: Store) -> None:
    await made(store, a_grant_with_a_code())
    await made(store, [AddFamily(a_family(ends_at=None)), AddRefreshToken(a_refresh_token(expires_at=None))])
    await made(store, [RevokeGrant(ACME, GRANT, Instant(90)), AddRevocation(ACME, Ended.GRANT, GRANT, Instant(500))])

    assert await cleaned(store, 90 + DAY - 1) == {}
    assert await cleaned(store, 90 + DAY) == {"refresh_tokens": 1, "families": 1}
    assert await cleaned(store, 120 + DAY) == {"codes": 1, "grants": 1}
    assert await store.grants_of_user(ACME, OWNER) == ()


async def test_the_guards_are_told_of_a_revocation_for_a_day_after_it_is_over(store: Store) -> None:
    await made(store, [AddRevocation(ACME, Ended.GRANT, GRANT, Instant(500))])
    cursor, _ = await store.revocations(ACME, 0, 9)

    assert await cleaned(store, 500 + DAY - 1) == {}
    assert await cleaned(store, 500 + DAY) == {"revocations": 1}

    await made(store, [AddRevocation(ACME, Ended.GRANT, GRANT, Instant(900))])
    later, told = await store.revocations(ACME, cursor, 9)
    assert later > cursor  # a number is not given twice
    assert len(told) == 1


async def test_a_static_token_and_an_api_key_are_kept_for_ever(store: Store) -> None:
    await made(store, [*a_grant_with_a_code(), AddFamily(a_family(ends_at=None))])
    await made(store, [AddRefreshToken(a_refresh_token(expires_at=None)), AddApiKey(an_api_key(expires_at=Instant(9)))])

    assert await cleaned(store, LATER) == {"codes": 1}
    assert len(await store.api_keys_of(ACME, OWNER)) == 1


def hourly(number: int, **changed: Any) -> list[Change]:
    """The changes of one more authorization, an hour after the last, whose code was redeemed for no refresh token."""
    at = 3_600 * number
    name = f"hour_{number}"
    grant = a_grant(id=GrantId(name), created_at=Instant(at), **changed)
    code = a_code(digest=name.encode().ljust(32), grant_id=grant.id, expires_at=Instant(at + 60))
    return [AddGrant(grant), AddCode(code)]


async def test_who_authorizes_every_hour_leaves_the_newest_grant_and_those_of_a_day(store: Store) -> None:
    await made(store, a_grant_with_a_code()[:-2])
    for number in range(48):
        await made(store, hourly(number))

    gone = await cleaned(store, 47 * 3_600 + 60)

    assert gone == {"codes": 24, "grants": 24}
    assert [each.id for each in await store.grants_of_user(ACME, OWNER)] == [f"hour_{turn}" for turn in range(24, 48)]
    assert await cleaned(store, LATER) == {"codes": 24, "grants": 23}
    assert [each.id for each in await store.grants_of_user(ACME, OWNER)] == ["hour_47"]


async def test_a_grant_that_says_something_else_or_gave_a_refresh_token_stays(store: Store) -> None:
    await made(store, a_grant_with_a_code()[:-2])
    await made(store, hourly(1))
    await made(store, hourly(2, scopes=("read", "write")))
    await made(store, hourly(3, organisation=None))
    family = a_family(grant_id=GrantId("hour_4"), ends_at=None)
    await made(store, [*hourly(4), AddFamily(family), AddRefreshToken(a_refresh_token(expires_at=None))])
    await made(store, hourly(5))
    await made(store, [*hourly(6), RevokeGrant(ACME, GrantId("hour_6"), Instant(LATER))])

    await cleaned(store, LATER)

    kept = [each.id for each in await store.grants_of_user(ACME, OWNER)]
    assert kept == ["hour_2", "hour_3", "hour_4", "hour_5"]


async def test_one_issuer_may_be_cleaned_alone(store: Store) -> None:
    there: list[Change] = [AddUser(a_user(issuer=OTHER)), AddSession(a_session(issuer=OTHER))]
    await made(store, [AddUser(a_user()), AddSession(a_session()), *there])

    assert await cleaned(store, LATER, ACME) == {"sessions": 1}
    assert await cleaned(store, LATER, IssuerName("third")) == {}
    assert await cleaned(store, LATER) == {"sessions": 1}


def elsewhere() -> list[Change]:
    """The same ids at another issuer, where all of it lives."""
    people: list[Change] = [AddUser(a_user(issuer=OTHER)), AddClient(a_client(issuer=OTHER))]
    grant, code = a_grant(issuer=OTHER, organisation=None), a_code(issuer=OTHER, expires_at=LATER)
    family, token = a_family(issuer=OTHER, ends_at=None), a_refresh_token(issuer=OTHER, expires_at=LATER)
    return [*people, AddGrant(grant), AddCode(code), AddFamily(family), AddRefreshToken(token)]


@pytest.mark.parametrize(
    "end", [RevokeGrant(ACME, GRANT, Instant(90)), RevokeFamily(ACME, FAMILY, Instant(90))], ids=["grant", "family"]
)
async def test_what_ends_at_one_issuer_lives_on_at_another_under_the_same_ids(store: Store, end: Change) -> None:
    family, token = a_family(ends_at=None), a_refresh_token(expires_at=LATER)
    await made(store, [*a_grant_with_a_code(), AddFamily(family), AddRefreshToken(token), *elsewhere(), end])
    # Something ends there too, so that both issuers are named in one batch.
    over = a_grant(issuer=OTHER, id=GrantId("over"), organisation=None, revoked_at=Instant(90))
    lost = a_family(issuer=OTHER, id=FamilyId("over"), grant_id=over.id, revoked_at=Instant(90))
    await made(store, [AddGrant(over), AddFamily(lost)])

    await cleaned(store, 80_000 + DAY)

    assert await store.refresh_facts(ACME, token.digest) is None
    lives = await store.refresh_facts(OTHER, token.digest)
    assert lives is not None
    assert lives.family == a_family(issuer=OTHER, ends_at=None)
    assert await store.code_facts(OTHER, a_code().digest) is not None


@pytest.mark.parametrize("limit", [-1, 0, 1, 501])
async def test_a_batch_is_small(store: Store, limit: int) -> None:
    with pytest.raises(ValueError, match="2 to 500"):
        await store.clean(None, Instant(0), limit)
    with pytest.raises(ValueError, match="an id is"):
        await store.clean(IssuerName("\0"), Instant(0))


async def many(store: Store, number: int) -> None:
    """As many of each kind, all ended."""
    await made(store, [*a_grant_with_a_code()[:-2], AddSession(a_session(expires_at=LATER))])
    for start in range(0, number, 50):
        changes: list[Change] = []
        for turn in range(start, start + 50):
            name = f"n{turn}"
            digest = name.encode().ljust(32)
            grant = a_grant(id=GrantId(name), revoked_at=Instant(90))
            family = a_family(id=FamilyId(name), grant_id=grant.id)
            token = a_refresh_token(digest=digest, family_id=family.id)
            changes += [
                AddSession(a_session(id=SessionId(name), digest=digest)),
                AddTransaction(a_transaction(id=TransactionId(name))),
                AddGrant(grant),
                AddCode(a_code(digest=digest, grant_id=grant.id)),
                AddFamily(family),
                AddRefreshToken(token),
                AddRevocation(ACME, Ended.GRANT, grant.id, Instant(500)),
            ]
        await made(store, changes)


@pytest.mark.parametrize("limit", [2, 40])
async def test_FT38_no_batch_is_larger_than_asked_and_all_that_is_due_goes(store: Store, limit: int) -> None:
    await many(store, 50)
    live = {"transactions": 0, "sessions": 1} | dict.fromkeys(CLEANED[2:], 0)
    before = sum((await counts(store)).values())

    went = [await store.clean(None, Instant(LATER - 1), limit)]
    while went[-1]:
        now = sum((await counts(store)).values())
        assert before - now == went[-1] <= limit
        before = now
        went.append(await store.clean(None, Instant(LATER - 1), limit))

    assert await counts(store) == live


async def test_FT38_nodes_that_clean_at_once_share_the_work(store: Store, another_store: Store) -> None:
    await many(store, 100)

    async def clean(node: Store) -> int:
        total = 0
        while went := await node.clean(None, Instant(LATER - 1), 30):
            total += went
        return total

    shares = await asyncio.gather(clean(store), clean(another_store))

    assert sum(shares) == 700
    assert sum((await counts(store)).values()) == 1


async def test_FT38_changes_go_on_while_somebody_cleans(store: Store, another_store: Store) -> None:
    await many(store, 100)
    await made(
        store,
        [AddGrant(a_grant()), AddFamily(a_family(ends_at=None)), AddRefreshToken(a_refresh_token(expires_at=LATER))],
    )

    cleaning = asyncio.gather(*(store.clean(None, Instant(LATER - 1), 40) for _ in range(5)))
    for generation in range(1, 20):
        await made(another_store, [AdvanceFamily(ACME, FAMILY, generation)])
    await cleaning

    facts = await store.refresh_facts(ACME, bytes([1]) * 32)
    assert facts is not None
    assert facts.family.generation == 20
    assert a_client().id == facts.standing.client.client.id
