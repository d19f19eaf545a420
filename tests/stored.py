"""Builders of what a store keeps."""

from __future__ import annotations

from typing import Any

from portvakt.model.audit import RefusedRequest
from portvakt.model.behalf import ApiKey, Code, Family, Grant, Password, RefreshToken, Session, Transaction
from portvakt.model.behalf_change import AddCode, AddFamily, AddGrant, AddRefreshToken
from portvakt.model.change import AddClient, AddMember, AddOrganisation, AddSecret, AddUser, Change
from portvakt.model.nouns import Algorithm, Client, ClientSecret, Organisation, SigningKey, User
from portvakt.model.values import (
    ApiKeyId,
    ClientId,
    FamilyId,
    GrantId,
    Instant,
    IssuerName,
    KeyId,
    OrganisationNumber,
    SecretId,
    SessionId,
    TransactionId,
    UserId,
)

ACME = IssuerName("acme")
OTHER = IssuerName("other")
OWNER = UserId("user_owner")
CLIENT = ClientId("client_one")
SECRET = SecretId("secret_one")
COMPANY = OrganisationNumber("910000001")
SESSION = SessionId("session_one")
TRANSACTION = TransactionId("transaction_one")
GRANT = GrantId("grant_one")
FAMILY = FamilyId("family_one")
API_KEY = ApiKeyId("key_one")
FROM = "192.0.2.7"


def a_user(**changed: Any) -> User:
    return User(**{"id": OWNER, "issuer": ACME, "email": "owner@example.no", "created_at": Instant(10), **changed})


def a_client(**changed: Any) -> Client:
    fields = {"id": CLIENT, "issuer": ACME, "name": "One", "owner": OWNER, "created_at": Instant(20)}
    return Client(**{**fields, **changed})


def a_secret(**changed: Any) -> ClientSecret:
    fields = {"id": SECRET, "client_id": CLIENT, "digest": b"d" * 32, "prefix": "pvk_cs_ab", "last4": "wxyz"}
    return ClientSecret(**{**fields, "created_at": Instant(30), **changed})


def a_key(number: int = 1, **changed: Any) -> SigningKey:
    fields = {"id": KeyId(f"key_{number}"), "issuer": ACME, "number": number, "algorithm": Algorithm.RS256}
    more = {"public_jwk": '{"kty":"RSA"}', "sealed": b"\x00\xff", "created_at": Instant(5), "signs_from": Instant(6)}
    return SigningKey(**{**fields, **more, **changed})


def a_client_with_a_secret(**changed: Any) -> list[AddUser | AddClient | AddSecret]:
    """The changes that make an owner, a client and its secret."""
    return [AddUser(a_user()), AddClient(a_client(**changed)), AddSecret(ACME, a_secret())]


def a_password(**changed: Any) -> Password:
    fields = {"issuer": ACME, "user_id": OWNER, "hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"}
    return Password(**{**fields, "changed_at": Instant(35), **changed})


def an_organisation(**changed: Any) -> Organisation:
    return Organisation(**{"issuer": ACME, "number": COMPANY, "name": "Fjord AS", "created_at": Instant(15), **changed})


def a_session(**changed: Any) -> Session:
    fields = {"issuer": ACME, "id": SESSION, "digest": b"s" * 32, "user_id": OWNER}
    return Session(**{**fields, "created_at": Instant(40), "expires_at": Instant(4_000), **changed})


def a_transaction(**changed: Any) -> Transaction:
    fields = {"issuer": ACME, "id": TRANSACTION, "session_id": SESSION, "user_id": OWNER, "client_id": CLIENT}
    more = {"redirect_uri": "https://app.example/cb", "redirect_sent": True, "scopes": ("read",)}
    return Transaction(**{**fields, **more, "created_at": Instant(50), "expires_at": Instant(650), **changed})


def a_grant(**changed: Any) -> Grant:
    fields = {"issuer": ACME, "id": GRANT, "user_id": OWNER, "client_id": CLIENT, "organisation": COMPANY}
    return Grant(**{**fields, "scopes": ("read",), "created_at": Instant(60), **changed})


def a_code(**changed: Any) -> Code:
    fields = {"issuer": ACME, "digest": b"c" * 32, "grant_id": GRANT, "client_id": CLIENT, "challenge": None}
    more = {"redirect_uri": "https://app.example/cb", "redirect_sent": True}
    return Code(**{**fields, **more, "created_at": Instant(60), "expires_at": Instant(120), **changed})


def a_family(**changed: Any) -> Family:
    fields = {"issuer": ACME, "id": FAMILY, "grant_id": GRANT, "client_id": CLIENT, "generation": 1}
    return Family(**{**fields, "created_at": Instant(70), "ends_at": Instant(70_000), **changed})


def a_refresh_token(generation: int = 1, **changed: Any) -> RefreshToken:
    fields = {"issuer": ACME, "digest": bytes([generation]) * 32, "family_id": FAMILY, "generation": generation}
    return RefreshToken(**{**fields, "created_at": Instant(70), "expires_at": Instant(7_000), **changed})


def an_api_key(**changed: Any) -> ApiKey:
    fields = {"issuer": ACME, "id": API_KEY, "user_id": OWNER, "organisation": COMPANY, "name": "mine"}
    return ApiKey(**{**fields, "created_at": Instant(80), **changed})


def a_refusal(**changed: Any) -> RefusedRequest:
    fields = {"reference": "ref_1", "issuer": ACME, "at": Instant(200), "client_id": CLIENT, "method": "POST"}
    more = {"path": "/oauth/token", "address": FROM, "status": 401, "code": "invalid_client", "reason": "it expired"}
    return RefusedRequest(**{**fields, **more, **changed})


def a_grant_with_a_code() -> list[Change]:
    """The changes that make a client, a member of an organisation, their grant and its code."""
    people: list[Change] = [AddOrganisation(an_organisation()), AddMember(ACME, COMPANY, OWNER, Instant(16))]
    return [*a_client_with_a_secret(), *people, AddGrant(a_grant()), AddCode(a_code())]


def a_grant_with_a_refresh_token() -> list[Change]:
    """As `a_grant_with_a_code`, and a family with its first token."""
    return [*a_grant_with_a_code(), AddFamily(a_family()), AddRefreshToken(a_refresh_token())]
