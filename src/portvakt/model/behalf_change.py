"""The changes to what stands between a user and a client that acts for them: see `portvakt.model.change`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.behalf import ApiKey, Code, Ended, Family, Grant, Password, RefreshToken, Session, Transaction
    from portvakt.model.values import ApiKeyId, FamilyId, GrantId, Instant, IssuerName, SessionId, TransactionId


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Insert or replace a user's password. Lost if there is no such user."""

    password: Password


@dataclass(frozen=True, slots=True)
class AddSession:
    """Insert a session. Lost if there is one with that id or digest."""

    session: Session


@dataclass(frozen=True, slots=True)
class EndSession:
    """Revoke a session, also one that has expired. Lost if there is none, or it was revoked already."""

    issuer: IssuerName
    session_id: SessionId
    revoked_at: Instant


@dataclass(frozen=True, slots=True)
class AddTransaction:
    """Insert a transaction. Lost if there is one with that id."""

    transaction: Transaction


@dataclass(frozen=True, slots=True)
class AnswerTransaction:
    """Note that a transaction was answered. Lost if it was already: one request gives one code."""

    issuer: IssuerName
    transaction_id: TransactionId
    answered_at: Instant


@dataclass(frozen=True, slots=True)
class AddGrant:
    """Insert a grant. Lost if there is one with that id."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class RevokeGrant:
    """Revoke a grant, and with it all that came from it. Lost if it was already."""

    issuer: IssuerName
    grant_id: GrantId
    revoked_at: Instant


@dataclass(frozen=True, slots=True)
class KeepGrant:
    """Leave a grant as it is, for what is given because of it. Lost if it was revoked meanwhile, or is none."""

    issuer: IssuerName
    grant_id: GrantId


@dataclass(frozen=True, slots=True)
class AddCode:
    """Insert a code. Lost if there is one with that digest."""

    code: Code


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """Redeem a code. Lost if it was already (RFC 6749 §4.1.2), or if its grant was revoked meanwhile."""

    issuer: IssuerName
    digest: bytes
    redeemed_at: Instant


@dataclass(frozen=True, slots=True)
class AddFamily:
    """Insert a family. Lost if there is one with that id."""

    family: Family


@dataclass(frozen=True, slots=True)
class AdvanceFamily:
    """Raise a family's generation from `generation` by one.

    Lost if it is another by now, or if the family or its grant was revoked.
    """

    issuer: IssuerName
    family_id: FamilyId
    generation: int


@dataclass(frozen=True, slots=True)
class RevokeFamily:
    """Revoke a family. Lost if it was already."""

    issuer: IssuerName
    family_id: FamilyId
    revoked_at: Instant


@dataclass(frozen=True, slots=True)
class AddRefreshToken:
    """Insert a refresh token. Lost if there is one with that digest, or one of that family and generation."""

    token: RefreshToken


@dataclass(frozen=True, slots=True)
class RedeemRefreshToken:
    """Redeem a rotating refresh token, keeping what a repeat may get. Lost if it was already."""

    issuer: IssuerName
    digest: bytes
    redeemed_at: Instant
    reissue: bytes | None
    request: bytes | None
    redeemed_from: str = ""


@dataclass(frozen=True, slots=True)
class ForgetReissue:
    """Delete what a repeat of an older generation could get. Lost if there is no such token."""

    issuer: IssuerName
    family_id: FamilyId
    generation: int


@dataclass(frozen=True, slots=True)
class NoteRepeat:
    """Note that the answer to `generation` was given again, as for `repeats` generations running.

    Lost if the family's generation is not the next one (by now its successor was redeemed), or if the family or its
    grant was revoked: a repeat is an answer only while nothing has moved. Lost also if the generation that was noted
    last is not `noted`, so that of two repeats at one moment one alone is the first.
    """

    issuer: IssuerName
    family_id: FamilyId
    generation: int
    repeats: int
    noted: int | None = None


@dataclass(frozen=True, slots=True)
class AddRevocation:
    """Tell the guards of something that ended; they keep it until `until`. The members are `Revocation`'s."""

    issuer: IssuerName
    kind: Ended
    id: str
    until: Instant
    before: Instant | None = None


@dataclass(frozen=True, slots=True)
class AddApiKey:
    """Insert an API key. Lost if there is one with that id, or if there is no such user or organisation."""

    key: ApiKey


@dataclass(frozen=True, slots=True)
class RevokeApiKey:
    """Revoke an API key. Lost if there is none, or it was revoked already."""

    issuer: IssuerName
    key_id: ApiKeyId
    revoked_at: Instant


BehalfChange = (
    SetPassword
    | AddSession
    | EndSession
    | AddTransaction
    | AnswerTransaction
    | AddGrant
    | RevokeGrant
    | KeepGrant
    | AddCode
    | RedeemCode
    | AddFamily
    | AdvanceFamily
    | RevokeFamily
    | AddRefreshToken
    | RedeemRefreshToken
    | ForgetReissue
    | NoteRepeat
    | AddRevocation
    | AddApiKey
    | RevokeApiKey
)
