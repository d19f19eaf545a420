from __future__ import annotations

import asyncio
import contextlib
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from portvakt.model.behalf import Ended, Revocation
from portvakt.model.values import Instant, IssuerName, UserId
from portvakt.store import Store, StoreUnavailable, current, open_store, upgrade
from portvakt.store.address import database_at
from portvakt.store.migrate import alembic_configuration
from portvakt.store.schema import HEAD, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from services import PostgresServer

IS_REFUSED = r"PostgreSQL URL|SQLite URL|a database is"
MIGRATE = "import sys; from portvakt.store import upgrade; upgrade(sys.argv[1])"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database(migrated=False) as url:
        yield url


@pytest.fixture(
    params=["empty_sqlite_url", pytest.param("empty_postgres_url", marks=pytest.mark.services)],
    ids=["sqlite", "postgresql"],
)
def empty_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def set_version(url: str, version: str) -> None:
    with database_at(url).migrating() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_the_migrations_make_the_schema_and_nothing_else(empty_url: str) -> None:
    upgrade(empty_url)

    with database_at(empty_url).migrating() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_the_checks_of_the_schema_are_in_the_database(empty_url: str) -> None:
    upgrade(empty_url)  # Alembic compares no CHECK

    with database_at(empty_url).migrating() as connection:
        if connection.dialect.name == "sqlite":
            made = " ".join(connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'table'")).scalars())
        else:
            made = " ".join(connection.execute(text("SELECT conname FROM pg_constraint")).scalars())
    named = [str(each.name) for table in METADATA.tables.values() for each in table.constraints if each.name]

    assert [name for name in named if name not in made] == []


def test_the_newest_migration_is_the_one_that_this_version_asks_for() -> None:
    script = ScriptDirectory.from_config(alembic_configuration())
    revisions = [each.revision for each in script.walk_revisions()]

    assert script.get_heads() == [HEAD]
    assert revisions == sorted(revisions, reverse=True)  # so that versions can be compared


async def test_a_database_is_current_once_it_is_migrated(empty_url: str) -> None:
    if empty_url.startswith("postgresql"):
        assert not current(empty_url)
        with pytest.raises(StoreUnavailable, match="run `portvakt db upgrade`"):
            await open_store(empty_url)

    upgrade(empty_url)
    upgrade(empty_url)

    assert current(empty_url)
    await (await open_store(empty_url)).close()


async def test_FT22_a_database_behind_is_refused_and_one_ahead_is_served(empty_url: str) -> None:
    upgrade(empty_url)

    set_version(empty_url, "0000")
    assert not current(empty_url)
    with pytest.raises(StoreUnavailable, match="run `portvakt db upgrade`"):
        await open_store(empty_url)

    set_version(empty_url, "9999")
    assert current(empty_url)
    upgrade(empty_url)
    await (await open_store(empty_url)).close()


async def test_FT22_of_several_migrators_at_once_one_migrates_and_all_succeed(empty_url: str) -> None:
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, empty_url) for _ in range(2)]

    assert [await process.wait() for process in processes] == [0, 0]

    assert current(empty_url)
    with database_at(empty_url).migrating() as connection:
        assert connection.execute(text("SELECT value FROM revision")).scalars().all() == [0]


class Earlier:
    """What the version of migration 0001 does, in its own words: nothing that came later is named."""

    USER = (
        "INSERT INTO users (issuer, id, email, email_key, roles, created_at, disabled_at)"
        " VALUES ('acme', :id, :email, :email, '[]', 1, NULL) ON CONFLICT DO NOTHING"
    )
    CLIENT = (
        "INSERT INTO clients (issuer, id, name, description, owner, authentication, grants, scopes, default_scopes,"
        " created_at, disabled_at, version) VALUES ('acme', :id, 'One', '', :id, 'any_secret',"
        " '[\"client_credentials\"]', '[]', '[]', 1, NULL, 1) ON CONFLICT DO NOTHING"
    )
    VERSION = "UPDATE clients SET version = clients.version + 1 WHERE issuer = 'acme' AND id = :id AND version = 1"
    COUNTER = "UPDATE revision SET value = revision.value + 1 WHERE id = 1"
    FACTS = (
        "SELECT clients.id, clients.version, users.email, users.roles, client_secrets.digest FROM clients"
        " JOIN users ON users.issuer = clients.issuer AND users.id = clients.owner"
        " LEFT OUTER JOIN client_secrets ON client_secrets.issuer = clients.issuer"
        " AND client_secrets.client_id = clients.id WHERE clients.issuer = 'acme' AND clients.id = :id"
    )

    def __init__(self, store: Store) -> None:
        self._store = store
        self.made = 0

    async def make_one(self) -> None:
        name = {"id": f"made_{self.made}"}
        given = {self.USER: {**name, "email": name["id"]}, self.CLIENT: name, self.VERSION: name, self.COUNTER: {}}

        def write(connection: Connection) -> list[int]:
            return [connection.execute(text(each), values).rowcount for each, values in given.items()]

        assert await self._store._patiently("write", self._store._database.write(write)) == [1, 1, 1, 1]
        read = await self._store._database.read(lambda each: tuple(each.execute(text(self.FACTS), name).one()))
        assert read == (name["id"], 2, name["id"], "[]", None)
        self.made += 1


async def test_FT22_the_version_before_writes_and_reads_while_and_after_the_schema_grows(empty_url: str) -> None:
    database = database_at(empty_url)
    database.create()
    with database.migrating() as connection:
        migrate(connection, "0001")
    assert not current(empty_url)
    earlier = Earlier(Store(database))
    await earlier.make_one()

    migrator = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, empty_url)
    while migrator.returncode is None:
        await earlier.make_one()
        await asyncio.sleep(0)
    before = earlier.made
    for _ in range(10):
        await earlier.make_one()

    assert migrator.returncode == 0
    assert current(empty_url)
    assert before > 2
    now = await open_store(empty_url)
    facts = await now.clients(IssuerName("acme"), None, 10_000)
    assert len(facts) == earlier.made
    assert {(each.owner.locale, each.client.redirect_uris) for each in facts} == {(None, ())}
    await now.close()
    await database.close()


WRITTEN_BY_0002 = [
    "INSERT INTO users (issuer, id, email, email_key, roles, created_at) VALUES ('acme', 'u', 'U@x', 'u@x', '[]', 1)",
    "INSERT INTO organisations (issuer, number, name, created_at) VALUES ('acme', '91', 'Øy AS', 2)",
    "INSERT INTO memberships (issuer, user_id, organisation, since) VALUES ('acme', 'u', '91', 3)",
    "INSERT INTO revocations (issuer, sequence, grant_id, until) VALUES ('acme', 1, 'g', 4)",
    "UPDATE revision SET value = 1",
]
A_CLIENT_OF_0002 = (
    "INSERT INTO clients (issuer, id, name, description, owner, authentication, grants, scopes, default_scopes,"
    " created_at, version) VALUES (:issuer, :id, :name, '', 'u', 'any_secret', '[]', '[]', '[]', 5, 1)"
)
A_SECRET_OF_0002 = (
    "INSERT INTO client_secrets (issuer, id, client_id, digest, prefix, last4, created_at)"
    " VALUES ('acme', 's', 'c0', :digest, 'p', 'last', 6)"
)


async def test_what_version_0002_wrote_is_there_and_found_by_name(empty_url: str) -> None:
    acme, many = IssuerName("acme"), 2_100  # more than are filled in at once
    database = database_at(empty_url)
    database.create()
    with database.migrating() as connection:
        migrate(connection, "0002")
        for statement in WRITTEN_BY_0002:
            connection.execute(text(statement))
        rows = [{"issuer": "acme", "id": f"c{turn}", "name": f"ÅPP {turn}"} for turn in range(many)]
        connection.execute(text(A_CLIENT_OF_0002), rows)
        connection.execute(text(A_SECRET_OF_0002), {"digest": b"d" * 32})
    await database.close()

    upgrade(empty_url)

    store = await open_store(empty_url)
    assert len(await store.find_clients(acme, "åpp", None, many + 1)) == many
    (facts,) = await store.find_clients(acme, "åpp 2099", None, 9)
    assert (facts.client.version, facts.client.organisation, facts.client.token_quota) == (1, None, None)
    assert (facts.organisation, facts.owner.version) == (None, 1)
    (first,) = await store.clients(acme, None, 1)
    assert [(each.id, each.last_used_from) for each in first.secrets] == [("s", None)]
    assert [each.id for each in await store.find_users(acme, "U@", None, 9)] == ["u"]
    (company,) = await store.find_organisations(acme, "øy", None, 9)
    assert company.version == 1
    (member,) = await store.memberships_of(acme, UserId("u"))
    assert (member.organisation, member.since, member.administrator) == (company, 3, False)
    assert await store.revocations(acme, 0, 9) == (
        1,
        [Revocation(issuer=acme, sequence=1, kind=Ended.GRANT, id="g", before=None, until=Instant(4))],
    )
    await store.close()


def migrate(connection: Connection, version: str) -> None:
    configuration = alembic_configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, version)


def test_a_migration_that_fails_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alembic.op.bulk_insert", half)
    with pytest.raises(StoreUnavailable, match="No space left"):
        upgrade(empty_url)
    monkeypatch.undo()

    assert not current(empty_url)
    upgrade(empty_url)
    assert current(empty_url)


def test_a_database_file_is_for_its_owner_alone(empty_sqlite_url: str) -> None:
    upgrade(empty_sqlite_url)

    path = Path(empty_sqlite_url.removeprefix("sqlite:///"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_database_in_use_keeps_its_log_and_index_for_its_owner_alone(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    store = await open_store(sqlite_url)
    store.watch().token()

    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.glob("portvakt.db*")} == {0o600}
    await store.close()


def test_odd_letters_in_a_path_are_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    upgrade("sqlite:///a%20b%23c%3Fd%25 æ.db")

    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".db"] == ["a b#c?d% æ.db"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/path",
        "sqlite:///p?mode=memory",
        "sqlite:///p%00q",
        "mysql://root:hunter2@127.0.0.1/x",
        "postgresql+psycopg://root:hunter2@127.0.0.1/x",
        "postgresql://root:hunter2@127.0.0.1/x?colour=hunter2",
        "postgresql://root:hunter2@[::1/x",
    ],
)
async def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    for use in (upgrade, current):
        with pytest.raises(ValueError, match=IS_REFUSED) as refused:
            use(url)
        assert "hunter2" not in str(refused.value)
    with pytest.raises(ValueError, match=IS_REFUSED):
        await open_store(url)


async def test_FT12_a_missing_file_or_folder_is_said_and_not_made(tmp_path: Path) -> None:
    for path in (tmp_path / "none.db", tmp_path / "no folder" / "none.db"):
        with pytest.raises(StoreUnavailable, match=f"No such file or directory: {path}"):
            await open_store(f"sqlite:///{path}")
        with pytest.raises(StoreUnavailable):
            current(f"sqlite:///{path}")
    with contextlib.suppress(StoreUnavailable):
        upgrade(f"sqlite:///{tmp_path / 'no folder' / 'none.db'}")

    assert list(tmp_path.iterdir()) == []
