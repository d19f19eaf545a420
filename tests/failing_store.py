"""A real store that fails, waits or answers late on order, and counts what it is asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from portvakt.model.audit import NOBODY
from portvakt.store import Store
from portvakt.store.address import database_at

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from portvakt.model.audit import By, RefusedRequest
    from portvakt.model.behalf import CodeFacts, RefreshFacts
    from portvakt.model.change import Applied, Change, Lost
    from portvakt.model.nouns import ClientFacts, SigningKey
    from portvakt.model.values import ClientId, IssuerName
    from portvakt.store import Watch
    from portvakt.store.last_use import SecretUses


class FailingStore(Store):
    """The methods named in `failing` raise; those in `beforehand` and `afterwards` do something more, once."""

    def __init__(self, path: Path) -> None:
        super().__init__(database_at(f"sqlite:///{path}"))
        self.failing: dict[str, Exception] = {}
        self.afterwards: dict[str, Callable[[], Awaitable[object]]] = {}
        self.beforehand: dict[str, Callable[[], Awaitable[object]]] = {}
        self.asked: Counter[str] = Counter()
        self.is_blind = False

    def watch(self) -> Watch:
        return _Blindfold(self, super().watch())

    async def check(self) -> None:
        self._meet("check")
        await super().check()

    async def client_facts(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
        self._meet("client_facts")
        found = await super().client_facts(issuer, client_id)
        await self._then("client_facts")
        return found

    async def signing_keys(self, issuer: IssuerName) -> tuple[SigningKey, ...]:
        self._meet("signing_keys")
        found = await super().signing_keys(issuer)
        await self._then("signing_keys")
        return found

    async def apply(self, changes: Sequence[Change], by: By = NOBODY) -> Applied | Lost:
        self._meet("apply")
        before = self.beforehand.pop("apply", None)
        if before is not None:
            await before()
        return await super().apply(changes, by)

    async def code_facts(self, issuer: IssuerName, digest: bytes) -> CodeFacts | None:
        self._meet("code_facts")
        return await super().code_facts(issuer, digest)

    async def refresh_facts(self, issuer: IssuerName, digest: bytes) -> RefreshFacts | None:
        self._meet("refresh_facts")
        return await super().refresh_facts(issuer, digest)

    async def public_redirect_uris(self, issuer: IssuerName) -> frozenset[str]:
        self._meet("public_redirect_uris")
        return await super().public_redirect_uris(issuer)

    async def record_use(self, uses: SecretUses, **more: Any) -> None:
        self._meet("record_use")
        await super().record_use(uses, **more)

    async def record_refusals(self, refusals: Sequence[RefusedRequest]) -> None:
        self._meet("record_refusals")
        await super().record_refusals(refusals)

    def _meet(self, method: str) -> None:
        self.asked[method] += 1
        if method in self.failing:
            raise self.failing[method]

    async def _then(self, method: str) -> None:
        # Taken out first, so that what is done may ask the store itself.
        more = self.afterwards.pop(method, None)
        if more is not None:
            await more()


class _Blindfold:
    """A watch that cannot know anything while its store is blind."""

    def __init__(self, store: FailingStore, watch: Watch) -> None:
        self._store = store
        self._watch = watch

    def token(self) -> int | None:
        return None if self._store.is_blind else self._watch.token()

    def applied(self) -> None:
        self._watch.applied()

    async def close(self) -> None:
        await self._watch.close()
