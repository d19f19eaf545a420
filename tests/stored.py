"""Builders of what a store keeps."""

from __future__ import annotations

from typing import Any

from portvakt.model.change import AddClient, AddSecret, AddUser
from portvakt.model.nouns import Algorithm, Client, ClientSecret, SigningKey, User
from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, SecretId, UserId

ACME = IssuerName("acme")
OTHER = IssuerName("other")
OWNER = UserId("user_owner")
CLIENT = ClientId("client_one")
SECRET = SecretId("secret_one")


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
