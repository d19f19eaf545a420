"""Whether a token was taken back is asked by what it names. Adds an index; a node of 0003 does not notice.

The table is small, a day's ends, so that its writers wait for a moment alone.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_revocations_id", "revocations", ["issuer", "id", "sequence"])
