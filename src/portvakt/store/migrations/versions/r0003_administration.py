"""Administration. Adds, and renames one column: a node of 0002 cannot revoke a grant until it is replaced.

What it read is there, and what it writes is whole, but that a search by name does not find its users,
clients and organisations until they are written again.
"""

import time
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
BATCH = 1000
LOCKED = (
    "grants",
    "clients",
    "users",
    "organisations",
    "memberships",
    "client_secrets",
    "refresh_tokens",
    "revocations",
)
TRIES = 150

SQLITE_ONLY_GROWS = "CREATE TRIGGER audit_no_{0} BEFORE {0} ON audit BEGIN SELECT RAISE(ABORT, 'audit only grows'); END"
POSTGRESQL_ONLY_GROWS = """
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit only grows'; END $$;
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()
"""
LIVE = sa.text("deleted_at IS NULL")
OWN = sa.text("deleted_at IS NULL AND organisation IS NULL")
NOT_REVOKED = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    find_keys("organisations", "number")
    find_keys("clients", "id")
    audit()
    refusals()
    # From here on, since this locks tables that are read meanwhile: the shorter before the commit, the better.
    lock()
    partial("ix_grants_client", "grants", ["issuer", "client_id", "id"], NOT_REVOKED)
    op.drop_index("ix_memberships_organisation", "memberships")
    op.create_index("ix_memberships_organisation", "memberships", ["issuer", "organisation", "user_id"])
    revoking()
    invitations()
    op.add_column("memberships", sa.Column("administrator", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("client_secrets", sa.Column("last_used_from", sa.Text))
    op.add_column("refresh_tokens", sa.Column("redeemed_from", sa.Text))
    users()
    organisations()
    clients()


def lock() -> None:
    """Take every lock that is needed at once, or none for a moment: who waits while it holds some may deadlock."""
    for turn in range(TRIES if is_postgresql() else 0):
        try:
            with op.get_bind().begin_nested():
                op.execute("SET LOCAL lock_timeout = '100ms'")
                op.execute(f"LOCK TABLE {', '.join(LOCKED)}")
        except sa.exc.OperationalError:
            if turn == TRIES - 1:
                raise
            time.sleep(0.1)
        else:
            return


def is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def partial(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", NAME, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("client", NAME),
        sa.Column("user_id", NAME),
        sa.Column("organisation", NAME),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor_issuer", NAME),
        sa.Column("actor_id", KEY, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_issuer", "audit", ["issuer", "number"])
    op.create_index("ix_audit_client", "audit", ["issuer", "client", "number"])
    op.create_index("ix_audit_user", "audit", ["issuer", "user_id", "number"])
    op.create_index("ix_audit_organisation", "audit", ["issuer", "organisation", "number"])
    op.create_index("ix_audit_act", "audit", ["issuer", "act", "number"])
    op.create_index("ix_audit_actor", "audit", ["issuer", "actor_id", "number"])
    if is_postgresql():
        op.execute(POSTGRESQL_ONLY_GROWS)
    else:
        op.execute(SQLITE_ONLY_GROWS.format("UPDATE"))
        op.execute(SQLITE_ONLY_GROWS.format("DELETE"))


def refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("reference", NAME, nullable=False),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("client_id", NAME),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("near", sa.Text, nullable=False),
        sa.Column("hints", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_refusals_reference", "refusals", ["reference"])
    op.create_index("ix_refusals_client", "refusals", ["issuer", "client_id", "number"])
    op.create_index("ix_refusals_at", "refusals", ["at"])


def revoking() -> None:
    op.execute("ALTER TABLE revocations RENAME COLUMN grant_id TO id")
    op.add_column("revocations", sa.Column("kind", sa.Text, nullable=False, server_default="grant"))
    op.add_column("revocations", sa.Column("before", sa.BigInteger))


def invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.PrimaryKeyConstraint("issuer", "user_id", name="pk_invitations"),
        sa.UniqueConstraint("issuer", "digest", name="uq_invitations_digest"),
        sa.ForeignKeyConstraint(["issuer", "user_id"], ["users.issuer", "users.id"], name="fk_invitations_user"),
        sa.CheckConstraint("length(digest) = 32", name="ck_invitations_digest"),
    )
    partial("ix_invitations_waiting", "invitations", ["issuer", "user_id"], sa.text("sealed IS NOT NULL"))
    op.create_index("ix_invitations_expires", "invitations", ["expires_at"])


def users() -> None:
    op.add_column("users", sa.Column("version", sa.BigInteger, nullable=False, server_default="1"))
    # Beside `email_key`, whose collation cannot change: prepared statements of the version before would fail.
    op.add_column("users", sa.Column("search_key", KEY, nullable=False, server_default=sa.text("''")))
    op.execute("UPDATE users SET search_key = email_key")
    op.create_index("ix_users_search", "users", ["issuer", "search_key"])


def organisations() -> None:
    op.add_column("organisations", sa.Column("version", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("organisations", sa.Column("name_key", KEY, nullable=False, server_default=sa.text("''")))
    fill_keys("organisations", "number")
    op.create_index("ix_organisations_name", "organisations", ["issuer", "name_key", "number"])


def clients() -> None:
    op.add_column("clients", sa.Column("name_key", KEY, nullable=False, server_default=sa.text("''")))
    op.add_column("clients", sa.Column("organisation", NAME))
    op.add_column("clients", sa.Column("token_quota", sa.Text))
    op.add_column("clients", sa.Column("deleted_at", sa.BigInteger))
    fill_keys("clients", "id")
    partial("ix_clients_live", "clients", ["issuer", "id"], LIVE)
    partial("ix_clients_organisation", "clients", ["issuer", "organisation", "id"], LIVE)
    partial("ix_clients_name", "clients", ["issuer", "name_key", "id"], LIVE)
    op.drop_index("ix_clients_owner", "clients")
    partial("ix_clients_owner", "clients", ["issuer", "owner", "id"], OWN)


def fill_keys(name: str, key: str) -> None:
    """Write the search key of every row there is, all at once those that were found before anything was locked."""
    table, found = rows_of(name, key), rows_of(f"{name}_found", key)
    same = (table.c.issuer == found.c.issuer, table.c[key] == found.c[key])
    op.get_bind().execute(table.update().values(name_key=found.c.name_key).where(*same))
    op.drop_table(found.name)
    # Those that were made since.
    write = table.update().where(table.c.issuer == sa.bindparam("of_issuer"), table.c[key] == sa.bindparam("of_one"))
    missed = sa.select(table.c.issuer, table.c[key], table.c.name).where(table.c.name_key == "", table.c.name != "")
    written = [
        {"of_issuer": row[0], "of_one": row[1], "key": search_key(row[2])} for row in op.get_bind().execute(missed)
    ]
    if written:
        op.get_bind().execute(write.values(name_key=sa.bindparam("key")), written)


def find_keys(name: str, key: str) -> None:
    """Put the search keys of the rows there are beside them: that takes a while, and locks nothing."""
    op.create_table(
        f"{name}_found",
        sa.Column("issuer", NAME, primary_key=True),
        sa.Column(key, NAME, primary_key=True),
        sa.Column("name_key", KEY),
        prefixes=["TEMPORARY"],
    )
    table, found = rows_of(name, key), rows_of(f"{name}_found", key)
    issuer, one = table.c.issuer, table.c[key]
    rows = sa.select(issuer, one, table.c.name).order_by(issuer, one).limit(BATCH)
    after = sa.tuple_(sa.literal(""), sa.literal(""))
    while page := op.get_bind().execute(rows.where(sa.tuple_(issuer, one) > after)).all():
        op.get_bind().execute(
            found.insert(), [{"issuer": row[0], key: row[1], "name_key": search_key(row[2])} for row in page]
        )
        after = sa.tuple_(sa.literal(page[-1][0]), sa.literal(page[-1][1]))


def rows_of(name: str, key: str) -> sa.TableClause:
    return sa.table(name, sa.column("issuer", NAME), sa.column(key, NAME), sa.column("name"), sa.column("name_key"))


def search_key(name: str) -> str:
    # Written out, as all of this is: what the program calls a key may change.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
