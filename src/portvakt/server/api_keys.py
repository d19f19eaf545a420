"""Personal API keys: made by their users, and asked about by the APIs that they are shown to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY
from portvakt.model.decision import Granted, Refused
from portvakt.model.values import ApiKeyId, Instant
from portvakt.pages import views
from portvakt.protocol.answer.api_key import read_api_key, tell_api_key
from portvakt.protocol.govern.api_keys import RANDOM_OCTETS, KeyWish, Wrong, create_api_key, revoke_api_key
from portvakt.server.act import act

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.jose.signing import Signer
    from portvakt.model.audit import By
    from portvakt.model.behalf import ApiKey, SessionFacts
    from portvakt.model.nouns import Issuer, Organisation, User
    from portvakt.model.values import OrganisationNumber
    from portvakt.protocol.govern.api_keys import NewApiKey
    from portvakt.server.account import Account
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.desk import Desk
    from portvakt.server.own_keys import OwnKeys
    from portvakt.server.uses import Uses
    from portvakt.store import Store

PAGE_PATH = "/api-keys"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OwnApiKeys:
    """Tells of an issuer's API keys, in this same process."""

    issuer: Issuer
    store: Store
    keys: OwnKeys
    uses: Uses
    clock: Clock

    async def ask(self, token: str) -> Mapping[str, object] | None:
        """Return what a live key may do now; None for whatever else. Asking is the key's last use."""
        issuer = self.issuer
        shown = read_api_key(issuer, await self.keys.every(), token)
        if shown is None:
            return None
        facts = await self.store.api_key(issuer.name, shown.id)
        told = tell_api_key(issuer, shown, facts, self.clock())
        if told is not None:
            self.uses.note_key(issuer.name, shown.id, self.clock())
        return told


async def make_key(
    store: Store, issuer: Issuer, user: User, wish: KeyWish, *, signer: Signer, now: Instant, by: By = NOBODY
) -> NewApiKey | Refused:
    """Make a key of a user's. `signer` signs under the `typ` of API keys."""

    async def load() -> tuple[tuple[Organisation, ...], tuple[ApiKey, ...]]:
        return await store.memberships(issuer.name, user.id), await store.api_keys_of(issuer.name, user.id)

    def decide(facts: tuple[tuple[Organisation, ...], tuple[ApiKey, ...]]) -> Granted[NewApiKey] | Refused:
        return create_api_key(issuer, wish, user, *facts, signer=signer, random=os.urandom(RANDOM_OCTETS), now=now)

    decision = await act(store, load, decide, by)
    return decision if isinstance(decision, Refused) else decision.answer


async def end_key(store: Store, key: ApiKey, *, now: Instant, by: By = NOBODY) -> None:
    """Revoke a key; one that another request revoked meanwhile is as wanted."""

    async def load() -> ApiKey:
        facts = await store.api_key(key.issuer, key.id)
        return key if facts is None else facts.key

    await act(store, load, lambda found: revoke_api_key(found, now=now), by)


class KeysPage:
    """The page on which a user makes, sees and revokes their keys."""

    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk = desk
        self._account = account

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Show the keys; make one, which is shown this once; revoke one."""
        desk = self._desk
        facts = await desk.session(call)
        if facts is None:
            await self._account.show_log_in(call, send, return_to=f"{desk.root}{PAGE_PATH}")
        elif call.scope["method"] != "POST":
            await self._show(call, send, facts)
        elif (form := await self._account.own_form(call, receive, facts)) is None:
            await desk.problem(call, send, views.Fault.FORBIDDEN)
        elif form.get("do") == "revoke":
            await self._revoke(facts, form.get("key", ""), desk.by(call, facts.user))
            await desk.go(call, send, f"{desk.root}{PAGE_PATH}")
        else:
            await self._make(call, send, facts, form)

    async def _make(self, call: Call, send: Send, facts: SessionFacts, form: dict[str, str]) -> None:
        desk = self._desk
        now, name, expires = desk.clock(), form.get("name", ""), form.get("expires", "")
        try:
            wish = KeyWish(name=name, organisation=form.get("organisation") or None, expires_at=_end_of(expires))
        except ValueError:
            await self._show(call, send, facts, problem=views.ApiKeyProblem.EXPIRES, form=form)
            return
        signer = await desk.copy.api_key_signer(desk.issuer, now)
        by = desk.by(call, facts.user)
        made = await make_key(desk.store, desk.issuer, facts.user, wish, signer=signer, now=now, by=by)
        if isinstance(made, Refused):
            await self._show(call, send, facts, problem=_PROBLEMS[Wrong(made.code)], form=form)
            return
        await self._show(call, send, facts, made=made.text.reveal())

    async def _revoke(self, facts: SessionFacts, key_id: str, by: By) -> None:
        desk = self._desk
        for key in await desk.store.api_keys_of(desk.issuer.name, facts.user.id):
            if key.id == ApiKeyId(key_id):  # of this user's own: nobody ends another's
                await end_key(desk.store, key, now=desk.clock(), by=by)

    async def _show(
        self,
        call: Call,
        send: Send,
        facts: SessionFacts,
        *,
        made: str | None = None,
        problem: views.ApiKeyProblem | None = None,
        form: dict[str, str] | None = None,
    ) -> None:
        desk, form, now = self._desk, form or {}, self._desk.clock()
        names = {organisation.number: organisation.name for organisation in facts.organisations}
        companies = tuple(
            views.Company(number=organisation.number, name=organisation.name)
            for organisation in facts.organisations
            if organisation.disabled_at is None
        )
        live = [
            key
            for key in await desk.store.api_keys_of(desk.issuer.name, facts.user.id)
            if key.revoked_at is None and (key.expires_at is None or now < key.expires_at)
        ]
        view = views.ApiKeys(
            brand=desk.brand,
            email=facts.user.email,
            action=f"{desk.root}{PAGE_PATH}",
            csrf=desk.token("account", facts.session.id),
            companies=companies,
            earliest=f"{datetime.fromtimestamp(now, UTC) + _DAY:%Y-%m-%d}",
            keys=tuple(_line(key, names) for key in live),
            made=made,
            problem=problem,
            name=form.get("name", ""),
            expires=form.get("expires", ""),
            chosen=next((one.number for one in companies if one.number == form.get("organisation")), None),
        )
        await desk.show(call, send, view, desk.locale(call, users=facts.user.locale))


_PROBLEMS = {
    Wrong.COMPANY: views.ApiKeyProblem.COMPANY,
    Wrong.EXPIRES: views.ApiKeyProblem.EXPIRES,
    Wrong.NAME: views.ApiKeyProblem.NAME,
    Wrong.LIMITED: views.ApiKeyProblem.LIMITED,
}


def _line(key: ApiKey, names: Mapping[OrganisationNumber, str]) -> views.ApiKey:
    number = key.organisation
    return views.ApiKey(
        id=key.id,
        name=key.name,
        company=None if number is None else views.Company(number=number, name=names.get(number, "")),
        created=key.created_at,
        expires=key.expires_at,
        last_used=key.last_used_at,
    )


def _end_of(day: str) -> Instant | None:
    """Return the first moment of a day, UTC; None if none was chosen. Raises: ValueError."""
    if not day:
        return None
    return Instant(int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()))
