"""Invitations: their table, and the changes to it, each as its one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from portvakt.model.change import EndInvitation, ForgetLink, PutInvitation
from portvakt.store.checks import checked_digest, checked_id, checked_moment, checked_sealed
from portvakt.store.inserting import insert_or_replace
from portvakt.store.schema import DIGEST, METADATA, NAME

if TYPE_CHECKING:
    from sqlalchemy import Executable

InvitationChange = PutInvitation | EndInvitation | ForgetLink

INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary),
    # One for each user: whoever makes another one ends it.
    PrimaryKeyConstraint("issuer", "user_id", name="pk_invitations"),
    UniqueConstraint("issuer", "digest", name="uq_invitations_digest"),
    ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_invitations_user"),
    CheckConstraint("length(digest) = 32", name="ck_invitations_digest"),
    Index(
        "ix_invitations_waiting",
        "issuer",
        "user_id",
        sqlite_where=text("sealed IS NOT NULL"),
        postgresql_where=text("sealed IS NOT NULL"),
    ),
    Index("ix_invitations_expires", "expires_at"),
)


def statement_of(change: InvitationChange, dialect: str) -> Executable:
    """As `statements.statement_of`."""
    match change:
        case PutInvitation(made):
            row = {
                "issuer": checked_id(made.issuer),
                "user_id": checked_id(made.user_id),
                "digest": checked_digest(made.digest),
                "purpose": made.purpose.value,
                "created_at": checked_moment(made.created_at),
                "expires_at": checked_moment(made.expires_at),
                "sealed": None if made.sealed is None else checked_sealed(made.sealed),
            }
            return insert_or_replace(INVITATIONS, row, dialect)
        case EndInvitation(issuer, digest):
            mine = (INVITATIONS.c.issuer == checked_id(issuer), INVITATIONS.c.digest == checked_digest(digest))
            return INVITATIONS.delete().where(*mine)
        case ForgetLink(issuer, digest):
            mine = (INVITATIONS.c.issuer == checked_id(issuer), INVITATIONS.c.digest == checked_digest(digest))
            return INVITATIONS.update().where(*mine, INVITATIONS.c.sealed.is_not(None)).values(sealed=None)
        case _:
            assert_never(change)
