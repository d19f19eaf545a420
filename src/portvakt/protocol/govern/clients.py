"""Decisions about clients: create, change, disable, enable, delete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.change import (
    AddClient,
    AddSecret,
    ChangeClient,
    ChangeOrganisation,
    ChangeUser,
    DeleteClient,
    Note,
    SetClient,
    SetClientDisabled,
)
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import Client, ClientAuthentication, ClientFacts
from portvakt.model.provider import Refresh
from portvakt.model.values import ClientId, Instant, Seconds
from portvakt.protocol.credentials import mint_id
from portvakt.protocol.ending import begin_client, end_client, end_client_for_good, end_grant
from portvakt.protocol.govern.secrets import NewSecret, changed, give_secret
from portvakt.protocol.govern.told import differences, of_client, tell_client, tell_secret
from portvakt.protocol.live import why_client_is_dead
from portvakt.protocol.own_scopes import OWN_SCOPES, SELF_SERVICE
from portvakt.wire.redirect_uri import check_redirect_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import Grant
    from portvakt.model.behalf_change import AddRevocation
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer, Organisation, User
    from portvakt.model.provider import Provider, Quota
    from portvakt.protocol.govern.actor import Actor

NAME_CHARACTERS = 100
DESCRIPTION_CHARACTERS = 1000
MOST_CLIENTS = 100
"""Of one developer, or of one organisation: more than anybody looks after, and no way to fill a database."""

REDIRECT_URIS = 50
REDIRECT_CHARACTERS = 8_000
"""Of all redirect URIs together: the log keeps them for good, before and after each change."""

SCOPES = 100
LONGEST_WINDOW = Seconds(86400)
LARGEST_QUOTA = 10**9

_TOO_MANY = Refused(
    INVALID_REQUEST,
    f"There are {MOST_CLIENTS} clients already. Delete one that nobody uses, or ask an operator to make this one.",
    409,
    reason="too many clients",
)

_OPERATORS = Refused(
    "access_denied",
    "An operator disabled this client, and only an operator enables it again: ask them.",
    403,
    reason="disabled by an operator",
)

_FOR_ITSELF = frozenset({"client_credentials"})
_FOR_USERS = frozenset({"authorization_code", "refresh_token"})

# RFC 6749 §3.3, without what would end a log line or a header
_SCOPE_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F))) - {'"', "\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A client as somebody wants it. `expires_in` None: its secret has no end.

    With `redirect_uris` it may act for users too, where the provider has that; without, for itself alone. `grants`
    are fewer grant types than those that fit; none named: all of them. `token_quota` is its own, instead of the
    issuer's.
    """

    name: str
    description: str = ""
    authentication: ClientAuthentication = ClientAuthentication.ANY_SECRET
    scopes: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    token_quota: Quota | None = None
    expires_in: Seconds | None = Seconds(180 * 86400)


def create_client(  # noqa: PLR0913  each is a fact of its own, and all but three are named
    issuer: Issuer,
    wish: Wish,
    owner: User,
    *,
    actor: Actor,
    organisation: Organisation | None = None,
    held: int = 0,
    pepper: bytes,
    random: bytes,
    now: Instant,
) -> Granted[NewSecret] | Refused:
    """Decide on a new client of `owner`, with a generated id and, unless it is public, one secret.

    With `organisation` it belongs to that one, and the owner is who made it. `held`: how many clients it has, or else
    the owner; for an operator it does not matter.
    """
    problem = wrong_wish(issuer, wish, actor)
    if problem:
        return Refused(INVALID_REQUEST, problem, reason=problem)
    if held >= MOST_CLIENTS and not actor.operator:
        return _TOO_MANY
    client = Client(
        id=ClientId(mint_id(issuer.provider.client_id_prefix, random[:32])),
        issuer=issuer.name,
        name=wish.name,
        description=wish.description,
        owner=owner.id,
        organisation=None if organisation is None else organisation.number,
        authentication=wish.authentication,
        grants=frozenset(wish.grants) or _grants(issuer.provider, wish),
        scopes=wish.scopes,
        default_scopes=wish.default_scopes,
        redirect_uris=wish.redirect_uris,
        token_quota=wish.token_quota,
        created_at=now,
    )
    bare = ClientFacts(client=client, owner=owner, organisation=organisation)
    note = Note(of_client(client, Act.CLIENT_CREATED, now, after=tell_client(client)))
    first = () if actor.operator else (_change_holder(owner, organisation),)
    if wish.authentication is ClientAuthentication.NONE:
        return Granted(NewSecret(bare, None), (*first, AddClient(client), note))
    given = give_secret(bare, wish.expires_in, pepper=pepper, random=random, now=now)
    secret = given.facts.secrets[0]
    told = Note(of_client(client, Act.SECRET_CREATED, now, what=secret.id, after=tell_secret(secret)))
    return Granted(given, (*first, AddClient(client), AddSecret(issuer.name, secret), note, told))


def _change_holder(owner: User, organisation: Organisation | None) -> Change:
    """Return what of two who count at one moment is one's alone, so that both do not make the last client."""
    if organisation is None:
        return ChangeUser(owner.issuer, owner.id, owner.version)
    return ChangeOrganisation(organisation.issuer, organisation.number, organisation.version)


def wish_of(client: Client) -> Wish:
    """Return the wish that a client is the fulfilment of: what a change begins with."""
    return Wish(
        name=client.name,
        description=client.description,
        authentication=client.authentication,
        scopes=client.scopes,
        default_scopes=client.default_scopes,
        redirect_uris=client.redirect_uris,
        grants=tuple(sorted(client.grants)),
        token_quota=client.token_quota,
    )


def change_client(
    issuer: Issuer, facts: ClientFacts, wish: Wish, *, actor: Actor, now: Instant
) -> Granted[ClientFacts] | Refused:
    """Decide that a client becomes what `wish` says, all of it (Z3: what counts is the whole, not what was sent).

    Without `grants` in the wish it has all that fit. A client that needs no secret stays so, and the other way round:
    whoever holds a secret would be locked out, or a program that anybody can read would be trusted with one.
    """
    client = facts.client
    problem = wrong_wish(issuer, wish, actor, was=client)
    public = ClientAuthentication.NONE
    if not problem and (wish.authentication is public) is not (client.authentication is public):
        problem = "A public client stays public, and one with a secret keeps it: make a new client instead."
    if problem:
        return Refused(INVALID_REQUEST, problem, reason=problem)
    after = replace(
        client,
        name=wish.name,
        description=wish.description,
        authentication=wish.authentication,
        grants=frozenset(wish.grants) or _grants(issuer.provider, wish),
        scopes=wish.scopes,
        default_scopes=wish.default_scopes,
        redirect_uris=wish.redirect_uris,
        token_quota=wish.token_quota,
    )
    if after == client:
        return Granted(facts)
    was, is_now = differences(tell_client(client), tell_client(after))
    changes = (
        ChangeClient(client.issuer, client.id, client.version),
        SetClient(after),
        Note(of_client(client, Act.CLIENT_CHANGED, now, before=was, after=is_now)),
    )
    return Granted(changed(replace(facts, client=after)), changes)


def enables(client: Client, actor: Actor) -> bool:
    """Whether it is disabled and theirs to enable."""
    return client.disabled_at is not None and (actor.operator or not client.disabled_by_operator)


def disables(client: Client, actor: Actor) -> bool:
    """Whether it is enabled, or its owner could enable it and this is an operator."""
    return client.disabled_at is None or (actor.operator and not client.disabled_by_operator)


def set_enabled(facts: ClientFacts, *, enabled: bool, actor: Actor, now: Instant) -> Granted[ClientFacts] | Refused:
    """Decide to enable or disable a client; one that is so already stays as it is.

    What an operator disabled, only an operator enables (Z2); one who disables what its owner disabled takes it over.
    The guards are told: its access tokens of before are refused until they have ended, also if it is enabled.
    """
    client = facts.client
    if not (enables(client, actor) if enabled else disables(client, actor)):
        return _OPERATORS if enabled and client.disabled_at is not None else Granted(facts)
    first = now if client.disabled_at is None else client.disabled_at
    disabled_at, by_operator = (None, False) if enabled else (first, actor.operator)
    after = replace(facts, client=replace(client, disabled_at=disabled_at, disabled_by_operator=by_operator))
    act = Act.CLIENT_ENABLED if enabled else Act.CLIENT_DISABLED
    was, is_now = differences(tell_client(client), tell_client(after.client))
    changes: tuple[Change, ...] = (
        ChangeClient(client.issuer, client.id, client.version),
        SetClientDisabled(client.issuer, client.id, disabled_at, by_operator),
        *_tell_guards(client, after, now),
        Note(of_client(client, act, now, before=was, after=is_now)),
    )
    return Granted(changed(after), changes)


def _tell_guards(was: Client, after: ClientFacts, now: Instant) -> tuple[AddRevocation, ...]:
    """A client whose owner or organisation is disabled begins again with them."""
    if was.disabled_at is None:
        return (end_client(was.issuer, was.id, now),)
    return () if why_client_is_dead(after) else begin_client(was.issuer, was.id, was.disabled_at, now)


def end_grants(issuer: Issuer, grants: Sequence[Grant], *, now: Instant) -> Granted[None]:
    """Decide to end what users gave a client: some of it at a time, where there is much."""
    return Granted(None, tuple(change for grant in grants for change in end_grant(issuer, grant, now)))


def delete_client(facts: ClientFacts, *, now: Instant) -> Granted[None]:
    """Decide to delete a client, with its secrets. Its access tokens are refused by the guards from now on."""
    client = facts.client
    changes: tuple[Change, ...] = (
        ChangeClient(client.issuer, client.id, client.version),
        DeleteClient(client.issuer, client.id, now),
        end_client_for_good(client.issuer, client.id, now),
        Note(of_client(client, Act.CLIENT_DELETED, now, before=tell_client(client))),
    )
    return Granted(None, changes)


def wrong_wish(issuer: Issuer, wish: Wish, actor: Actor, was: Client | None = None) -> str:
    """Return what is wrong with a wish, or an empty text. `was`: the client that it would change."""
    named = wish.name and wish.name == wish.name.strip() and wish.name.isprintable()
    if not named or len(wish.name) > NAME_CHARACTERS:
        return f"A client needs a name of 1 to {NAME_CHARACTERS} printable characters, without spaces at its ends."
    if len(wish.description) > DESCRIPTION_CHARACTERS or not wish.description.isprintable():
        return f"A description has at most {DESCRIPTION_CHARACTERS} printable characters."
    if wish.expires_in is not None and wish.expires_in < 1:
        return "The secret would never have lived."
    if not all(scope and set(scope) <= _SCOPE_CHARACTERS for scope in wish.scopes):
        return "A scope is one word of printable ASCII."
    if not set(wish.default_scopes) <= set(wish.scopes):
        return "A default scope is one of the client's scopes."
    if len(wish.scopes) > SCOPES or len(set(wish.scopes)) != len(wish.scopes):
        return f"A client has at most {SCOPES} scopes, each once."
    known = issuer.provider.scopes
    if known is not None and not set(wish.scopes) <= set(known) | OWN_SCOPES:
        return f"{issuer.provider.title} knows {'these scopes: ' + ', '.join(known) if known else 'no scopes'}."
    return (
        _wrong_privileges(wish, actor, was)
        or _wrong_quota(wish)
        or _wrong_redirect_uris(issuer.provider, wish)
        or _wrong_grants(issuer.provider, wish)
    )


def _wrong_privileges(wish: Wish, actor: Actor, was: Client | None) -> str:
    """Only an operator says what a client may ask of this server itself, and how often it may ask (Z2)."""
    if actor.operator:
        return ""
    had = set() if was is None else set(was.scopes)
    if set(wish.scopes) & OWN_SCOPES - SELF_SERVICE - had:
        return "Scopes that begin with portvakt: are for an operator to give."
    quota = None if was is None else was.token_quota
    return "" if wish.token_quota == quota else "A client's own quota is for an operator to give."


def _wrong_quota(wish: Wish) -> str:
    quota = wish.token_quota
    if quota is None or (0 < quota.limit <= LARGEST_QUOTA and 0 < quota.window <= LONGEST_WINDOW):
        return ""
    return f"A quota is 1 to {LARGEST_QUOTA} requests in 1 to {LONGEST_WINDOW} seconds."


def _wrong_redirect_uris(provider: Provider, wish: Wish) -> str:
    public = wish.authentication is ClientAuthentication.NONE
    if public and provider.refresh is Refresh.STATIC:  # RFC 9700 §2.2.2: a public client's are rotated
        return f"{provider.title} has no public clients: its refresh tokens do not change."
    if wish.redirect_uris and not _FOR_USERS & set(provider.grants):
        return f"{provider.title} has no redirect URIs: its clients act for themselves alone."
    if len(set(wish.redirect_uris)) != len(wish.redirect_uris) or len(wish.redirect_uris) > REDIRECT_URIS:
        return f"A client has at most {REDIRECT_URIS} redirect URIs, each once."
    if sum(map(len, wish.redirect_uris)) > REDIRECT_CHARACTERS:
        return f"A client's redirect URIs have at most {REDIRECT_CHARACTERS} characters together."
    problems = [check_redirect_uri(uri, public=public) for uri in wish.redirect_uris]
    return next((f"A redirect URI {problem}." for problem in problems if problem), "")


def _wrong_grants(provider: Provider, wish: Wish) -> str:
    fitting = _grants(provider, wish)
    if not set(wish.grants) <= fitting:
        return f"Such a client may use {', '.join(sorted(fitting)) or 'no grant type'}: a user's need a redirect URI."
    if fitting or set(wish.scopes) & OWN_SCOPES - SELF_SERVICE:  # a guard's client uses these with its secret alone
        return ""
    if not _FOR_USERS & set(provider.grants):
        return f"{provider.title} has no public clients: its clients act for themselves, with a secret."
    who = "a public client acts" if wish.authentication is ClientAuthentication.NONE else "this issuer's clients act"
    return f"Give at least one redirect URI: {who} for users."


def _grants(provider: Provider, wish: Wish) -> frozenset[str]:
    """Return the grant types that fit: a client's own tokens need a secret, a user's a way back."""
    own = _FOR_ITSELF if wish.authentication is not ClientAuthentication.NONE else frozenset()
    return frozenset(provider.grants) & (own | (_FOR_USERS if wish.redirect_uris else frozenset()))
