"""Whether a token was taken back is asked by what it names; clients and keys say how they ended.

Adds an index and columns; a node of 0003 does not notice. The table of the index is small, a day's ends, so that its
writers wait for a moment alone; the columns need no row written. What was disabled before, its owner enables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_revocations_id", "revocations", ["issuer", "id", "sequence"])
    op.add_column("clients", sa.Column("disabled_by_operator", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("signing_keys", sa.Column("revoked_at", sa.BigInteger))
