"""A refresh token for tokens (RFC 6749 §6): static, or rotating with a repeat that is safe (RFC 9700 §4.14.2).

For `reissue_window` seconds after a rotating token was redeemed, the same request gets the same answer: the same
successor, and an access token of the same claims, but for scopes that the client lost since. So a lost reply, a crash
between commit and reply, and workers that share one token cost nobody their log-in. Everything else that shows a
redeemed token is a replay, and ends the family. What it costs: the parent stays worth one successor for the window,
and two parties that present every generation within it are not told apart, but that for a public client three
generations running are a replay.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.jose.sealing import NONCE_OCTETS, derive_from_token, place_of_reissue, seal, unseal
from portvakt.model.audit import Act
from portvakt.model.behalf import RefreshToken
from portvakt.model.behalf_change import AddRefreshToken, AdvanceFamily, ForgetReissue, NoteRepeat, RedeemRefreshToken
from portvakt.model.change import Note
from portvakt.model.decision import INVALID_GRANT, INVALID_SCOPE, UNAUTHORIZED_CLIENT, Granted, Refused, Tokens
from portvakt.model.provider import Refresh
from portvakt.model.values import Instant, Secret
from portvakt.protocol.answer.access_token import JTI_OCTETS, tokens_for, user_claims
from portvakt.protocol.answer.asked import narrow_scopes, refuse_audience
from portvakt.protocol.answer.token import REFRESH_TOKEN, Authenticated
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint, opaque_digest
from portvakt.protocol.ending import end_family
from portvakt.protocol.events import of_grant
from portvakt.protocol.live import scopes_left, why_not_live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.jose.signing import Signer
    from portvakt.model.audit import Told
    from portvakt.model.behalf import Family, RefreshFacts
    from portvakt.model.change import Change
    from portvakt.model.message import TokenRequest
    from portvakt.model.nouns import Issuer

RANDOM_OCTETS = JTI_OCTETS + SECRET_OCTETS + NONCE_OCTETS
"""How many random bytes `refresh` needs."""

REPEATS_OF_A_THIEF = 3
"""So many generations running repeated are a replay, for a client that has no secret."""

_TEXT = "The refresh token is not valid, was used, or has expired."
_INFO = b"portvakt/reissue"


@dataclass(frozen=True, slots=True)
class Renewal:
    """A refresh token of this client that was found, and who asks for its tokens."""

    issuer: Issuer
    request: TokenRequest
    authenticated: Authenticated
    facts: RefreshFacts
    now: Instant
    address: str = ""


def refresh_digest(pepper: bytes, request: TokenRequest) -> bytes | None:
    """Return by what the token of a refresh request is found; None if what was sent is no refresh token at all."""
    return opaque_digest(Kind.REFRESH_TOKEN, pepper, _presented(request))


def refresh(  # noqa: PLR0913  all that a refresh rests on
    issuer: Issuer,
    request: TokenRequest,
    authenticated: Authenticated,
    facts: RefreshFacts | None,
    *,
    pepper: bytes,
    signer: Signer,
    random: bytes,
    now: Instant,
    address: str = "",
) -> Granted[Tokens] | Refused:
    """Decide what an authenticated client gets for a refresh token; `facts` are None for one that is not known.

    `address`: whom the request came from; where the token is shown again, the log tells both addresses.
    `random`: `RANDOM_OCTETS` bytes, new ones for each call. A granted repeat says so by its `NoteRepeat`. A static
    token that was used changes nothing here: its last use is the caller's to note.

    Raises: UnsealFailed: what a repeat gets was altered in the store. Our fault, not the caller's.
    """
    if REFRESH_TOKEN not in authenticated.facts.client.grants:
        return Refused(UNAUTHORIZED_CLIENT, "The client may not use this grant_type.")
    if facts is None:
        return Refused(INVALID_GRANT, _TEXT, reason="unknown refresh token")
    if facts.family.client_id != authenticated.facts.client.id:  # RFC 6749 §10.4; a stranger must not end a grant
        return Refused(INVALID_GRANT, _TEXT, reason="the refresh token belongs to another client")
    if facts.family.revoked_at is not None:
        return Refused(INVALID_GRANT, _TEXT, reason="the refresh token was revoked")
    renewal = Renewal(issuer, request, authenticated, facts, now, address)
    if facts.token.redeemed_at is not None:
        return _repeat(renewal, signer)
    return _renew(renewal, pepper=pepper, signer=signer, random=random)


def refresh_token_row(
    issuer: Issuer, family: Family, generation: int, text: Secret, *, pepper: bytes, now: Instant
) -> RefreshToken:
    """Return what is kept of a refresh token that was just made. It ends when idle, and with its family."""
    ends_at = family.ends_at
    return RefreshToken(
        issuer=issuer.name,
        digest=keep_opaque(Kind.REFRESH_TOKEN, pepper, text),
        family_id=family.id,
        generation=generation,
        created_at=now,
        expires_at=None if ends_at is None else min(ends_at, Instant(now + issuer.provider.refresh_idle)),
    )


def _presented(request: TokenRequest) -> Secret:
    return Secret(request.parameters.get("refresh_token", ""))


def _renew(renewal: Renewal, *, pepper: bytes, signer: Signer, random: bytes) -> Granted[Tokens] | Refused:
    """Decide on a token that nobody used before, or that may be used for ever."""
    issuer, request, standing = renewal.issuer, renewal.request, renewal.facts.standing
    reason = _why_over(renewal)
    if reason:
        return Refused(INVALID_GRANT, _TEXT, reason=reason)
    scopes = narrow_scopes(scopes_left(standing), request.parameters.get("scope"))
    if isinstance(scopes, Refused):
        return scopes
    refused = refuse_audience(issuer, scopes, request.parameters.get("resource"))
    if refused is not None:
        return refused
    claims = user_claims(issuer, standing, scopes, jti=random[:JTI_OCTETS].hex(), now=renewal.now)
    successor: Secret = _presented(request)
    changes: tuple[Change, ...] = ()
    if issuer.provider.refresh is not Refresh.STATIC:
        successor, changes = _rotate(renewal, claims, pepper=pepper, random=random[JTI_OCTETS:])
    tokens = tokens_for(issuer, claims, signer=signer, expires_in=issuer.lifetime, refresh_token=successor)
    return Granted(tokens, changes)


def _why_over(renewal: Renewal) -> str:
    """Return why a token that was not used gives nothing any more, or an empty text."""
    token, family, now = renewal.facts.token, renewal.facts.family, renewal.now
    if token.expires_at is not None and now >= token.expires_at:
        return "the refresh token was idle for too long"
    return _why_ended(family, now) or why_not_live(renewal.facts.standing)


def _why_ended(family: Family, now: Instant) -> str:
    over = family.ends_at is not None and now >= family.ends_at
    return "the refresh token's family has reached its end" if over else ""


def _rotate(
    renewal: Renewal, claims: Mapping[str, object], *, pepper: bytes, random: bytes
) -> tuple[Secret, tuple[Change, ...]]:
    """Return the successor, and what makes it the only one: of two who try, `AdvanceFamily` is one's."""
    issuer, facts, now = renewal.issuer, renewal.facts, renewal.now
    token, family = facts.token, facts.family
    successor = mint(Kind.REFRESH_TOKEN, random[:SECRET_OCTETS])
    row = refresh_token_row(issuer, family, token.generation + 1, successor, pepper=pepper, now=now)
    sealed = asked = None
    if issuer.provider.reissue_window:
        answer = json.dumps({"refresh_token": successor.reveal(), "claims": claims}).encode()
        sealed = seal(_key(renewal), answer, _place(renewal), random[SECRET_OCTETS:])
        asked = _asked(renewal.request)
    changes: tuple[Change, ...] = (
        AdvanceFamily(issuer.name, family.id, token.generation),
        RedeemRefreshToken(issuer.name, token.digest, now, sealed, asked, renewal.address),
        AddRefreshToken(row),
    )
    if token.generation:  # the parent's answer names this token, which is worth nothing now
        changes = (*changes, ForgetReissue(issuer.name, family.id, token.generation - 1))
    return successor, changes


def _repeat(renewal: Renewal, signer: Signer) -> Granted[Tokens] | Refused:
    """Decide on a token that was redeemed: the same answer to the same request, or a replay."""
    issuer, facts, now = renewal.issuer, renewal.facts, renewal.now
    sealed = _reissue(renewal)
    if sealed is None:
        return _replayed(renewal, "the refresh token was used before")
    if not hmac.compare_digest(facts.token.request or b"", _asked(renewal.request)):
        return Refused(INVALID_GRANT, _TEXT, reason="the refresh token was used before, by another request")
    reason = _why_ended(facts.family, now) or why_not_live(facts.standing)
    if reason:
        return Refused(INVALID_GRANT, _TEXT, reason=reason)
    repeats = _repeats(renewal)
    if repeats >= REPEATS_OF_A_THIEF and renewal.authenticated.secret is None:
        return _replayed(renewal, f"{repeats} generations running were used twice, by a public client")
    answer = json.loads(unseal(_key(renewal), sealed, _place(renewal)))
    claims = _still_given(renewal, answer["claims"])
    if isinstance(claims, Refused):
        return claims
    tokens = tokens_for(
        issuer,
        claims,
        signer=signer,
        expires_in=answer["claims"]["exp"] - now,
        refresh_token=Secret(answer["refresh_token"]),
    )
    generation = facts.token.generation
    noted = NoteRepeat(issuer.name, facts.family.id, generation, repeats, facts.family.repeated_generation)
    if facts.family.repeated_generation == generation:  # the log, which nobody cleans, tells of it once
        return Granted(tokens, (noted,))
    return Granted(tokens, (noted, _told(renewal, Act.REFRESH_TOKEN_REPEATED)))


def _still_given(renewal: Renewal, claims: Mapping[str, object]) -> Mapping[str, object] | Refused:
    """Return the claims of an answer that is given again, without the scopes that the client lost since."""
    given = str(claims.get("scope", "")).split()
    left = [scope for scope in given if scope in scopes_left(renewal.facts.standing)]
    if left == given:
        return claims
    if "scope" in renewal.request.parameters or not left:
        return Refused(INVALID_SCOPE, "The client lost a scope that was asked for.")
    return {**claims, "scope": " ".join(left)}


def _reissue(renewal: Renewal) -> bytes | None:
    """Return what a repeat may get: of the immediate parent, whose successor nobody used, within the window."""
    token, family, successor = renewal.facts.token, renewal.facts.family, renewal.facts.successor
    if family.generation != token.generation + 1 or successor is None or successor.redeemed_at is not None:
        return None
    redeemed_at = token.redeemed_at
    if redeemed_at is None or renewal.now >= redeemed_at + renewal.issuer.provider.reissue_window:
        return None
    return token.reissue


def _repeats(renewal: Renewal) -> int:
    """Return how many generations running were repeated, with this one. One that is repeated twice counts once."""
    family, generation = renewal.facts.family, renewal.facts.token.generation
    if family.repeated_generation == generation:
        return family.repeats
    return family.repeats + 1 if family.repeated_generation == generation - 1 else 1


def _replayed(renewal: Renewal, reason: str) -> Refused:
    """RFC 9700 §4.14.2: whichever of two shows it, nobody knows who the thief is; both lose the family."""
    facts = renewal.facts
    ends = end_family(renewal.issuer, facts.family, facts.standing.grant, renewal.now)
    changes = (*ends, _told(renewal, Act.REFRESH_TOKEN_REPLAYED))
    return Refused(INVALID_GRANT, _TEXT, reason=reason, changes=changes)


def _told(renewal: Renewal, act: Act) -> Note:
    """Return the log's line of a token that was shown again: from where, and from where it was shown first (F17)."""
    token, family = renewal.facts.token, renewal.facts.family
    told: Told = {"generation": token.generation, "from": renewal.address, "first_from": token.redeemed_from}
    return Note(of_grant(renewal.facts.standing.grant, act, renewal.now, what=family.id, after=told))


def _asked(request: TokenRequest) -> bytes:
    """Return a digest of what makes two refresh requests the same: how the client authenticated, scope, resource."""
    lists = [request.parameters.get(name) for name in ("scope", "resource")]
    same = [request.method, *(None if text is None else sorted(set(text.split(" "))) for text in lists)]
    return hashlib.sha256(json.dumps(same).encode()).digest()


def _key(renewal: Renewal) -> bytes:
    return derive_from_token(_presented(renewal.request), renewal.facts.token.digest, _INFO)


def _place(renewal: Renewal) -> bytes:
    family, generation = renewal.facts.family, renewal.facts.token.generation
    return place_of_reissue(renewal.issuer.name, family.id, generation, family.client_id)
