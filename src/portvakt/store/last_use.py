"""When secrets, refresh tokens and API keys were last used: written for many together, and no change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_

from portvakt.store.checks import checked_digest, checked_id, checked_moment, checked_text
from portvakt.store.schema import API_KEYS, CLIENT_SECRETS, REFRESH_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table, Update

    from portvakt.model.values import ApiKeyId, ClientId, Instant, IssuerName, SecretId

    SecretUses = Mapping[tuple[IssuerName, ClientId, SecretId], tuple[Instant, str]]
    TokenUses = Mapping[tuple[IssuerName, bytes], Instant]
    KeyUses = Mapping[tuple[IssuerName, ApiKeyId], Instant]
    Writing = tuple[Update, list[dict[str, Any]]]


def _record(table: Table, *key: str) -> Update:
    """Move last use forward, never back: two nodes write in any order."""
    mine = (table.c[name] == bindparam(f"of_{name}") for name in key)
    earlier = or_(table.c.last_used_at.is_(None), table.c.last_used_at < bindparam("used_at"))
    return table.update().where(*mine, earlier).values(last_used_at=bindparam("used_at"))


_RECORD_SECRET = _record(CLIENT_SECRETS, "issuer", "client_id", "id").values(last_used_from=bindparam("used_from"))
_RECORD_TOKEN = _record(REFRESH_TOKENS, "issuer", "digest")
_RECORD_KEY = _record(API_KEYS, "issuer", "id")


def writings(secrets: SecretUses, tokens: TokenUses, keys: KeyUses) -> list[Writing]:
    """The statements that have something to write, each with its parameters, in one order, so no deadlock.

    Raises: ValueError for an id or digest that no row can have, and for a moment beyond 64 bits.
    """
    of_secrets = [
        {
            "of_issuer": checked_id(issuer),
            "of_client_id": checked_id(client),
            "of_id": checked_id(secret),
            "used_at": checked_moment(used_at),
            "used_from": checked_text(used_from) or None,
        }
        for (issuer, client, secret), (used_at, used_from) in sorted(secrets.items())
    ]
    of_tokens = [
        {"of_issuer": checked_id(issuer), "of_digest": checked_digest(digest), "used_at": checked_moment(used_at)}
        for (issuer, digest), used_at in sorted(tokens.items())
    ]
    of_keys = [
        {"of_issuer": checked_id(issuer), "of_id": checked_id(key), "used_at": checked_moment(used_at)}
        for (issuer, key), used_at in sorted(keys.items())
    ]
    all_of_them: list[Writing] = [
        (_RECORD_SECRET, of_secrets),
        (_RECORD_TOKEN, of_tokens),
        (_RECORD_KEY, of_keys),
    ]
    return [(statement, parameters) for statement, parameters in all_of_them if parameters]
