"""Decisions about clients and their secrets: create, rotate, disable, enable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.model.change import AddClient, AddSecret, ChangeClient, ExpireSecret, SetClientDisabled
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import Client, ClientAuthentication, ClientFacts
from portvakt.model.provider import Refresh
from portvakt.model.values import ClientId, Instant, Seconds
from portvakt.protocol.credentials import SECRET_OCTETS, keep, mint_id, mint_secret
from portvakt.protocol.own_scopes import OWN_SCOPES
from portvakt.wire.redirect_uri import check_redirect_uri

if TYPE_CHECKING:
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer, User
    from portvakt.model.provider import Provider
    from portvakt.model.values import Secret

LIVE_SECRETS = 5
"""How many secrets of one client may live at once."""

GRACE_LIMIT = Seconds(7 * 86400)
NAME_CHARACTERS = 100
DESCRIPTION_CHARACTERS = 1000
REDIRECT_URIS = 50
RANDOM_OCTETS = 32 + 32 + SECRET_OCTETS
"""How many random bytes a decision that makes a client or a secret needs."""

_FOR_ITSELF = frozenset({"client_credentials"})
_FOR_USERS = frozenset({"authorization_code", "refresh_token"})

# RFC 6749 §3.3, without what would end a log line or a header
_SCOPE_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F))) - {'"', "\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A client as somebody wants it. `expires_in` None: its secret has no end.

    With `redirect_uris` it may act for users too, where the provider has that; without, for itself alone. `grants`
    are fewer grant types than those that fit; none named: all of them.
    """

    name: str
    description: str = ""
    authentication: ClientAuthentication = ClientAuthentication.ANY_SECRET
    scopes: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    expires_in: Seconds | None = Seconds(180 * 86400)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A client as it stands now, and the secret that it was just given: the only time that it is seen.

    `secret` is None for a public client.
    """

    facts: ClientFacts
    secret: Secret | None


def create_client(
    issuer: Issuer, wish: Wish, owner: User, *, pepper: bytes, random: bytes, now: Instant
) -> Granted[NewSecret] | Refused:
    """Decide on a new client of `owner`, with a generated id and, unless it is public, one secret."""
    problem = _wrong_wish(issuer, wish)
    if problem:
        return Refused(INVALID_REQUEST, problem, reason=problem)
    client = Client(
        id=ClientId(mint_id(issuer.provider.client_id_prefix, random[:32])),
        issuer=issuer.name,
        name=wish.name,
        description=wish.description,
        owner=owner.id,
        authentication=wish.authentication,
        grants=frozenset(wish.grants) or _grants(issuer.provider, wish),
        scopes=wish.scopes,
        default_scopes=wish.default_scopes,
        redirect_uris=wish.redirect_uris,
        created_at=now,
    )
    bare = ClientFacts(client=client, owner=owner)
    if wish.authentication is ClientAuthentication.NONE:
        return Granted(NewSecret(bare, None), (AddClient(client),))
    given = _give_secret(bare, wish.expires_in, pepper=pepper, random=random, now=now)
    return Granted(given, (AddClient(client), AddSecret(issuer.name, given.facts.secrets[0])))


def rotate_secret(
    facts: ClientFacts, *, grace: Seconds, expires_in: Seconds | None, pepper: bytes, random: bytes, now: Instant
) -> Granted[NewSecret] | Refused:
    """Decide on a new secret; every older one ends at the earlier of its own end and `grace` from now.

    `grace`: seconds, 0 to 7 days; 0 ends the older ones at once. Refused for a public client, and when more
    than `LIVE_SECRETS` would live.
    """
    client = facts.client
    if client.authentication is ClientAuthentication.NONE:
        return Refused(INVALID_REQUEST, "A public client has no secret.", reason="public client")
    if not 0 <= grace <= GRACE_LIMIT:
        return Refused(INVALID_REQUEST, "The overlap is from 0 to 7 days.", reason="grace")
    if expires_in is not None and expires_in < 1:
        return Refused(INVALID_REQUEST, "The secret would never have lived.", reason="expires_in")
    end = Instant(now + grace)
    older = tuple(
        replace(secret, expires_at=end)
        for secret in facts.secrets
        if secret.revoked_at is None and (secret.expires_at is None or secret.expires_at > end)
    )
    ends = {secret.id: secret for secret in older}
    kept = tuple(ends.get(secret.id, secret) for secret in facts.secrets)
    if sum(_lives(secret.expires_at, secret.revoked_at, now) for secret in kept) >= LIVE_SECRETS:
        return Refused(
            INVALID_REQUEST,
            f"The client has {LIVE_SECRETS} live secrets. Wait until one has ended, or rotate without overlap.",
            reason="too many live secrets",
        )
    given = _give_secret(replace(facts, secrets=kept), expires_in, pepper=pepper, random=random, now=now)
    changes: tuple[Change, ...] = (
        ChangeClient(client.issuer, client.id, client.version),
        *(ExpireSecret(client.issuer, client.id, secret.id, end) for secret in older),
        AddSecret(client.issuer, given.facts.secrets[-1]),
    )
    return Granted(replace(given, facts=_changed(given.facts)), changes)


def set_enabled(facts: ClientFacts, *, enabled: bool, now: Instant) -> Granted[ClientFacts]:
    """Decide to enable or disable a client; one that is so already stays as it is."""
    client = facts.client
    if enabled is (client.disabled_at is None):
        return Granted(facts)
    disabled_at = None if enabled else now
    changes: tuple[Change, ...] = (
        ChangeClient(client.issuer, client.id, client.version),
        SetClientDisabled(client.issuer, client.id, disabled_at),
    )
    return Granted(_changed(replace(facts, client=replace(client, disabled_at=disabled_at))), changes)


def _give_secret(
    facts: ClientFacts, expires_in: Seconds | None, *, pepper: bytes, random: bytes, now: Instant
) -> NewSecret:
    secret = mint_secret(random[-SECRET_OCTETS:])
    row = keep(
        secret,
        pepper=pepper,
        client_id=facts.client.id,
        id_random=random[32:64],
        now=now,
        expires_at=None if expires_in is None else Instant(now + expires_in),
    )
    return NewSecret(replace(facts, secrets=(*facts.secrets, row)), secret)


def _changed(facts: ClientFacts) -> ClientFacts:
    return replace(facts, client=replace(facts.client, version=facts.client.version + 1))


def _lives(expires_at: Instant | None, revoked_at: Instant | None, now: Instant) -> bool:
    return revoked_at is None and (expires_at is None or now < expires_at)


def _wrong_wish(issuer: Issuer, wish: Wish) -> str:
    """Return what is wrong with a wish, or an empty text."""
    if not wish.name.strip() or len(wish.name) > NAME_CHARACTERS or not wish.name.isprintable():
        return f"A client needs a name of 1 to {NAME_CHARACTERS} printable characters."
    if len(wish.description) > DESCRIPTION_CHARACTERS or not wish.description.isprintable():
        return f"A description has at most {DESCRIPTION_CHARACTERS} printable characters."
    if wish.expires_in is not None and wish.expires_in < 1:
        return "The secret would never have lived."
    if not all(scope and set(scope) <= _SCOPE_CHARACTERS for scope in wish.scopes):
        return "A scope is one word of printable ASCII."
    if not set(wish.default_scopes) <= set(wish.scopes):
        return "A default scope is one of the client's scopes."
    known = issuer.provider.scopes
    if known is not None and not set(wish.scopes) <= set(known) | OWN_SCOPES:
        return f"{issuer.provider.title} has {'the scopes ' + ', '.join(known) if known else 'no scopes'}."
    return _wrong_redirect_uris(issuer.provider, wish) or _wrong_grants(issuer.provider, wish)


def _wrong_redirect_uris(provider: Provider, wish: Wish) -> str:
    public = wish.authentication is ClientAuthentication.NONE
    if public and provider.refresh is Refresh.STATIC:  # RFC 9700 §2.2.2: a public client's are rotated
        return f"{provider.title} has no public clients: its refresh tokens do not change."
    if wish.redirect_uris and not _FOR_USERS & set(provider.grants):
        return f"{provider.title} has no redirect URIs: its clients act for themselves alone."
    if len(set(wish.redirect_uris)) != len(wish.redirect_uris) or len(wish.redirect_uris) > REDIRECT_URIS:
        return f"A client has at most {REDIRECT_URIS} redirect URIs, each once."
    problems = [check_redirect_uri(uri, public=public) for uri in wish.redirect_uris]
    return next((f"A redirect URI {problem}." for problem in problems if problem), "")


def _wrong_grants(provider: Provider, wish: Wish) -> str:
    fitting = _grants(provider, wish)
    if set(wish.grants) <= fitting:
        return ""
    return f"Such a client may use {', '.join(sorted(fitting)) or 'no grant type'}: a user's need a redirect URI."


def _grants(provider: Provider, wish: Wish) -> frozenset[str]:
    """Return the grant types that fit: a client's own tokens need a secret, a user's a way back."""
    own = _FOR_ITSELF if wish.authentication is not ClientAuthentication.NONE else frozenset()
    return frozenset(provider.grants) & (own | (_FOR_USERS if wish.redirect_uris else frozenset()))
