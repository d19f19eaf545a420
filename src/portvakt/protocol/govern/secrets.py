"""Decisions about the secrets of a client: make one, rotate with a dated overlap, revoke."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.change import AddSecret, ChangeClient, ExpireSecret, Note, RevokeSecret
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.credentials import SECRET_OCTETS, keep, mint_secret
from portvakt.protocol.govern.actor import not_found
from portvakt.protocol.govern.told import of_client, tell_secret

if TYPE_CHECKING:
    from portvakt.model.change import Change
    from portvakt.model.nouns import ClientFacts, ClientSecret
    from portvakt.model.values import Secret, SecretId

LIVE_SECRETS = 5
"""How many secrets of one client may live at once."""

MADE_IN_A_DAY = 50
"""How many secrets a client is given within a day: none is forgotten, and each is read wherever its client is."""

GRACE_LIMIT = Seconds(7 * 86400)
IN_USE = Seconds(3600)
"""A secret that was used so many seconds ago, or fewer, is in use: to revoke it is to break somebody."""

_DAY = 86_400
_TOO_OFTEN = Refused(
    INVALID_REQUEST,
    f"The client was given {MADE_IN_A_DAY} secrets within a day. Use the newest, or wait.",
    409,
    reason="too many secrets in a day",
)

RANDOM_OCTETS = 32 + 32 + SECRET_OCTETS
"""How many random bytes a decision that makes a client or a secret needs."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A client as it stands now, and the secret that it was just given: the only time that it is seen.

    `secret` is None for a public client.
    """

    facts: ClientFacts
    secret: Secret | None


def rotate_secret(
    facts: ClientFacts, *, grace: Seconds, expires_in: Seconds | None, pepper: bytes, random: bytes, now: Instant
) -> Granted[NewSecret] | Refused:
    """Decide on a new secret; every older one ends at the earlier of its own end and `grace` from now.

    `grace`: seconds, 0 to 7 days; 0 ends the older ones at once. Refused for a public client, and when more
    than `LIVE_SECRETS` would live, or `MADE_IN_A_DAY` were made.
    """
    client, problem = facts.client, _no_rotation(facts, grace, expires_in, now)
    if problem is not None:
        return problem
    end = Instant(now + grace)
    older = tuple(
        (secret, replace(secret, expires_at=end))
        for secret in facts.secrets
        if secret.revoked_at is None and (secret.expires_at is None or secret.expires_at > end)
    )
    ends = {after.id: after for _, after in older}
    kept = tuple(ends.get(secret.id, secret) for secret in facts.secrets)
    if sum(lives(secret, now) for secret in kept) >= LIVE_SECRETS:
        return Refused(
            INVALID_REQUEST,
            f"The client has {LIVE_SECRETS} live secrets. Wait until one has ended, or rotate without overlap.",
            reason="too many live secrets",
        )
    given = give_secret(replace(facts, secrets=kept), expires_in, pepper=pepper, random=random, now=now)
    row = given.facts.secrets[-1]
    changes: tuple[Change, ...] = (
        ChangeClient(client.issuer, client.id, client.version),
        *(ExpireSecret(client.issuer, client.id, secret.id, end) for secret, _ in older),
        AddSecret(client.issuer, row),
        *(
            Note(
                of_client(
                    client, Act.SECRET_ENDED, now, what=was.id, before=tell_secret(was), after=tell_secret(now_is)
                )
            )
            for was, now_is in older
        ),
        Note(of_client(client, Act.SECRET_CREATED, now, what=row.id, after=tell_secret(row))),
    )
    return Granted(replace(given, facts=changed(given.facts)), changes)


def _no_rotation(facts: ClientFacts, grace: Seconds, expires_in: Seconds | None, now: Instant) -> Refused | None:
    if facts.client.authentication is ClientAuthentication.NONE:
        return Refused(INVALID_REQUEST, "A public client has no secret.", reason="public client")
    if not 0 <= grace <= GRACE_LIMIT:
        return Refused(INVALID_REQUEST, "The overlap is from 0 to 7 days.", reason="grace")
    if expires_in is not None and expires_in < 1:
        return Refused(INVALID_REQUEST, "The secret would never have lived.", reason="expires_in")
    made = sum(now - secret.created_at < _DAY for secret in facts.secrets)
    return _TOO_OFTEN if made >= MADE_IN_A_DAY else None


def revoke_secret(
    facts: ClientFacts, secret_id: SecretId, *, forced: bool, now: Instant
) -> Granted[ClientFacts] | Refused:
    """Decide to revoke one secret, at once; one that is revoked already stays so.

    Refused while it is in use (`IN_USE`), unless `forced`: whoever uses it is cut off.
    """
    client = facts.client
    secret = next((secret for secret in facts.secrets if secret.id == secret_id), None)
    if secret is None:
        return not_found("secret")
    if secret.revoked_at is not None:
        return Granted(facts)
    used = secret.last_used_at
    if not forced and lives(secret, now) and used is not None and now - used <= IN_USE:
        return Refused(
            "in_use",
            f"The secret was used {max(0, now - used)} seconds ago. Rotate with an overlap, or force it.",
            409,
            reason="secret in use",
        )
    after = replace(secret, revoked_at=now)
    kept = tuple(after if each.id == secret_id else each for each in facts.secrets)
    changes: tuple[Change, ...] = (
        ChangeClient(client.issuer, client.id, client.version),
        RevokeSecret(client.issuer, client.id, secret_id, now),
        Note(
            of_client(
                client, Act.SECRET_REVOKED, now, what=secret_id, before=tell_secret(secret), after=tell_secret(after)
            )
        ),
    )
    return Granted(changed(replace(facts, secrets=kept)), changes)


def give_secret(
    facts: ClientFacts, expires_in: Seconds | None, *, pepper: bytes, random: bytes, now: Instant
) -> NewSecret:
    """Return a client with one more secret. `random`: `RANDOM_OCTETS`. `expires_in` None: without an end."""
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


def changed(facts: ClientFacts) -> ClientFacts:
    """Return a client as it is once a set of changes to it was applied."""
    return replace(facts, client=replace(facts.client, version=facts.client.version + 1))


def lives(secret: ClientSecret, now: Instant) -> bool:
    """Whether a secret is good now."""
    return secret.revoked_at is None and (secret.expires_at is None or now < secret.expires_at)
