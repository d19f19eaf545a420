"""Acting on a user's behalf. Only adds: what is written by version 0001 stays whole, and what it reads is there."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def upgrade() -> None:
    people()
    logging_in()
    granting()
    refreshing()
    revoking()
    api_keys()
    public = sa.text("authentication = 'none'")
    op.create_index("ix_clients_public", "clients", ["issuer"], sqlite_where=public, postgresql_where=public)
    # Last, since these lock tables that are read meanwhile: the shorter before the commit, the better.
    op.add_column("users", sa.Column("locale", sa.Text))
    op.add_column("clients", sa.Column("redirect_uris", sa.Text, nullable=False, server_default="[]"))


def people() -> None:
    op.create_table(
        "passwords",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "user_id", name="pk_passwords"),
        sa.ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_passwords_user"),
        sa.CheckConstraint("substr(hash, 1, 10) = '$argon2id$'", name="ck_passwords_hash"),
    )
    op.create_table(
        "organisations",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("number", NAME, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "number", name="pk_organisations"),
    )
    op.create_table(
        "memberships",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("organisation", NAME, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "user_id", "organisation", name="pk_memberships"),
        sa.ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_memberships_user"),
        sa.ForeignKeyConstraint(
            ("issuer", "organisation"),
            ("organisations.issuer", "organisations.number"),
            name="fk_memberships_organisation",
        ),
    )
    op.create_index("ix_memberships_organisation", "memberships", ["issuer", "organisation"])


def logging_in() -> None:
    op.create_table(
        "sessions",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_sessions"),
        sa.UniqueConstraint("issuer", "digest", name="uq_sessions_digest"),
        sa.ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_sessions_user"),
        sa.CheckConstraint("length(digest) = 32", name="ck_sessions_digest"),
    )
    op.create_index("ix_sessions_user", "sessions", ["issuer", "user_id"])
    op.create_index("ix_sessions_expires", "sessions", ["expires_at"])
    op.create_table(
        "transactions",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("session_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("redirect_sent", sa.Boolean, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("challenge", sa.Text),
        sa.Column("organisation", NAME),
        sa.Column("locale", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_transactions"),
        sa.ForeignKeyConstraint(
            ("issuer", "session_id"), ("sessions.issuer", "sessions.id"), name="fk_transactions_session"
        ),
    )
    op.create_index("ix_transactions_session", "transactions", ["issuer", "session_id"])
    op.create_index("ix_transactions_expires", "transactions", ["expires_at"])


def granting() -> None:
    op.create_table(
        "grants",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("organisation", NAME),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_grants"),
        sa.ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_grants_user"),
        sa.ForeignKeyConstraint(("issuer", "client_id"), ("clients.issuer", "clients.id"), name="fk_grants_client"),
        sa.ForeignKeyConstraint(
            ("issuer", "organisation"), ("organisations.issuer", "organisations.number"), name="fk_grants_organisation"
        ),
    )
    op.create_index("ix_grants_user", "grants", ["issuer", "user_id", "client_id"])
    op.create_index("ix_grants_revoked", "grants", ["revoked_at"])
    op.create_table(
        "codes",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("grant_id", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("redirect_sent", sa.Boolean, nullable=False),
        sa.Column("challenge", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("redeemed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "digest", name="pk_codes"),
        sa.ForeignKeyConstraint(("issuer", "grant_id"), ("grants.issuer", "grants.id"), name="fk_codes_grant"),
        sa.CheckConstraint("length(digest) = 32", name="ck_codes_digest"),
    )
    op.create_index("ix_codes_grant", "codes", ["issuer", "grant_id"])
    op.create_index("ix_codes_expires", "codes", ["expires_at"])


def refreshing() -> None:
    op.create_table(
        "families",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("grant_id", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("repeated_generation", sa.BigInteger),
        sa.Column("repeats", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_families"),
        sa.ForeignKeyConstraint(("issuer", "grant_id"), ("grants.issuer", "grants.id"), name="fk_families_grant"),
        sa.CheckConstraint("generation >= 0", name="ck_families_generation"),
    )
    op.create_index("ix_families_grant", "families", ["issuer", "grant_id"])
    op.create_index("ix_families_ends", "families", ["ends_at"])
    op.create_index("ix_families_revoked", "families", ["revoked_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("family_id", NAME, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("redeemed_at", sa.BigInteger),
        sa.Column("reissue", sa.LargeBinary),
        sa.Column("request", sa.LargeBinary),
        sa.Column("last_used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "digest", name="pk_refresh_tokens"),
        sa.UniqueConstraint("issuer", "family_id", "generation", name="uq_refresh_tokens_generation"),
        sa.ForeignKeyConstraint(
            ("issuer", "family_id"), ("families.issuer", "families.id"), name="fk_refresh_tokens_family"
        ),
        sa.CheckConstraint("length(digest) = 32", name="ck_refresh_tokens_digest"),
        sa.CheckConstraint("length(request) = 32", name="ck_refresh_tokens_request"),
    )
    op.create_index("ix_refresh_tokens_expires", "refresh_tokens", ["expires_at"])
    held = sa.text("reissue IS NOT NULL")
    op.create_index(
        "ix_refresh_tokens_reissue", "refresh_tokens", ["redeemed_at"], sqlite_where=held, postgresql_where=held
    )


def revoking() -> None:
    op.create_table(
        "revocations",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("grant_id", NAME, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "sequence", "grant_id", name="pk_revocations"),
    )
    op.create_index("ix_revocations_until", "revocations", ["until"])


def api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("organisation", NAME),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(("issuer", "user_id"), ("users.issuer", "users.id"), name="fk_api_keys_user"),
        sa.ForeignKeyConstraint(
            ("issuer", "organisation"),
            ("organisations.issuer", "organisations.number"),
            name="fk_api_keys_organisation",
        ),
    )
    op.create_index("ix_api_keys_user", "api_keys", ["issuer", "user_id"])
