"""What a sandbox is born with: everything secret derives from one seed, so that a restart prints the same."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.model.change import AddClient, AddSecret
from portvakt.model.nouns import Client, ClientAuthentication, User
from portvakt.model.values import ClientId, Instant, Secret, UserId
from portvakt.protocol.credentials import keep, mint_id, mint_secret

if TYPE_CHECKING:
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer

LONG_AGO = 200 * 86400
SOME_DAYS_AGO = 20 * 86400
SEED_CHARACTERS = 200
_CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True)
class Seed:
    """The text from which ids and secrets derive. Whoever knows it knows them all: never for production."""

    text: str = field(repr=False)

    @staticmethod
    def random() -> Seed:
        """Return a seed that nobody has seen."""
        return Seed(secrets.token_urlsafe(24))

    def octets(self, *labels: str) -> bytes:
        """Return 32 bytes for these labels."""
        return hmac.digest(self.text.encode(), "/".join(labels).encode(), "sha256")

    def installation_secret(self) -> Secret:
        """Return the installation's secret, as `portvakt.secret` holds it."""
        return Secret(base64.urlsafe_b64encode(self.octets("installation")).rstrip(b"=").decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sown:
    """A client that a sandbox is born with. `secret` is None for a public one."""

    client_id: ClientId
    secret: Secret | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Sower:
    """Makes an issuer's first users and clients from a seed. The same seed makes the same ones."""

    seed: Seed
    issuer: Issuer
    pepper: bytes = field(repr=False)
    now: Instant

    def user(self, email: str, *, roles: frozenset[str] = frozenset(), locale: str | None = None) -> User:
        """Return a user with an id of its own."""
        user_id = UserId(mint_id("user_", self.seed.octets(self.issuer.name, "user", email)))
        return User(id=user_id, issuer=self.issuer.name, email=email, roles=roles, locale=locale, created_at=self.now)

    def password(self, email: str) -> Secret:
        """Return the password of a user: four groups that can be read out and typed, of 82 random bits."""
        drawn = mint_id("", self.seed.octets(self.issuer.name, "password", email))
        return Secret("-".join(drawn[at : at + 4] for at in range(0, 16, 4)))

    def salt(self, email: str) -> bytes:
        """Return what a user's password is salted with: 16 bytes."""
        return self.seed.octets(self.issuer.name, "salt", email)[:16]

    def client(
        self,
        label: str,
        owner: User,
        *,
        name: str,
        scopes: tuple[str, ...] = (),
        redirect_uris: tuple[str, ...] = (),
        public: bool = False,
        expired: bool = False,
    ) -> Sown:
        """Return a client of `owner`; `label` tells it from the issuer's others.

        With `redirect_uris` users may let it act for them: it has all of the provider's grants.
        """
        client_id = ClientId(mint_id(self.issuer.provider.client_id_prefix, self._octets(label, "id")))
        client = Client(
            id=client_id,
            issuer=self.issuer.name,
            name=name,
            owner=owner.id,
            authentication=ClientAuthentication.NONE if public else ClientAuthentication.ANY_SECRET,
            grants=self._grants(public=public) if redirect_uris else frozenset({_CLIENT_CREDENTIALS}),
            scopes=scopes,
            default_scopes=scopes,
            redirect_uris=redirect_uris,
            created_at=self.now,
        )
        if public:
            return Sown(client_id=client_id, secret=None, changes=(AddClient(client),))
        secret = mint_secret(self._octets(label, "secret"))
        row = keep(
            secret,
            pepper=self.pepper,
            client_id=client_id,
            id_random=self._octets(label, "secret id"),
            now=Instant(self.now - LONG_AGO) if expired else self.now,
            expires_at=Instant(self.now - SOME_DAYS_AGO) if expired else None,
        )
        return Sown(client_id=client_id, secret=secret, changes=(AddClient(client), AddSecret(self.issuer.name, row)))

    def _grants(self, *, public: bool) -> frozenset[str]:
        # RFC 6749 §4.4: the client credentials grant "MUST only be used by confidential clients"
        return frozenset(self.issuer.provider.grants) - (frozenset({_CLIENT_CREDENTIALS}) if public else frozenset())

    def _octets(self, label: str, kind: str) -> bytes:
        return self.seed.octets(self.issuer.name, "client", label, kind)
