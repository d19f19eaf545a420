"""Invitations: one for each user, used once, found by what is kept of the link alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from portvakt.model.behalf import Invitation, Purpose
from portvakt.model.change import AddUser, Applied, EndInvitation, ForgetLink, Lost, PutInvitation
from portvakt.model.values import Instant, UserId
from stored import ACME, OTHER, OWNER, a_user

if TYPE_CHECKING:
    from portvakt.store import Store

NOW = Instant(200)
MADE = Invitation(
    issuer=ACME,
    user_id=OWNER,
    digest=b"d" * 32,
    purpose=Purpose.RESET,
    created_at=NOW,
    expires_at=Instant(NOW + 60),
    sealed=b"sealed",
)
NEWER = replace(MADE, digest=b"e" * 32, purpose=Purpose.INVITED, sealed=None)


@pytest.fixture
async def kept(store: Store) -> Store:
    assert await store.apply([AddUser(a_user()), PutInvitation(MADE)]) == Applied()
    return store


async def test_an_invitation_is_found_by_its_digest_and_by_its_user_at_its_issuer(kept: Store) -> None:
    assert await kept.invitation(ACME, MADE.digest) == MADE
    assert await kept.invitation_of(ACME, OWNER) == MADE
    assert await kept.invitation(OTHER, MADE.digest) is None
    assert await kept.invitation_of(OTHER, OWNER) is None
    assert await kept.invitation(ACME, b"short") is None
    assert await kept.invitation_of(ACME, UserId("\0")) is None


async def test_a_newer_invitation_takes_the_place_of_the_older(kept: Store) -> None:
    assert await kept.apply([PutInvitation(NEWER)]) == Applied()

    assert await kept.invitation(ACME, MADE.digest) is None
    assert await kept.invitation_of(ACME, OWNER) == NEWER
    assert await kept.apply([EndInvitation(ACME, MADE.digest)]) == Lost(EndInvitation(ACME, MADE.digest))


async def test_there_is_none_without_its_user(kept: Store) -> None:
    nobodys = PutInvitation(replace(MADE, user_id=UserId("user_none"), digest=b"f" * 32))

    assert await kept.apply([nobodys]) == Lost(nobodys)


async def test_of_many_who_use_one_at_once_one_does(kept: Store) -> None:
    ends = EndInvitation(ACME, MADE.digest)

    told = await asyncio.gather(*(kept.apply([ends]) for _ in range(20)))

    assert (told.count(Applied()), told.count(Lost(ends))) == (1, 19)


async def test_a_link_that_was_sent_is_kept_no_more(kept: Store) -> None:
    forget = ForgetLink(ACME, MADE.digest)

    assert [await kept.apply([forget]) for _ in range(2)] == [Applied(), Lost(forget)]
    assert await kept.invitation(ACME, MADE.digest) == replace(MADE, sealed=None)


async def test_those_that_wait_have_pages_and_the_expired_are_in_none(kept: Store) -> None:
    others = [UserId(f"user_{number}") for number in range(3)]
    for number, user in enumerate(others):
        made = replace(MADE, user_id=user, digest=bytes([number]) * 32, sealed=None if number == 1 else b"sealed")
        added = AddUser(replace(a_user(), id=user, email=f"{number}@example.com"))
        assert await kept.apply([added, PutInvitation(made)]) == Applied()

    first = await kept.waiting_invitations(ACME, NOW, None, 2)
    rest = await kept.waiting_invitations(ACME, NOW, first[-1].user_id, 2)

    waiting = [each.user_id for each in first + rest]
    assert waiting == sorted({OWNER, others[0], others[2]})
    assert await kept.waiting_invitations(ACME, MADE.expires_at, None, 9) == []
    assert await kept.waiting_invitations(ACME, NOW, UserId("\0"), 9) == []
    with pytest.raises(ValueError, match="at least 1"):
        await kept.waiting_invitations(ACME, NOW, None, 0)


async def test_an_expired_one_is_deleted(kept: Store) -> None:
    assert await kept.clean(ACME, Instant(MADE.expires_at - 1)) == 0
    assert await kept.clean(ACME, MADE.expires_at) == 1
    assert await kept.invitation(ACME, MADE.digest) is None
