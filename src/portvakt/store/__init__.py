"""The database: schema, migrations, facts read, changes applied in one transaction."""

from portvakt.store.errors import StoreUnavailable
from portvakt.store.migrate import current, upgrade
from portvakt.store.store import Store, open_store
from portvakt.store.watch import Watch

__all__ = ["Store", "StoreUnavailable", "Watch", "current", "open_store", "upgrade"]
