"""Decisions about personal API keys: a signed token each, of which a row says whether it is live."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.behalf import ApiKey
from portvakt.model.behalf_change import AddApiKey, RevokeApiKey
from portvakt.model.change import Note
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.provider import ApiKeys, Company
from portvakt.model.values import ApiKeyId, Instant, OrganisationNumber, Secret
from portvakt.protocol.credentials import mint_id
from portvakt.protocol.govern.told import of_api_key, tell_api_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portvakt.jose.signing import Signer
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer, Organisation, User

NAME_CHARACTERS = 80
LIVE_KEYS = 20
"""How many live keys one user may have. Counted, then added to: who makes several at one moment may get a few more."""

MADE_IN_A_DAY = 100
A_DAY = 86_400
RANDOM_OCTETS = 32
FARTHEST = 100 * 365 * 86_400


class Wrong(StrEnum):
    """What is wrong with a wish, as the code of its refusal."""

    COMPANY = "company"
    EXPIRES = "expires"
    NAME = "name"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """A key as its user wants it. `organisation` None: the only one, where there is one only."""

    name: str = ""
    organisation: str | None = None
    expires_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made: the only time that its text is seen."""

    row: ApiKey
    text: Secret = field(repr=False)


def create_api_key(
    issuer: Issuer,
    wish: KeyWish,
    user: User,
    memberships: Sequence[Organisation],
    held: Sequence[ApiKey],
    *,
    signer: Signer,
    random: bytes,
    now: Instant,
) -> Granted[NewApiKey] | Refused:
    """Decide on a new key of `user`, who has those memberships and holds those keys.

    `signer` signs under the `typ` of API keys; `random`: `RANDOM_OCTETS` bytes. A refusal's code is a `Wrong`.
    """
    if issuer.provider.api_keys is ApiKeys.NONE:
        return _refused(INVALID_REQUEST, f"{issuer.provider.title} has no personal API keys.")
    if len(wish.name) > NAME_CHARACTERS or not wish.name.isprintable():
        return _refused(Wrong.NAME, f"A name has at most {NAME_CHARACTERS} printable characters.")
    if wish.expires_at is not None and not now < wish.expires_at <= now + FARTHEST:
        return _refused(Wrong.EXPIRES, "A key ends in the future, within 100 years.")
    company = _company(issuer, wish, memberships)
    if isinstance(company, Refused):
        return company
    live = [key for key in held if key.revoked_at is None and (key.expires_at is None or now < key.expires_at)]
    if len(live) >= LIVE_KEYS:
        return _refused(Wrong.LIMITED, f"A user has at most {LIVE_KEYS} live keys.")
    if sum(now - key.created_at < A_DAY for key in held) >= MADE_IN_A_DAY:  # no key is ever deleted
        return _refused(Wrong.LIMITED, f"A user makes at most {MADE_IN_A_DAY} keys a day.")
    row = ApiKey(
        issuer=issuer.name,
        id=ApiKeyId(mint_id("key_", random)),
        user_id=user.id,
        organisation=company,
        name=wish.name.strip(),
        created_at=now,
        expires_at=wish.expires_at,
    )
    note = Note(of_api_key(row, Act.API_KEY_CREATED, now, after=tell_api_key(row)))
    return Granted(NewApiKey(row, api_key_text(issuer, row, signer)), (AddApiKey(row), note))


def api_key_text(issuer: Issuer, row: ApiKey, signer: Signer) -> Secret:
    """Return the key itself. What it may do is asked each time: of that it says only whose it is."""
    claims: dict[str, object] = {
        "iss": issuer.url,
        "sub": row.user_id,
        "aud": issuer.audience,
        "iat": row.created_at,
        "jti": row.id,
    }
    if row.expires_at is not None:
        claims["exp"] = row.expires_at
    if row.organisation is not None:
        claims["organisation_number"] = row.organisation
    return Secret(signer.sign(claims))


def revoke_api_key(key: ApiKey, *, now: Instant) -> Granted[ApiKey]:
    """Decide to revoke a key; one that was stays as it is."""
    return Granted(key, end_api_keys((key,), now))


def end_api_keys(keys: Iterable[ApiKey], now: Instant) -> tuple[Change, ...]:
    """Return what revokes some keys, for good; nothing of those that were."""
    live = [key for key in keys if key.revoked_at is None]
    notes = (Note(of_api_key(key, Act.API_KEY_REVOKED, now)) for key in live)
    return (*(RevokeApiKey(key.issuer, key.id, now) for key in live), *notes)


def _company(issuer: Issuer, wish: KeyWish, memberships: Sequence[Organisation]) -> OrganisationNumber | Refused | None:
    enabled = [organisation.number for organisation in memberships if organisation.disabled_at is None]
    if wish.organisation is not None:
        if wish.organisation in enabled:
            return OrganisationNumber(wish.organisation)
        return _refused(Wrong.COMPANY, "The user is no member of that organisation.")
    if len(enabled) == 1:
        return enabled[0]
    if enabled or issuer.provider.company is Company.REQUIRED:
        return _refused(Wrong.COMPANY, "A key is for one organisation of the user's.")
    return None


def _refused(code: str, text: str) -> Refused:
    return Refused(code, text, reason=text)
