"""Users, clients with their secrets, signing keys, and the counter of changes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_users"),
        sa.UniqueConstraint("issuer", "email_key", name="uq_users_email"),
    )
    op.create_table(
        "clients",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("authentication", sa.Text, nullable=False),
        sa.Column("grants", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("default_scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_clients"),
        sa.ForeignKeyConstraint(("issuer", "owner"), ("users.issuer", "users.id"), name="fk_clients_owner"),
        sa.CheckConstraint("version >= 1", name="ck_clients_version"),
    )
    op.create_index("ix_clients_owner", "clients", ["issuer", "owner"])
    op.create_table(
        "client_secrets",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("last4", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_client_secrets"),
        sa.ForeignKeyConstraint(
            ("issuer", "client_id"), ("clients.issuer", "clients.id"), name="fk_client_secrets_client"
        ),
        sa.CheckConstraint("length(digest) = 32", name="ck_client_secrets_digest"),
        sa.CheckConstraint("length(last4) <= 4", name="ck_client_secrets_last4"),
    )
    op.create_index("ix_client_secrets_client", "client_secrets", ["issuer", "client_id"])
    op.create_table(
        "signing_keys",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("public_jwk", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("signs_from", sa.BigInteger, nullable=False),
        sa.Column("published_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("issuer", "id", name="pk_signing_keys"),
        sa.UniqueConstraint("issuer", "number", name="uq_signing_keys_number"),
        sa.CheckConstraint("number >= 1", name="ck_signing_keys_number"),
    )
    counter = op.create_table(
        "revision",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
        sa.CheckConstraint("id = 1", name="ck_revision_one_row"),
    )
    op.bulk_insert(counter, [{"id": 1, "value": 0}])
