"""No read walks a table: what it costs does not grow with the number of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from portvakt.model.change import AddClient, AddSecret, AddUser
from portvakt.model.values import ClientId, SecretId
from portvakt.store import list_queries, statements
from stored import ACME, a_client, a_secret, a_user

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from portvakt.store import Store

READS: dict[str, tuple[Select[Any], dict[str, Any]]] = {
    "client_facts": (statements.ONE_CLIENT, {"issuer": "acme", "id": "c"}),
    "clients": (list_queries.PAGE_OF_CLIENTS, {"issuer": "acme", "after": "c", "limit": 10}),
    "user": (statements.ONE_USER, {"issuer": "acme", "id": "u"}),
    "user_by_email": (statements.USER_WITH_EMAIL, {"issuer": "acme", "email_key": "e"}),
    "public_redirect_uris": (statements.REDIRECTS_OF_PUBLIC_CLIENTS, {"issuer": "acme"}),
    "signing_keys": (statements.KEYS_OF_ISSUER, {"issuer": "acme"}),
}


@pytest.mark.parametrize("read", READS)
async def test_a_read_goes_by_an_index(store: Store, read: str) -> None:
    query, parameters = READS[read]
    await store.apply([AddUser(a_user()), *(AddClient(a_client(id=ClientId(f"c{number}"))) for number in range(120))])
    await store.apply(
        [AddSecret(ACME, a_secret(id=SecretId(f"s{each}"), client_id=ClientId(f"c{each}"))) for each in range(120)]
    )

    def plan(connection: Connection) -> str:
        literal = str(query.params(parameters).compile(connection, compile_kwargs={"literal_binds": True}))
        if connection.dialect.name == "sqlite":
            rows = connection.execute(text(f"EXPLAIN QUERY PLAN {literal.replace(':', '')}")).all()
            return "\n".join(row[3] for row in rows)
        # A few rows are always walked; forbidden to, the planner shows whether it could do otherwise.
        connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("SET enable_seqscan = off")
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {literal}"))

    lines = (await store._database.read(plan)).splitlines()

    if read in {"client_facts", "clients"}:  # by the client, not by walking all secrets of the issuer
        assert any("ix_client_secrets_client" in line for line in lines), lines
    walks = [line for line in lines if ("Seq Scan" in line or line.startswith("SCAN")) and "page" not in line]
    assert walks == []
    assert any("USING INDEX" in line or "Index" in line for line in lines)
