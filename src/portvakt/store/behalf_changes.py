"""Each change to what acts on a user's behalf, as its one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from sqlalchemy import and_, exists, literal, select

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
from portvakt.store.behalf_rows import TABLES, row_of
from portvakt.store.checks import checked_digest, checked_end, checked_id, checked_moment, checked_sealed, checked_text
from portvakt.store.inserting import insert_new, insert_or_replace, insert_selected
from portvakt.store.schema import (
    API_KEYS,
    CODES,
    FAMILIES,
    GRANTS,
    PASSWORDS,
    REFRESH_TOKENS,
    REVISION,
    REVOCATIONS,
    SESSIONS,
    TRANSACTIONS,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Executable, Table, Update

    from portvakt.model.behalf_change import BehalfChange
    from portvakt.model.values import Instant, IssuerName

Addition = AddSession | AddTransaction | AddGrant | AddCode | AddFamily | AddRefreshToken | AddApiKey
Ending = EndSession | AnswerTransaction | RevokeGrant | RevokeFamily | RevokeApiKey
OfFamily = AdvanceFamily | NoteRepeat


def statement_of(change: BehalfChange, dialect: str) -> Executable:
    """As `statements.statement_of`."""
    match change:
        case (
            AddSession(noun)
            | AddTransaction(noun)
            | AddGrant(noun)
            | AddCode(noun)
            | AddFamily(noun)
            | AddRefreshToken(noun)
            | AddApiKey(noun)
        ):
            return insert_new(TABLES[type(noun)], row_of(noun), dialect)
        case SetPassword(password):
            return insert_or_replace(PASSWORDS, row_of(password), dialect)
        case EndSession() | AnswerTransaction() | RevokeGrant() | RevokeFamily() | RevokeApiKey():
            return _ending(change)
        case KeepGrant(issuer, grant_id):
            mine = (GRANTS.c.issuer == checked_id(issuer), GRANTS.c.id == checked_id(grant_id))
            return GRANTS.update().where(*mine, GRANTS.c.revoked_at.is_(None)).values(revoked_at=None)
        case RedeemCode(issuer, digest, redeemed_at):
            mine = (CODES.c.issuer == checked_id(issuer), CODES.c.digest == checked_digest(digest))
            still = (CODES.c.redeemed_at.is_(None), _its_grant_lives(CODES))
            return CODES.update().where(*mine, *still).values(redeemed_at=checked_moment(redeemed_at))
        case AdvanceFamily() | NoteRepeat():
            return _of_family(change)
        case RedeemRefreshToken():
            return _redeem_refresh_token(change)
        case ForgetReissue(issuer, family_id, generation):
            return (
                REFRESH_TOKENS.update()
                .where(
                    REFRESH_TOKENS.c.issuer == checked_id(issuer),
                    REFRESH_TOKENS.c.family_id == checked_id(family_id),
                    REFRESH_TOKENS.c.generation == generation,
                )
                .values(reissue=None, request=None)
            )
        case AddRevocation():
            return _add_revocation(change, dialect)
        case _:
            assert_never(change)


def _ending(change: Ending) -> Update:
    match change:
        case EndSession(issuer, session_id, moment):
            return _once(SESSIONS, "revoked_at", issuer, session_id, moment)
        case AnswerTransaction(issuer, transaction_id, moment):
            return _once(TRANSACTIONS, "answered_at", issuer, transaction_id, moment)
        case RevokeGrant(issuer, grant_id, moment):
            return _once(GRANTS, "revoked_at", issuer, grant_id, moment)
        case RevokeFamily(issuer, family_id, moment):
            return _once(FAMILIES, "revoked_at", issuer, family_id, moment)
        case RevokeApiKey(issuer, key_id, moment):
            return _once(API_KEYS, "revoked_at", issuer, key_id, moment)
        case _:
            assert_never(change)


def _once(table: Table, column: str, issuer: IssuerName, key: str, moment: Instant) -> Update:
    """Say when something happened to a row, unless that was said already."""
    mine = (table.c.issuer == checked_id(issuer), table.c.id == checked_id(key))
    return table.update().where(*mine, table.c[column].is_(None)).values({column: checked_moment(moment)})


def _its_grant_lives(table: Table) -> ColumnElement[bool]:
    # FOR SHARE: on PostgreSQL a revocation that is under way is waited for, and what it leaves is looked at again;
    # else what came from the grant could outlive it. SQLite has one writer, and leaves the words out.
    grant = and_(GRANTS.c.issuer == table.c.issuer, GRANTS.c.id == table.c.grant_id, GRANTS.c.revoked_at.is_(None))
    return exists(select(GRANTS.c.id).where(grant).correlate(table).with_for_update(read=True))


def _of_family(change: OfFamily) -> Update:
    one = FAMILIES.update().where(
        FAMILIES.c.issuer == checked_id(change.issuer),
        FAMILIES.c.id == checked_id(change.family_id),
        FAMILIES.c.revoked_at.is_(None),
        _its_grant_lives(FAMILIES),
    )
    if isinstance(change, AdvanceFamily):
        return one.where(FAMILIES.c.generation == change.generation).values(generation=FAMILIES.c.generation + 1)
    as_read = FAMILIES.c.repeated_generation.is_not_distinct_from(change.noted)
    return one.where(FAMILIES.c.generation == change.generation + 1, as_read).values(
        repeated_generation=change.generation, repeats=change.repeats
    )


def _redeem_refresh_token(change: RedeemRefreshToken) -> Update:
    said: dict[str, Any] = {
        "redeemed_at": checked_moment(change.redeemed_at),
        "reissue": None if change.reissue is None else checked_sealed(change.reissue),
        "request": None if change.request is None else checked_digest(change.request),
        "redeemed_from": checked_text(change.redeemed_from),
    }
    return (
        REFRESH_TOKENS.update()
        .where(
            REFRESH_TOKENS.c.issuer == checked_id(change.issuer),
            REFRESH_TOKENS.c.digest == checked_digest(change.digest),
            REFRESH_TOKENS.c.redeemed_at.is_(None),
        )
        .values(said)
    )


def _add_revocation(change: AddRevocation, dialect: str) -> Executable:
    """Insert a revocation whose number is the one that the counter of changes is about to have.

    A reader goes on from the greatest number that it has seen, so no smaller one may be committed later. A sequence
    of PostgreSQL's would not do: two transactions draw 7 and 8, and the 8 is committed first. The counter's row is
    locked here until the commit, and the lock's holder reads what the one before it has committed: numbers are
    committed in their order. Revocations of one set share a number, so a page ends with a whole set.
    """
    row = {
        "issuer": literal(checked_id(change.issuer)),
        "sequence": REVISION.c.value + 1,
        "kind": literal(change.kind.value),
        "id": literal(checked_id(change.id)),
        "until": literal(checked_moment(change.until)),
        "before": literal(checked_end(change.before), REVOCATIONS.c.before.type),
    }
    chosen = select(*row.values()).where(REVISION.c.id == 1).with_for_update()
    return insert_selected(REVOCATIONS, [*row], chosen, dialect)
