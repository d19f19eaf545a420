"""What a token says of itself, taken apart without keys. Nothing of it is proven, and its signature is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from portvakt.jose import base64url
from portvakt.jose.strict_json import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a text is, as far as it tells itself."""

    ACCESS_TOKEN = "access-token"
    BARE_JWT = "bare-jwt"
    API_KEY = "api-key"
    ID_TOKEN = "id-token"
    LOGOUT_TOKEN = "logout-token"
    DPOP_PROOF = "dpop-proof"
    CLIENT_ASSERTION = "client-assertion"
    OTHER_JWT = "other-jwt"
    ENCRYPTED = "encrypted"
    BROKEN_JWT = "broken-jwt"
    CLIENT_SECRET = "client-secret"
    OPAQUE = "opaque"


IN_WORDS = {
    Kind.ACCESS_TOKEN: "an access token (RFC 9068)",
    Kind.BARE_JWT: "a bare JWT: an access token in Breeze's form, or another provider's whose header does not say",
    Kind.API_KEY: "an API key",
    Kind.ID_TOKEN: "an ID token (OpenID Connect): for the client, and good at no API",
    Kind.LOGOUT_TOKEN: "a logout token (OpenID Connect), good at no API",
    Kind.DPOP_PROOF: "a DPoP proof (RFC 9449), good only beside a token",
    Kind.CLIENT_ASSERTION: "a client assertion (RFC 7523), good only at a token endpoint",
    Kind.OTHER_JWT: "a JWT of another kind than those that APIs take",
    Kind.ENCRYPTED: "an encrypted token (JWE)",
    Kind.BROKEN_JWT: "a JWT that is damaged or cut short",
    Kind.CLIENT_SECRET: "a client secret of portvakt, and no token",
    Kind.OPAQUE: "not a JWT: opaque",
}

_BY_TYPE = {  # RFC 7515 §4.1.9: without letter case, and `application/` may be left out
    "at+jwt": Kind.ACCESS_TOKEN,
    "apikey+jwt": Kind.API_KEY,
    "logout+jwt": Kind.LOGOUT_TOKEN,
    "dpop+jwt": Kind.DPOP_PROOF,
    "client-authentication+jwt": Kind.CLIENT_ASSERTION,
}
_BY_CLAIM = {  # RFC 9068 §5: where the header does not tell the kinds apart, the claims must
    "nonce": Kind.ID_TOKEN,
    "at_hash": Kind.ID_TOKEN,
    "c_hash": Kind.ID_TOKEN,
    "events": Kind.LOGOUT_TOKEN,
    "htm": Kind.DPOP_PROOF,
}
_SIGNED_DOTS, _ENCRYPTED_DOTS = 2, 4  # RFC 7515 §7.1, RFC 7516 §7.1
_BEARER = re.compile(r"(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_VISIBLE = re.compile(r"[!-~]+")  # RFC 6749 App. A.12: access-token = 1*VSCHAR


@dataclass(frozen=True, slots=True)
class Decoded:
    """What could be read. `problem` says why that is not all, None if it is."""

    kind: Kind
    header: Mapping[str, object] | None = None
    claims: Mapping[str, object] | None = None
    signed: bool = False
    problem: str | None = None


class NoToken(Exception):
    """The text cannot be a token of any kind. What is wrong with it is said without repeating it."""


def bare(text: str) -> str:
    """Return the token in a text that may have `Bearer` before it.

    Raises:
        NoToken: what is left is not one word of visible characters.
    """
    token = _BEARER.sub("", text, count=1) if _BEARER.match(text) else text
    if token.startswith("{"):
        raise NoToken("this is JSON and not a token; give the text of its access_token alone, as jq -r .access_token")
    if token.startswith(('"', "'")):
        raise NoToken("this is not a token: leave out the quotation marks (jq -r does)")
    if not _VISIBLE.fullmatch(token):
        raise NoToken("this is not a token: it is not one word of visible ASCII characters")
    return token


def decode(token: str) -> Decoded:
    """Take a token apart. The header and claims are read as strictly as a guard reads them."""
    if token.startswith("pvk_cs_"):
        return Decoded(Kind.CLIENT_SECRET, problem="a client secret is no token: a token endpoint gives one for it")
    dots = token.count(".")
    head, _, rest = token.partition(".")
    header = _object(head)
    if dots == _ENCRYPTED_DOTS and header is not None:
        return Decoded(Kind.ENCRYPTED, header, problem="it is encrypted, and only whom it is for can read it")
    if header is None and not head.startswith("eyJ"):  # `{"` in base64
        return Decoded(Kind.OPAQUE, problem="it is no JWT, and only whoever gave it out can say what it means")
    if dots != _SIGNED_DOTS:
        return Decoded(Kind.BROKEN_JWT, header, problem=f"a JWT has three parts, and this has {dots + 1}")
    body, _, signature = rest.partition(".")
    claims = _object(body)
    if header is None or claims is None:
        which = "its header is" if header is None else "its claims are"
        text = f"{which} no JSON object in base64url, or one that can be read in two ways"
        return Decoded(Kind.BROKEN_JWT, header, claims, problem=text)
    return Decoded(_kind(header, claims), header, claims, signed=bool(signature))


def _kind(header: Mapping[str, object], claims: Mapping[str, object]) -> Kind:
    said = header.get("typ", "JWT")
    name = said.lower().removeprefix("application/") if isinstance(said, str) else ""
    if name != "jwt":
        return _BY_TYPE.get(name, Kind.OTHER_JWT)
    for claim, kind in _BY_CLAIM.items():
        if claim in claims:
            return kind
    if "iss" in claims and claims["iss"] == claims.get("sub"):  # RFC 7523 §3: both are the client
        return Kind.CLIENT_ASSERTION
    return Kind.BARE_JWT


def _object(part: str) -> dict[str, object] | None:
    try:
        return read_object(base64url.decode(part.encode("ascii")))
    except ValueError:
        return None
