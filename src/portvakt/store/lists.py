"""Lists and searches, a page at a time. How many are on one, the caller says: `limit`, at least 1.

A page follows `after`, which need not exist; None begins at the first. Ids are compared byte by byte. A text that no
row can have finds nothing. Searches compare `search_key`s, and a cursor of theirs is the last one's key and id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portvakt.model.behalf import Grant, Member
from portvakt.store import list_queries as queries
from portvakt.store import rows
from portvakt.store.asking import Asking
from portvakt.store.behalf_rows import noun_from
from portvakt.store.checks import is_id, is_text
from portvakt.store.rows import search_key
from portvakt.store.schema import ORGANISATIONS, USERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping, Select

    from portvakt.model.nouns import ClientFacts, Organisation, User
    from portvakt.model.values import ClientId, IssuerName, OrganisationNumber, UserId

LONGEST_SEARCH = 1_000
"""Characters: no name or address that is worth finding begins with more."""


class Lists(Asking):
    """What the store lists. Each may raise StoreUnavailable."""

    async def clients(
        self,
        issuer: IssuerName,
        after: ClientId | None,
        limit: int,
        *,
        owner: UserId | None = None,
        organisation: OrganisationNumber | None = None,
    ) -> list[ClientFacts]:
        """The next clients by id: all, those that belong to a user, or those that belong to an organisation.

        Raises: ValueError for an owner and an organisation at once: a client belongs to one of them.
        """
        if owner is not None and organisation is not None:
            raise ValueError("a client belongs to a user or to an organisation")
        of: dict[str, str]
        if owner is not None:
            read, of = queries.PAGE_OF_OWN_CLIENTS, {"owner": owner}
        elif organisation is not None:
            read, of = queries.PAGE_OF_CLIENTS_OF_ORGANISATION, {"organisation": organisation}
        else:
            read, of = queries.PAGE_OF_CLIENTS, {}
        return rows.facts_from(await self._page("list clients", read, issuer, after, limit, **of))

    async def count_clients(
        self, issuer: IssuerName, owner: UserId, organisation: OrganisationNumber | None, limit: int
    ) -> int:
        """How many clients an organisation has, or else a user; `limit` if there are as many or more."""
        _check_limit(limit)
        read = queries.SOME_OWN_CLIENTS if organisation is None else queries.SOME_CLIENTS_OF_ORGANISATION
        return len(await self._of("count clients", read, issuer, organisation or owner, limit=limit))

    async def find_clients(
        self, issuer: IssuerName, prefix: str, after: tuple[str, ClientId] | None, limit: int
    ) -> list[ClientFacts]:
        """The next clients whose name begins with a text, whatever its letter case, by name and then by id.

        The cursor is `(search_key(name), id)` of the last one.
        """
        read = queries.CLIENTS_BY_NAME
        return rows.facts_from(await self._many_by_one("find clients", read, issuer, prefix, after, limit))

    async def users(self, issuer: IssuerName, after: UserId | None, limit: int) -> list[User]:
        """The next users by id."""
        found = await self._page("list users", queries.PAGE_OF_USERS, issuer, after, limit)
        return [rows.user_from(row) for row in found]

    async def find_users(self, issuer: IssuerName, prefix: str, after: str | None, limit: int) -> list[User]:
        """The next users whose address begins with a text, whatever its letter case, by address.

        The cursor is `search_key(email)` of the last one.
        """
        found = await self._one_by_one("find users", queries.USERS_BY_EMAIL, issuer, search_key(prefix), after, limit)
        return [rows.user_from(row) for row in found]

    async def organisations(
        self, issuer: IssuerName, after: OrganisationNumber | None, limit: int
    ) -> list[Organisation]:
        """The next organisations by number."""
        found = await self._page("list organisations", queries.PAGE_OF_ORGANISATIONS, issuer, after, limit)
        return [rows.organisation_from(row) for row in found]

    async def find_organisations(
        self, issuer: IssuerName, prefix: str, after: tuple[str, OrganisationNumber] | None, limit: int
    ) -> list[Organisation]:
        """The next organisations whose name begins with a text, by name and then by number; see `find_clients`.

        Where the text is digits: those whose number begins with it, by number.
        """
        if prefix.isascii() and prefix.isdigit():
            read, past = queries.ORGANISATIONS_BY_NUMBER, None if after is None else after[1]
            found = await self._one_by_one("find organisations", read, issuer, prefix, past, limit)
        else:
            read = queries.ORGANISATIONS_BY_NAME
            found = await self._many_by_one("find organisations", read, issuer, prefix, after, limit)
        return [rows.organisation_from(row) for row in found]

    async def members(
        self, issuer: IssuerName, number: OrganisationNumber, after: UserId | None, limit: int
    ) -> list[Member]:
        """The next members of an organisation by id; the disabled ones too."""
        read = queries.PAGE_OF_MEMBERS
        return [
            _member_from(row) for row in await self._page("list members", read, issuer, after, limit, number=number)
        ]

    async def memberships_of(self, issuer: IssuerName, user_id: UserId) -> tuple[Member, ...]:
        """What a user is a member of, by number; the disabled ones too."""
        found = await self._of("list memberships", queries.MEMBERSHIPS_OF_USER, issuer, user_id)
        return tuple(_member_from(row) for row in found)

    async def administered(self, issuer: IssuerName, user_id: UserId) -> frozenset[OrganisationNumber]:
        """The organisations that a user administers, but for those that are disabled."""
        found = await self._of("list administered organisations", queries.ADMINISTERED, issuer, user_id)
        return frozenset(row["organisation"] for row in found)

    async def grants_of_client(self, issuer: IssuerName, client_id: ClientId, limit: int) -> tuple[Grant, ...]:
        """Grants to a client that were not revoked, at most `limit`: whoever ends them all asks again until none is."""
        _check_limit(limit)
        found = await self._of("list grants", queries.LIVE_GRANTS_OF_CLIENT, issuer, client_id, limit=limit)
        return tuple(noun_from(Grant, row) for row in found)

    async def _page(
        self, doing: str, query: Select[Any], issuer: IssuerName, after: str | None, limit: int, **of: str
    ) -> Sequence[RowMapping]:
        _check_limit(limit)
        if not all(is_id(each) for each in (issuer, *of.values())) or not (after is None or is_id(after)):
            return ()
        return await self._read(doing, query, issuer=issuer, after=after or "", limit=limit, **of)

    async def _one_by_one(
        self, doing: str, query: Select[Any], issuer: IssuerName, prefix: str, after: str | None, limit: int
    ) -> Sequence[RowMapping]:
        """A page of a search whose keys are one row's each."""
        _check_limit(limit)
        if not is_id(issuer) or not _is_search(prefix, after or ""):
            return ()
        begin = queries.begin(prefix, after)
        return await self._read(doing, query, issuer=issuer, begin=begin, end=queries.end(prefix), limit=limit)

    async def _many_by_one(
        self,
        doing: str,
        query: Select[Any],
        issuer: IssuerName,
        text: str,
        after: tuple[str, str] | None,
        limit: int,
    ) -> Sequence[RowMapping]:
        """A page of a search by name: many may have one."""
        _check_limit(limit)
        if not is_id(issuer) or not _is_search(text, *(after or ())):
            return ()
        prefix = search_key(text)
        begin, behind = queries.begin_behind(prefix, after)
        given = {"begin": begin, "after": behind, "end": queries.end(prefix)}
        return await self._read(doing, query, issuer=issuer, limit=limit, **given)

    async def _of(
        self, doing: str, query: Select[Any], issuer: IssuerName, key: str, **more: int
    ) -> Sequence[RowMapping]:
        if not (is_id(issuer) and is_id(key)):
            return ()
        return await self._read(doing, query, issuer=issuer, id=key, **more)


def _member_from(row: RowMapping) -> Member:
    return Member(
        user=rows.user_from(rows.part_of(row, "user", USERS)),
        organisation=rows.organisation_from(rows.part_of(row, "organisation", ORGANISATIONS)),
        since=row["since"],
        administrator=row["administrator"],
    )


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ValueError("a page has at least 1 row")


def _is_search(*texts: str) -> bool:
    return all(len(text) <= LONGEST_SEARCH and is_text(text) for text in texts)
