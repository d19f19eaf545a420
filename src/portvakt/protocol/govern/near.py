"""What a refused request nearly was. For its client's owner alone: the reply to it says no more than it did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.model.decision import INVALID_SCOPE, INVALID_TARGET
from portvakt.protocol.credentials import matching
from portvakt.protocol.own_scopes import OWN_SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from urllib.parse import SplitResult

    from portvakt.model.audit import RefusedRequest, Told
    from portvakt.model.decision import Exceeded
    from portvakt.model.nouns import Client, ClientFacts, ClientSecret, Issuer
    from portvakt.model.provider import Body
    from portvakt.model.values import ClientId, IssuerName

    Found = tuple["NearMiss", Told]

LONGEST_SCOPE = 40
MOST_SCOPES = 20


class NearMiss(StrEnum):
    """What would have been right, but for one thing."""

    BODY = "body"  # JSON where a form is taken, or the other way round
    UNENCODED_BASIC = "unencoded_basic"  # the right pair, not form-encoded (RFC 6749 §2.3.1)
    OTHER_ISSUER = "other_issuer"  # credentials or a token of another issuer, as of the other environment
    AUTHENTICATION = "authentication"  # another way of authenticating than the client is set to
    EXPIRED_SECRET = "expired_secret"
    REVOKED_SECRET = "revoked_secret"
    EXPIRED_TOKEN = "expired_token"
    AUDIENCE = "audience"
    SCOPE = "scope"
    REDIRECT_URI = "redirect_uri"
    CODE_USED = "code_used"
    REFRESH_TOKEN_USED = "refresh_token_used"
    QUOTA = "quota"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class Pair:
    """A client id and the digest of a secret."""

    client_id: ClientId
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShownToken:
    """What an access token says of itself; nobody has checked it."""

    issuer: str
    audience: str
    expires_at: int
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a refused request showed, without what is secret. It is looked at once, and not kept.

    `client_id`: whom it named, who need not exist. `digest`: of the secret. `raw`: what a Basic header holds before it
    is form-decoded, where that is something else. `body`: what the body was, where that is not what is taken, or not
    what its content type says. `method`: how the client authenticated, "" if it cannot be told.
    """

    client_id: ClientId | None = None
    digest: bytes | None = field(default=None, repr=False)
    raw: Pair | None = None
    method: str = ""
    body: Body | None = None
    grant_type: str = ""
    scopes: tuple[str, ...] = ()
    redirect_uri: str | None = field(default=None, repr=False)
    token: ShownToken | None = None
    exceeded: Exceeded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known around a refused request: its issuer, the client that it named, there and elsewhere.

    `raw_client`: the one that the raw Basic pair names. `others`: the other issuers; `elsewhere`: where the client is.
    """

    issuer: Issuer
    client: ClientFacts | None = None
    raw_client: ClientFacts | None = None
    others: Sequence[Issuer] = ()
    elsewhere: Mapping[IssuerName, ClientFacts] = field(default_factory=dict)


def completed(refused: RefusedRequest, attempt: Attempt, around: Around) -> RefusedRequest:
    """Return the refused request as it is kept: with the client it named if there is one, and what it nearly was."""
    found = next((found for look in LOOKS if (found := look(refused, attempt, around)) is not None), None)
    near, hints = ("", {}) if found is None else found
    if attempt.grant_type in around.issuer.provider.grants:
        hints = {**hints, "grant_type": attempt.grant_type}
    client_id = refused.client_id
    if client_id is None and found is not None and near == NearMiss.UNENCODED_BASIC and around.raw_client is not None:
        client_id = around.raw_client.client.id
    if client_id is None and (around.client is not None or around.elsewhere):
        client_id = attempt.client_id  # one that nobody has may be anything, also a secret in the wrong place
    return replace(refused, client_id=client_id, near=str(near), hints=hints)


def _quota(refused: RefusedRequest, attempt: Attempt, _around: Around) -> Found | None:
    exceeded = attempt.exceeded
    if exceeded is None:
        return None
    kind = NearMiss.FAILURES if refused.reason == "too many failed authentications" else NearMiss.QUOTA
    until = refused.at + exceeded.seconds
    return kind, {"limit": exceeded.limit, "window": exceeded.window, "until": until}


def _body(_refused: RefusedRequest, attempt: Attempt, _around: Around) -> Found | None:
    return None if attempt.body is None else (NearMiss.BODY, {"sent": attempt.body.value})


def _unencoded(_refused: RefusedRequest, attempt: Attempt, around: Around) -> Found | None:
    if attempt.raw is None or around.raw_client is None:
        return None
    secret = matching(around.raw_client.secrets, attempt.raw.digest)
    return None if secret is None else (NearMiss.UNENCODED_BASIC, _secret_hints(secret))


def _other_issuer(refused: RefusedRequest, attempt: Attempt, around: Around) -> Found | None:
    if refused.client_id is not None:
        return None
    if attempt.token is not None:
        of = next((each.name for each in around.others if each.url == attempt.token.issuer), None)
        return None if of is None else (NearMiss.OTHER_ISSUER, {"issuer": of, "token": True})
    if around.client is not None or not around.elsewhere:
        return None
    name, facts = next(iter(around.elsewhere.items()))
    matches = attempt.digest is not None and matching(facts.secrets, attempt.digest) is not None
    return NearMiss.OTHER_ISSUER, {"issuer": name, "secret_matches": matches}


def _secret(refused: RefusedRequest, attempt: Attempt, around: Around) -> Found | None:
    """What happened to the secret is known only where the right one was presented."""
    if around.client is None:
        return None
    if refused.reason.startswith("the client is set to "):
        return NearMiss.AUTHENTICATION, {"sent": attempt.method, "needed": around.client.client.authentication.value}
    near = {"the secret has expired": NearMiss.EXPIRED_SECRET, "the secret was revoked": NearMiss.REVOKED_SECRET}
    if refused.reason not in near or attempt.digest is None:
        return None
    secret = matching(around.client.secrets, attempt.digest)
    return None if secret is None else (near[refused.reason], _secret_hints(secret))


def _secret_hints(secret: ClientSecret) -> Told:
    told: dict[str, str | int] = {"secret": secret.id, "shown_as": f"{secret.prefix}…{secret.last4}"}
    ended = secret.revoked_at if secret.revoked_at is not None else secret.expires_at
    return told if ended is None else {**told, "ended": ended}


def _token(refused: RefusedRequest, attempt: Attempt, around: Around) -> Found | None:
    """A token of an issuer whose tokens are taken here; the administration takes those of every issuer."""
    token, here = attempt.token, around.issuer
    taken = [here, *(each for each in around.others if each.administration == here.audience)]
    of = next((each for each in taken if token is not None and each.url == token.issuer), None)
    if token is None or of is None or refused.client_id is not None:
        return None
    whose: Told = {} if of is here else {"issuer": of.name}
    if refused.at >= token.expires_at:
        return NearMiss.EXPIRED_TOKEN, {**whose, "ended": token.expires_at}
    if token.audience == here.audience:
        return None
    return NearMiss.AUDIENCE, {**whose, "needed": here.audience}


def _asked(refused: RefusedRequest, attempt: Attempt, around: Around) -> Found | None:
    if refused.code == INVALID_TARGET:
        return NearMiss.AUDIENCE, {"needed": around.issuer.audience}
    if refused.code != INVALID_SCOPE or around.client is None:
        return None
    client, documented = around.client.client, around.issuer.provider.scopes
    lacking = [scope for scope in dict.fromkeys(attempt.scopes) if scope not in client.scopes]
    if documented is not None:
        own = {*documented, *OWN_SCOPES}
        lacking += [scope for scope in dict.fromkeys(attempt.scopes) if scope in client.scopes and scope not in own]
    if not lacking:
        return None
    return NearMiss.SCOPE, {"lacking": tuple(map(_repeatable, lacking[:MOST_SCOPES]))}


def _redirect_uri(refused: RefusedRequest, attempt: Attempt, around: Around) -> Found | None:
    wrong = refused.code == "redirect_uri" or refused.reason == "redirect_uri is another one"
    if not wrong or attempt.redirect_uri is None or around.client is None:
        return None
    return nearest(around.client.client, attempt.redirect_uri)


def _used(refused: RefusedRequest, _attempt: Attempt, _around: Around) -> Found | None:
    if refused.reason == "the code was used before":
        return NearMiss.CODE_USED, {}
    if refused.reason.startswith("the refresh token was used before") or "generations running" in refused.reason:
        return NearMiss.REFRESH_TOKEN_USED, {}
    return None


LOOKS: tuple[Callable[[RefusedRequest, Attempt, Around], Found | None], ...] = (
    _quota,
    _body,
    _unencoded,
    _token,
    _other_issuer,
    _secret,
    _asked,
    _redirect_uri,
    _used,
)


def nearest(client: Client, sent: str) -> Found | None:
    """Return which registered redirect URI differs from what was sent in one thing alone, and in which."""
    for registered in client.redirect_uris:
        what = difference(registered, sent)
        if what:
            return NearMiss.REDIRECT_URI, {"registered": registered, "differs": what}
    return None


def difference(registered: str, sent: str) -> str:
    """Return the one thing in which two URIs differ, to be said in a sentence; "" if it is none or several."""
    if registered == sent:
        return ""
    if registered.lower() == sent.lower():
        return "upper and lower case"
    if registered.rstrip("/") == sent.rstrip("/"):
        return "a slash at the end"
    try:
        ours, theirs = urlsplit(registered), urlsplit(sent)
        differing = [name for name, part in PARTS.items() if part(ours) != part(theirs)]
    except ValueError:  # what was sent is no URI
        return ""
    return differing[0] if len(differing) == 1 else ""


PARTS: Mapping[str, Callable[[SplitResult], object]] = {
    "the scheme": lambda uri: uri.scheme,
    "the host": lambda uri: (uri.username, uri.password, uri.hostname),
    "the port": lambda uri: uri.port,
    "the path": lambda uri: uri.path,
    "the query": lambda uri: uri.query,
    "a fragment": lambda uri: uri.fragment,
}
"""The parts of a URI, by what they are called in a sentence."""

_WORD = re.compile(r"[A-Za-z][a-z]{0,20}(?:[A-Z][a-z]{1,20}){0,2}[0-9]{0,2}")


def _repeatable(scope: str) -> str:
    """Return a scope's name, or `***` for what is no word: it may be a secret in the wrong place (K1)."""
    words = re.split(r"[:/._-]", scope)
    return scope if len(scope) <= LONGEST_SCOPE and all(map(_WORD.fullmatch, words)) else "***"
