"""The tables. The migrations make them; a test holds the two to each other.

Moments are whole Unix seconds. Lists of words are JSON arrays. An issuer is a name: its other facts are
settings. Every key begins with the issuer, so that nothing is found across two of them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0001"
"""The newest migration. Later ones sort after earlier ones: so a database ahead is told from one behind."""

METADATA = MetaData()

# Ids sort by their bytes on both databases, or pages of a list would differ.
NAME = String(255).with_variant(String(255, collation="C"), "postgresql")

USERS = Table(
    "users",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),  # the address without letter case
    Column("roles", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_users"),
    UniqueConstraint("issuer", "email_key", name="uq_users_email"),
)

CLIENTS = Table(
    "clients",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("owner", NAME, nullable=False),
    Column("authentication", Text, nullable=False),
    Column("grants", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("default_scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("issuer", "id", name="pk_clients"),
    ForeignKeyConstraint(("issuer", "owner"), ("users.issuer", "users.id"), name="fk_clients_owner"),
    CheckConstraint("version >= 1", name="ck_clients_version"),
    Index("ix_clients_owner", "issuer", "owner"),
)

CLIENT_SECRETS = Table(
    "client_secrets",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_client_secrets"),
    ForeignKeyConstraint(("issuer", "client_id"), ("clients.issuer", "clients.id"), name="fk_client_secrets_client"),
    # HMAC-SHA-256 and nothing else: a secret itself does not fit.
    CheckConstraint("length(digest) = 32", name="ck_client_secrets_digest"),
    CheckConstraint("length(last4) <= 4", name="ck_client_secrets_last4"),
    Index("ix_client_secrets_client", "issuer", "client_id"),
)

SIGNING_KEYS = Table(
    "signing_keys",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("signs_from", BigInteger, nullable=False),
    Column("published_until", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_signing_keys"),
    UniqueConstraint("issuer", "number", name="uq_signing_keys_number"),
    CheckConstraint("number >= 1", name="ck_signing_keys_number"),
)

REVISION = Table(
    "revision",
    METADATA,
    Column("id", Integer, nullable=False, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="pk_revision"),
    CheckConstraint("id = 1", name="ck_revision_one_row"),
)
"""One row: how many sets of changes were applied. Last use does not count."""
