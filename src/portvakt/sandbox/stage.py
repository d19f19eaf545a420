"""What the sandbox plays: for each provider its issuers, their seeded clients, and the API behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.guard import Guard
from portvakt.model.behalf import ApiKey
from portvakt.model.behalf_change import AddApiKey
from portvakt.model.change import AddUser
from portvakt.model.provider import ApiKeys
from portvakt.model.values import ApiKeyId, OrganisationNumber, UserId
from portvakt.protocol.credentials import mint_id
from portvakt.protocol.govern.api_keys import api_key_text
from portvakt.sandbox.books import invoices_of
from portvakt.sandbox.breeze_api import READ_CREDENTIALS, BreezeUser, Tenant, breeze_api
from portvakt.sandbox.echo_api import echo_api
from portvakt.sandbox.graphql import Introspection
from portvakt.sandbox.luca_api import Company, luca_api
from portvakt.sandbox.people import PEOPLE, settle
from portvakt.sandbox.quota_gate import quota_gate
from portvakt.server.own_keys import OwnKeys
from portvakt.server.quota import Windows
from portvakt.server.revocations import OwnRevocations
from portvakt.server.shown_tokens import has_public_clients

if TYPE_CHECKING:
    from portvakt.model.change import Change
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.model.provider import Provider
    from portvakt.model.values import ClientId
    from portvakt.protocol.admit.verified import Verified
    from portvakt.sandbox.asgi import App, Receive, Scope, Send
    from portvakt.sandbox.seed import Seed, Sower, Sown
    from portvakt.server.application import Application
    from portvakt.server.log import Log
    from portvakt.store import Store

PLAYED = {
    "breeze": ("breeze-test", "breeze-production"),
    "luca": ("luca-test",),
    "prisjakt": ("prisjakt",),
    "standard": ("standard",),
}
"""The issuers by provider."""

_SCOPES = ("read", "write")  # where each client has its own
REDIRECT_URIS = ("http://127.0.0.1/callback",)
_TENANT = Tenant(id="tenant_nordlys", name="Nordlys AS")
_CREDENTIALS = {"cred_abc123": "Driver card", "cred_def456": "Site induction"}
_BOOKS = 64  # companies whose invoices are kept in memory: about 100 KB each
_NAMES = {"integration": ("Ida", "Integrasjon"), "limited": ("Lars", "Lesetilgang")}


@dataclass(frozen=True, slots=True)
class Played:
    """An issuer's seeds: what is told on the first line, and what makes it true."""

    told: dict[str, object]
    plots: tuple[tuple[Change, ...], ...]


def settings_of(provider: Provider, base_url: str) -> dict[str, dict[str, str]]:
    """Return the tables of portvakt.toml for a provider's issuers, by name.

    One that a company describes itself has one issuer, of its own name, and its file beside portvakt.toml.
    """
    named = provider.name if provider.name in PLAYED else provider.name + ".toml"
    return {
        name: {
            "provider": named,
            "url": f"{base_url}/{name}{provider.auth_path}",
            "api_url": f"{base_url}/{name}{provider.api_path}",
        }
        for name in PLAYED.get(provider.name, (provider.name,))
    }


def sow(sower: Sower, base_url: str) -> Played:
    """Return an issuer's first users and clients."""
    issuer = sower.issuer
    told: dict[str, object] = {"provider": issuer.provider.name, "base_url": issuer.url, "api_url": issuer.api_url}
    if issuer.provider.name == "breeze":
        return _sow_breeze(sower, told)
    if issuer.provider.auth_path:
        told = {"provider": issuer.provider.name, "base_url": f"{base_url}/{issuer.name}", "auth_url": issuer.url}
        told["api_url"] = issuer.api_url
    user = sower.user("developer@example.com")
    scopes = _SCOPES if issuer.provider.scopes is None else issuer.provider.scopes
    redirect_uris = REDIRECT_URIS if issuer.provider.authorize_path else ()
    client = sower.client("main", user, name="My program", scopes=scopes, redirect_uris=redirect_uris)
    told |= _credentials(client)
    plots: list[tuple[Change, ...]] = [(AddUser(user),), client.changes]
    if has_public_clients(issuer):
        public = sower.client("public", user, name="My app", scopes=scopes, redirect_uris=redirect_uris, public=True)
        told["public_client_id"] = public.client_id
        plots.append(public.changes)
    if redirect_uris:
        settled = settle(sower)
        told |= {"redirect_uris": list(redirect_uris), "users": list(settled.told)}
        plots.append(settled.changes)  # as one: who has left a company is not brought back by a restart
    return Played(told, tuple(plots))


async def sow_api_key(
    sower: Sower, application: Application, store: Store, told: dict[str, object]
) -> dict[str, object]:
    """Return what is told of an issuer, with the first user's API key where there are such; it is made if need be.

    The same folder gives the same one after a restart, as long as the same key of the issuer signs with RS256.
    """
    issuer, now = sower.issuer, application.clock()
    if issuer.provider.api_keys is ApiKeys.NONE:
        return told
    key_id = ApiKeyId(mint_id("key_", sower.seed.octets(issuer.name, "api key")))
    person = PEOPLE[0]
    row = ApiKey(
        issuer=issuer.name,
        id=key_id,
        user_id=sower.user(person.email).id,
        organisation=OrganisationNumber(person.companies[0]),
        name="A key of the sandbox",
        created_at=now,
    )
    await store.apply([AddApiKey(row)])  # lost where the folder holds it already
    kept = await store.api_key(issuer.name, key_id)
    signer = await application.copy.api_key_signer(issuer, now)
    text = api_key_text(issuer, row if kept is None else kept.key, signer).reveal()
    return {name: value for name, value in told.items() if name != "users"} | {"api_key": text, "users": told["users"]}


def _sow_breeze(sower: Sower, told: dict[str, object]) -> Played:
    integration = sower.user("integration@example.com", roles=frozenset({READ_CREDENTIALS}))
    limited_user = sower.user("limited@example.com")
    main = sower.client("main", integration, name="My integration")
    expired = sower.client("expired", integration, name="An integration of last year", expired=True)
    limited = sower.client("limited", limited_user, name="An integration with few rights")
    told |= {**_credentials(main), "expired": _credentials(expired), "limited": _credentials(limited)}
    plots = ((AddUser(integration),), (AddUser(limited_user),), main.changes, expired.changes, limited.changes)
    return Played(told, plots)


def _credentials(sown: Sown) -> dict[str, object]:
    return {"client_id": sown.client_id, "client_secret": sown.secret.reveal() if sown.secret else None}


def apis(application: Application, store: Store, issuer: Issuer, seed: Seed, log: Log) -> dict[str, App]:
    """Return the API that `issuer`'s tokens are for, and its metadata, by URL."""
    provider = issuer.provider
    guard = Guard(
        issuer=issuer.url,
        audience=issuer.audience,
        provider=provider,
        leeway=0,  # one clock: turned by a token's lifetime, it ends the token
        clock=application.clock,
        keys=OwnKeys(issuer, application.copy, application.clock),
        revocations=OwnRevocations(issuer, store),
        api_keys=None if provider.api_keys is ApiKeys.NONE else application.api_keys(issuer),
    )
    if provider.name == "breeze":
        api = _breeze(application, issuer, guard, log)
    elif provider.name == "luca":
        api = _luca(store, issuer, seed, guard, log)
    else:
        api = _echo(provider, guard)
    gated = quota_gate(
        api,
        issuer=issuer.name,
        api=provider.api,
        quota=issuer.api_quota,
        windows=Windows(),  # its own: addresses are strangers' to invent, clients' windows are not theirs to push out
        now=application.clock,
    )
    host = urlsplit(issuer.url)
    return {
        issuer.api_url + provider.api.path: gated,
        f"{host.scheme}://{host.netloc}{guard.metadata_path}": guard.metadata_app(),
    }


def _echo(provider: Provider, guard: Guard) -> App:
    if provider.scopes is None:
        return echo_api({"GET": ("read",), "POST": ("write",)}, guard.asgi)
    methods = ("GET",) if provider.name == "prisjakt" else ("GET", "POST")
    return echo_api(dict.fromkeys(methods, ()), guard.asgi)


def _breeze(application: Application, issuer: Issuer, guard: Guard, log: Log) -> App:
    users: dict[ClientId, BreezeUser] = {}

    def guarded(app: App, *, scopes: frozenset[str]) -> App:
        async def with_user(scope: Scope, receive: Receive, send: Send) -> None:
            client_id = scope["portvakt"].client_id
            facts = application.copy.client(issuer.name, client_id)
            facts = facts or await application.copy.load_client(issuer.name, client_id)
            if facts is None:
                users.pop(client_id, None)
            else:
                users[client_id] = _shown(facts)
            await app(scope, receive, send)

        return guard.asgi(with_user, scopes=scopes)

    return breeze_api(
        users.get,
        _CREDENTIALS,
        partial(log.failure, "resolver_failed", issuer=issuer.name),
        guarded,
        refused_text=issuer.provider.api.refused_text,
        introspection=Introspection.ANSWERED,
    )


def _luca(store: Store, issuer: Issuer, seed: Seed, guard: Guard, log: Log) -> App:
    books = lru_cache(maxsize=_BOOKS)(partial(invoices_of, seed, issuer.name))

    async def company_of(verified: Verified) -> Company | None:
        """Ask who the user is to the company now: a token outlives a membership."""
        for one in await store.memberships(issuer.name, UserId(verified.subject)):
            if one.number == verified.organisation_number and one.disabled_at is None:
                return Company(organisation_number=one.number, name=one.name, invoices=books(one.number))
        return None

    return luca_api(
        company_of,
        partial(log.failure, "resolver_failed", issuer=issuer.name),
        guard.asgi,
        cursor_key=seed.octets(issuer.name, "cursors"),
        introspection=Introspection.ANSWERED,
    )


def _shown(facts: ClientFacts) -> BreezeUser:
    user = facts.owner
    first, last = _NAMES.get(user.email.partition("@")[0], (None, None))
    return BreezeUser(
        id=user.id,
        user_id=user.email,
        email=user.email,
        first_name=first,
        last_name=last,
        status="active" if user.disabled_at is None else "inactive",
        default_tenant=_TENANT,
        roles=user.roles,
    )
