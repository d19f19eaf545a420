"""The tables. The migrations make them; a test holds the two to each other.

Moments are whole Unix seconds. Lists of words are JSON arrays. An issuer is a name: its other facts are
settings. Every key begins with the issuer, so that nothing is found across two of them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    false,
    text,
)

HEAD = "0004"
"""The newest migration. Later ones sort after earlier ones: so a database ahead is told from one behind."""

METADATA = MetaData()
# Ids sort by their bytes on both databases, or pages of a list would differ.
NAME = String(255).with_variant(String(255, collation="C"), "postgresql")

KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""What is searched by its first letters, so a range of keys: see `rows.search_key`."""
# Given by the database, each greater than those before it, and never again.
NUMBER = BigInteger().with_variant(Integer, "sqlite")
DIGEST = LargeBinary(32)  # HMAC-SHA-256: what it was made of does not fit. The database checks the length too.


def _index(name: str, *columns: str, where: str) -> Index:
    """An index of some rows alone."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


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
    Column("locale", Text),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("search_key", KEY, nullable=False, server_default=text("''")),  # as `email_key`, but in the order of bytes
    PrimaryKeyConstraint("issuer", "id", name="pk_users"),
    UniqueConstraint("issuer", "email_key", name="uq_users_email"),
    Index("ix_users_search", "issuer", "search_key"),
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
    Column("redirect_uris", Text, nullable=False, server_default="[]"),  # versions before 0002 name no such column
    Column("name_key", KEY, nullable=False, server_default=text("''")),
    Column("organisation", NAME),
    Column("token_quota", Text),  # JSON: [requests, seconds]
    Column("disabled_by_operator", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", BigInteger),  # the row stays: its id is not given again, and what refers to it stays whole
    PrimaryKeyConstraint("issuer", "id", name="pk_clients"),
    ForeignKeyConstraint(("issuer", "owner"), ("users.issuer", "users.id"), name="fk_clients_owner"),
    CheckConstraint("version >= 1", name="ck_clients_version"),
    # However many were deleted, a page does not walk over them.
    _index("ix_clients_live", "issuer", "id", where="deleted_at IS NULL"),
    _index("ix_clients_owner", "issuer", "owner", "id", where="deleted_at IS NULL AND organisation IS NULL"),
    _index("ix_clients_organisation", "issuer", "organisation", "id", where="deleted_at IS NULL"),
    _index("ix_clients_name", "issuer", "name_key", "id", where="deleted_at IS NULL"),
    # The few whose programs may run in a browser, among however many that do not.
    _index("ix_clients_public", "issuer", where="authentication = 'none'"),
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
    Column("last_used_from", Text),
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
    Column("revoked_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_signing_keys"),
    UniqueConstraint("issuer", "number", name="uq_signing_keys_number"),
    CheckConstraint("number >= 1", name="ck_signing_keys_number"),
)

PASSWORDS = Table(
    "passwords",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("hash", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("issuer", "user_id", name="pk_passwords"),
    ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_passwords_user"),
    # A password itself does not fit.
    CheckConstraint("substr(hash, 1, 10) = '$argon2id$'", name="ck_passwords_hash"),
)

ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("number", NAME, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("name_key", KEY, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("issuer", "number", name="pk_organisations"),
    Index("ix_organisations_name", "issuer", "name_key", "number"),
)

MEMBERSHIPS = Table(
    "memberships",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("organisation", NAME, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("administrator", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("issuer", "user_id", "organisation", name="pk_memberships"),
    ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_memberships_user"),
    ForeignKeyConstraint(
        ("issuer", "organisation"), ("organisations.issuer", "organisations.number"), name="fk_memberships_organisation"
    ),
    Index("ix_memberships_organisation", "issuer", "organisation", "user_id"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_sessions"),
    UniqueConstraint("issuer", "digest", name="uq_sessions_digest"),
    ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_sessions_user"),
    CheckConstraint("length(digest) = 32", name="ck_sessions_digest"),
    Index("ix_sessions_user", "issuer", "user_id"),
    Index("ix_sessions_expires", "expires_at"),
)

TRANSACTIONS = Table(
    "transactions",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("session_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("redirect_sent", Boolean, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("state", Text),
    Column("challenge", Text),
    Column("organisation", NAME),
    Column("locale", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_transactions"),
    ForeignKeyConstraint(("issuer", "session_id"), ("sessions.issuer", "sessions.id"), name="fk_transactions_session"),
    Index("ix_transactions_session", "issuer", "session_id"),
    Index("ix_transactions_expires", "expires_at"),
)

GRANTS = Table(
    "grants",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("organisation", NAME),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_grants"),
    ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_grants_user"),
    ForeignKeyConstraint(("issuer", "client_id"), ("clients.issuer", "clients.id"), name="fk_grants_client"),
    ForeignKeyConstraint(
        ("issuer", "organisation"), ("organisations.issuer", "organisations.number"), name="fk_grants_organisation"
    ),
    Index("ix_grants_user", "issuer", "user_id", "client_id"),
    _index("ix_grants_client", "issuer", "client_id", "id", where="revoked_at IS NULL"),
    Index("ix_grants_revoked", "revoked_at"),
)

CODES = Table(
    "codes",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("grant_id", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("redirect_sent", Boolean, nullable=False),
    Column("challenge", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("redeemed_at", BigInteger),
    PrimaryKeyConstraint("issuer", "digest", name="pk_codes"),
    ForeignKeyConstraint(("issuer", "grant_id"), ("grants.issuer", "grants.id"), name="fk_codes_grant"),
    CheckConstraint("length(digest) = 32", name="ck_codes_digest"),
    Index("ix_codes_grant", "issuer", "grant_id"),
    Index("ix_codes_expires", "expires_at"),
)

FAMILIES = Table(
    "families",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("grant_id", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("repeated_generation", BigInteger),
    Column("repeats", BigInteger, nullable=False),
    PrimaryKeyConstraint("issuer", "id", name="pk_families"),
    ForeignKeyConstraint(("issuer", "grant_id"), ("grants.issuer", "grants.id"), name="fk_families_grant"),
    CheckConstraint("generation >= 0", name="ck_families_generation"),
    Index("ix_families_grant", "issuer", "grant_id"),
    Index("ix_families_ends", "ends_at"),
    Index("ix_families_revoked", "revoked_at"),
)

REFRESH_TOKENS = Table(
    "refresh_tokens",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("family_id", NAME, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("redeemed_at", BigInteger),
    Column("reissue", LargeBinary),
    Column("request", DIGEST),
    Column("last_used_at", BigInteger),
    Column("redeemed_from", Text),
    PrimaryKeyConstraint("issuer", "digest", name="pk_refresh_tokens"),
    UniqueConstraint("issuer", "family_id", "generation", name="uq_refresh_tokens_generation"),
    ForeignKeyConstraint(("issuer", "family_id"), ("families.issuer", "families.id"), name="fk_refresh_tokens_family"),
    CheckConstraint("length(digest) = 32", name="ck_refresh_tokens_digest"),
    CheckConstraint("length(request) = 32", name="ck_refresh_tokens_request"),
    Index("ix_refresh_tokens_expires", "expires_at"),
    _index("ix_refresh_tokens_reissue", "redeemed_at", where="reissue IS NOT NULL"),
)

REVOCATIONS = Table(
    "revocations",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("id", NAME, nullable=False),  # no foreign key: a guard is told also of what was deleted
    Column("until", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, server_default="grant"),
    Column("before", BigInteger),
    # Ids of two kinds are never alike: each kind has its prefix, and an organisation's is its number.
    PrimaryKeyConstraint("issuer", "sequence", "id", name="pk_revocations"),
    Index("ix_revocations_id", "issuer", "id", "sequence"),
    Index("ix_revocations_until", "until"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("issuer", NAME, nullable=False),
    Column("id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("organisation", NAME),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    PrimaryKeyConstraint("issuer", "id", name="pk_api_keys"),
    ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_api_keys_user"),
    ForeignKeyConstraint(
        ("issuer", "organisation"), ("organisations.issuer", "organisations.number"), name="fk_api_keys_organisation"
    ),
    Index("ix_api_keys_user", "issuer", "user_id"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("issuer", NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("act", NAME, nullable=False),
    Column("object", Text, nullable=False),
    Column("client", NAME),
    Column("user_id", NAME),
    Column("organisation", NAME),
    Column("before", Text, nullable=False),  # JSON objects, both
    Column("after", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_issuer", NAME),
    Column("actor_id", KEY, nullable=False),
    Column("address", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Index("ix_audit_issuer", "issuer", "number"),
    Index("ix_audit_client", "issuer", "client", "number"),
    Index("ix_audit_user", "issuer", "user_id", "number"),
    Index("ix_audit_organisation", "issuer", "organisation", "number"),
    Index("ix_audit_act", "issuer", "act", "number"),
    Index("ix_audit_actor", "issuer", "actor_id", "number"),
    sqlite_autoincrement=True,
)
"""Only grows: triggers refuse to change and to delete. No foreign keys: it outlives what it tells of."""

REFUSALS = Table(
    "refusals",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("reference", NAME, nullable=False),
    Column("issuer", NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("client_id", NAME),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("near", Text, nullable=False),
    Column("hints", Text, nullable=False),  # a JSON object
    Index("ix_refusals_reference", "reference"),
    Index("ix_refusals_client", "issuer", "client_id", "number"),
    Index("ix_refusals_at", "at"),
    sqlite_autoincrement=True,
)
"""A ring: the newest, for some days."""

REVISION = Table(
    "revision",
    METADATA,
    Column("id", Integer, nullable=False, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="pk_revision"),
    CheckConstraint("id = 1", name="ck_revision_one_row"),
)
"""One row: how many sets of changes were applied. Last use does not count."""
