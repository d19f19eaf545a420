"""Alembic's entry. `portvakt.store.migrate` holds the connection, the transaction and the lock."""

from alembic import context

from portvakt.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
