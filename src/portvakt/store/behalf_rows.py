"""Rows to nouns and back, for acting on a user's behalf. A noun's members are its table's columns, by name."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Boolean, LargeBinary, Text

from portvakt.model.behalf import (
    ApiKey,
    ApiKeyFacts,
    Code,
    CodeFacts,
    Ended,
    Family,
    Grant,
    Password,
    RefreshFacts,
    RefreshToken,
    Revocation,
    Session,
    SessionFacts,
    Standing,
    Transaction,
)
from portvakt.model.nouns import Organisation
from portvakt.store.checks import (
    checked_digest,
    checked_id,
    checked_moment,
    checked_sealed,
    checked_text,
    checked_words,
)
from portvakt.store.rows import facts_from, known, part_of, user_from
from portvakt.store.schema import (
    API_KEYS,
    CODES,
    DIGEST,
    FAMILIES,
    GRANTS,
    PASSWORDS,
    REFRESH_TOKENS,
    SESSIONS,
    TRANSACTIONS,
    USERS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Column, Table

    from portvakt.store.rows import Fields

Noun = ApiKey | Code | Family | Grant | Password | RefreshToken | Session | Transaction
NounT = TypeVar(
    "NounT", ApiKey, Code, Family, Grant, Organisation, Password, RefreshToken, Session, Transaction, Revocation
)

TABLES: Mapping[type[Noun], Table] = {
    ApiKey: API_KEYS,
    Code: CODES,
    Family: FAMILIES,
    Grant: GRANTS,
    Password: PASSWORDS,
    RefreshToken: REFRESH_TOKENS,
    Session: SESSIONS,
    Transaction: TRANSACTIONS,
}

MEMBERS: Mapping[type[Any], tuple[str, ...]] = {
    kind: tuple(member.name for member in fields(kind)) for kind in (*TABLES, Organisation, Revocation)
}


def row_of(noun: Noun) -> Fields:
    """A noun as a row of its table. Raises: ValueError as the functions of `checks` do."""
    return {column.name: _checked(column, getattr(noun, column.name)) for column in TABLES[type(noun)].columns}


def _checked(column: Column[Any], value: Any) -> Any:
    kind = column.type
    if value is None or isinstance(kind, Boolean):
        return value
    if isinstance(kind, BigInteger):
        return checked_moment(value)
    if isinstance(kind, LargeBinary):
        return checked_digest(value) if kind is DIGEST else checked_sealed(value)
    if not isinstance(kind, Text):
        return checked_id(value)
    return checked_words(value) if isinstance(value, tuple) else checked_text(value)


def noun_from(kind: type[NounT], row: Mapping[Any, Any], part: str = "") -> NounT:
    """The noun in a row, where the names of its columns begin with `part`."""
    return kind(**{name: _member(name, row[part + name]) for name in MEMBERS[kind]})


def noun_or_none(kind: type[NounT], row: Mapping[Any, Any], part: str) -> NounT | None:
    """As `noun_from`; None where there was no such row to join."""
    return None if row[f"{part}issuer"] is None else noun_from(kind, row, part)


def _member(name: str, value: Any) -> Any:
    if name == "scopes":
        return tuple(json.loads(value))
    if name == "kind":
        return known(Ended, value)
    return bytes(value) if isinstance(value, memoryview) else value


def standing_from(found: Sequence[Mapping[Any, Any]]) -> Standing:
    """What a grant rests on, in at least one row of `behalf_queries.STANDING`."""
    row = found[0]
    return Standing(
        client=facts_from(found)[0],
        user=user_from(part_of(row, "user", USERS)),
        grant=noun_from(Grant, row, "grant_"),
        organisation=noun_or_none(Organisation, row, "organisation_"),
        is_member=row["membership_user_id"] is not None,
    )


def code_facts_from(found: Sequence[Mapping[Any, Any]]) -> CodeFacts | None:
    """A code with what it rests on and the families that came from it."""
    if not found:
        return None
    families = (noun_or_none(Family, row, "family_") for row in found)
    return CodeFacts(
        code=noun_from(Code, found[0], "code_"),
        standing=standing_from(found),
        families=tuple({family.id: family for family in families if family is not None}.values()),
    )


def refresh_facts_from(found: Sequence[Mapping[Any, Any]]) -> RefreshFacts | None:
    """A refresh token with its family, its successor and what they rest on."""
    if not found:
        return None
    return RefreshFacts(
        token=noun_from(RefreshToken, found[0], "token_"),
        family=noun_from(Family, found[0], "family_"),
        standing=standing_from(found),
        successor=noun_or_none(RefreshToken, found[0], "successor_"),
    )


def session_facts_from(found: Sequence[Mapping[Any, Any]]) -> SessionFacts | None:
    """A session with its user, one row for each organisation of theirs."""
    if not found:
        return None
    organisations = (noun_or_none(Organisation, row, "organisation_") for row in found)
    return SessionFacts(
        session=noun_from(Session, found[0], "session_"),
        user=user_from(part_of(found[0], "user", USERS)),
        organisations=tuple(each for each in organisations if each is not None),
    )


def api_key_facts_from(found: Sequence[Mapping[Any, Any]]) -> ApiKeyFacts | None:
    """An API key with its user and its organisation."""
    if not found:
        return None
    row = found[0]
    return ApiKeyFacts(
        key=noun_from(ApiKey, row, "key_"),
        user=user_from(part_of(row, "user", USERS)),
        organisation=noun_or_none(Organisation, row, "organisation_"),
        is_member=row["membership_user_id"] is not None,
    )
