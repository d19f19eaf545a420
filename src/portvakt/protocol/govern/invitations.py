"""Decisions about links by which users choose a password: the first one, or another for one that was forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.jose.sealing import NONCE_OCTETS, place_of_link, seal, unseal
from portvakt.model.audit import Act
from portvakt.model.behalf import Invitation, Purpose
from portvakt.model.change import Note, PutInvitation
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.values import Instant, Seconds, Secret
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint
from portvakt.protocol.govern.people import set_password
from portvakt.protocol.govern.told import of_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import Password, Session
    from portvakt.model.nouns import Issuer, User

RANDOM_OCTETS = SECRET_OCTETS + NONCE_OCTETS
LIFE = {Purpose.INVITED: Seconds(7 * 86_400), Purpose.RESET: Seconds(86_400)}
"""How long a link is good."""

ACTS = {Purpose.INVITED: Act.USER_INVITED, Purpose.RESET: Act.PASSWORD_RESET_ASKED}

ENDED = Refused(INVALID_REQUEST, "The link was used, or is too old.", reason="no such invitation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link by which a user may choose a password once. Whoever has it can be them: it is the user's to see."""

    user: User
    purpose: Purpose
    url: Secret = field(repr=False)
    digest: bytes = field(repr=False)
    created_at: Instant
    expires_at: Instant


def give_link(
    issuer: Issuer, user: User, purpose: Purpose, *, pepper: bytes, key: bytes, random: bytes, now: Instant
) -> Granted[Link] | Refused:
    """Decide to give a user a link, and end the one that they had. `random`: `RANDOM_OCTETS` bytes.

    `key` seals it for whoever sends it.
    """
    if issuer.provider.authorize_path is None:
        return _refused("Nobody logs in at this issuer.")
    if user.disabled_at is not None:
        return _refused("The user is disabled.")
    token = mint(Kind.INVITATION, random[:SECRET_OCTETS])
    digest = keep_opaque(Kind.INVITATION, pepper, token)
    where = place_of_link(issuer.name, user.id, digest)
    made = Invitation(
        issuer=issuer.name,
        user_id=user.id,
        digest=digest,
        purpose=purpose,
        created_at=now,
        expires_at=Instant(now + LIFE[purpose]),
        sealed=seal(key, token.reveal().encode(), where, random[SECRET_OCTETS:]),
    )
    note = Note(of_user(user, ACTS[purpose], now, after={"expires": made.expires_at}))
    return Granted(_link(issuer, user, made, token), (PutInvitation(made), note))


def open_link(issuer: Issuer, user: User, invitation: Invitation, *, key: bytes) -> Link | None:
    """Return the link of an invitation; None if it was sent. Raises: portvakt.jose.sealing.UnsealFailed."""
    if invitation.sealed is None:
        return None
    where = place_of_link(issuer.name, user.id, invitation.digest)
    return _link(issuer, user, invitation, Secret(unseal(key, invitation.sealed, where).decode()))


def is_good(invitation: Invitation | None, user: User, now: Instant) -> bool:
    """Whether the user may choose a password now."""
    return invitation is not None and now < invitation.expires_at and user.disabled_at is None


def choose_password(
    user: User,
    invitation: Invitation | None,
    password: Password,
    sessions: Sequence[Session],
    *,
    now: Instant,
) -> Granted[User] | Refused:
    """Decide on the password of whoever has an invitation's link, which is good for that once."""
    if not is_good(invitation, user, now):
        return ENDED
    return Granted(user, set_password(user, password, sessions, invitation, now=now).changes)


def _link(issuer: Issuer, user: User, made: Invitation, token: Secret) -> Link:
    url = Secret(f"{issuer.url}/password?token={token.reveal()}")
    return Link(
        user=user,
        purpose=made.purpose,
        url=url,
        digest=made.digest,
        created_at=made.created_at,
        expires_at=made.expires_at,
    )


def _refused(text: str) -> Refused:
    return Refused(INVALID_REQUEST, text, reason=text)
