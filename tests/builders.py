"""Values with everything filled in but what a test is about."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from portvakt.jose.keys import generate
from portvakt.jose.signing import Signer
from portvakt.model.message import TokenRequest
from portvakt.model.nouns import Algorithm, Client, ClientAuthentication, ClientFacts, Issuer, User
from portvakt.model.provider import TokenHeader
from portvakt.model.values import ClientId, Instant, IssuerName, Seconds, Secret, UserId
from portvakt.protocol.credentials import digest, keep, mint_secret
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from portvakt.jose.keys import KeyPair
    from portvakt.model.nouns import ClientSecret
    from portvakt.model.provider import Provider, Quota

NOW = Instant(1_800_000_000)
PEPPER = b"p" * 32
RIGHT = mint_secret(b"\x01" * 32)
WRONG = mint_secret(b"\x02" * 32)
ISSUER = IssuerName("acme")
CLIENT = ClientId("client_abc")


def an_issuer(
    provider: str | Provider = "standard",
    *,
    name: str = ISSUER,
    url: str = "https://id.example",
    token_quota: Quota | None = None,
) -> Issuer:
    value = PROVIDERS[provider] if isinstance(provider, str) else provider
    api_url = url + value.api_path
    return Issuer(
        name=IssuerName(name),
        url=url,
        provider=value,
        api_url=api_url,
        audience=api_url + value.api.audience_path,
        lifetime=value.lifetime,
        token_quota=token_quota,
    )


def a_user(
    *, roles: frozenset[str] = frozenset(), disabled_at: Instant | None = None, email: str = "a@example.com"
) -> User:
    return User(id=UserId("user_abc"), issuer=ISSUER, email=email, roles=roles, created_at=NOW, disabled_at=disabled_at)


def a_secret(
    secret: Secret = RIGHT,
    *,
    expires_at: Instant | None = None,
    revoked_at: Instant | None = None,
    id_random: bytes = b"i" * 32,
) -> ClientSecret:
    row = keep(secret, pepper=PEPPER, client_id=CLIENT, id_random=id_random, now=NOW, expires_at=expires_at)
    assert row.digest == digest(PEPPER, secret)
    return replace(row, revoked_at=revoked_at)


def a_client(
    *secrets: ClientSecret,
    owner: User | None = None,
    authentication: ClientAuthentication = ClientAuthentication.ANY_SECRET,
    scopes: tuple[str, ...] = (),
    default_scopes: tuple[str, ...] = (),
    grants: frozenset[str] = frozenset({"client_credentials"}),
    disabled_at: Instant | None = None,
) -> ClientFacts:
    user = owner or a_user()
    client = Client(
        id=CLIENT,
        issuer=ISSUER,
        name="An application",
        owner=user.id,
        authentication=authentication,
        grants=grants,
        scopes=scopes,
        default_scopes=default_scopes,
        created_at=NOW,
        disabled_at=disabled_at,
    )
    return ClientFacts(client=client, owner=user, secrets=secrets or (a_secret(),))


def a_request(
    *,
    grant_type: str = "client_credentials",
    secret: Secret | None = RIGHT,
    method: str = "client_secret_post",
    **parameters: str,
) -> TokenRequest:
    return TokenRequest(
        grant_type=grant_type, client_id=CLIENT, client_secret=secret, method=method, parameters=parameters
    )


@cache
def a_key_pair(algorithm: Algorithm = Algorithm.ES256) -> KeyPair:
    return generate(algorithm)


def a_signer(provider: Provider) -> Signer:
    header = provider.token_header
    return Signer(a_key_pair(), header.typ, names_key=header is TokenHeader.AT_JWT)


HOUR = Seconds(3600)
