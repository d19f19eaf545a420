"""A store in memory that keeps what a user gave: it honours each conditional change, all or none.

And the token endpoint before it: load, decide, apply, as the server does, or with time in between.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from builders import CLIENT, NOW, PEPPER, RIGHT, a_client, a_signer, a_user, an_issuer
from portvakt.jose import base64url
from portvakt.model.behalf import Code, CodeFacts, Ended, Grant, RefreshFacts, Standing
from portvakt.model.behalf_change import (
    AddCode,
    AddFamily,
    AddGrant,
    AddRefreshToken,
    AddRevocation,
    AdvanceFamily,
    AnswerTransaction,
    ForgetReissue,
    NoteRepeat,
    RedeemCode,
    RedeemRefreshToken,
    RevokeFamily,
    RevokeGrant,
)
from portvakt.model.change import Applied, Lost, Note
from portvakt.model.decision import Granted, Refused, Tokens
from portvakt.model.message import TokenRequest
from portvakt.model.nouns import ClientAuthentication, Organisation
from portvakt.model.values import ClientId, GrantId, Instant, OrganisationNumber, Seconds, Secret
from portvakt.protocol.answer import code as codes
from portvakt.protocol.answer import refresh as refreshing
from portvakt.protocol.answer.token import Authenticated, authenticate
from portvakt.protocol.credentials import Kind, keep_opaque, mint, opaque_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portvakt.model.audit import Event
    from portvakt.model.behalf import Family, RefreshToken
    from portvakt.model.change import Change
    from portvakt.model.nouns import ClientFacts, Issuer, User
    from portvakt.model.provider import Provider

BOTH_GRANTS = frozenset({"authorization_code", "refresh_token"})
CALLBACK = "https://app.example/cb"
NUMBER = OrganisationNumber("987654321")
VERIFIER = "v" * 43
CHALLENGE = base64url.encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()


@dataclass
class World:
    """One client acting for one user of one company, and all that the user gave it."""

    issuer: Issuer
    client: ClientFacts
    user: User
    organisation: Organisation | None
    is_member: bool = True
    grants: dict[str, Grant] = field(default_factory=dict)
    codes: dict[bytes, Code] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    tokens: dict[bytes, RefreshToken] = field(default_factory=dict)
    revocations: dict[str, Instant] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    drawn: int = 0

    def random(self, octets: int) -> bytes:
        """Return bytes that were never returned before."""
        self.drawn += 1
        return hashlib.shake_256(str(self.drawn).encode()).digest(octets)

    def standing(self, grant: Grant) -> Standing:
        return Standing(
            client=self.client, user=self.user, grant=grant, organisation=self.organisation, is_member=self.is_member
        )

    def code_facts(self, digest: bytes | None) -> CodeFacts | None:
        if digest is None or digest not in self.codes:
            return None
        code = self.codes[digest]
        grant = self.grants[code.grant_id]
        families = tuple(family for family in self.families.values() if family.grant_id == grant.id)
        return CodeFacts(code=code, standing=self.standing(grant), families=families)

    def refresh_facts(self, digest: bytes | None) -> RefreshFacts | None:
        if digest is None or digest not in self.tokens:
            return None
        token = self.tokens[digest]
        family = self.families[token.family_id]
        successor = next(
            (
                other
                for other in self.tokens.values()
                if (other.family_id, other.generation) == (family.id, token.generation + 1)
            ),
            None,
        )
        return RefreshFacts(
            token=token, family=family, standing=self.standing(self.grants[family.grant_id]), successor=successor
        )

    def apply(self, changes: Iterable[Change]) -> Applied | Lost:
        """Apply all changes, or none and say which was lost."""
        changes = tuple(changes)
        kept = (dict(self.grants), dict(self.codes), dict(self.families), dict(self.tokens), dict(self.revocations))
        for change in changes:
            if not self._apply(change):
                self.grants, self.codes, self.families, self.tokens, self.revocations = kept
                return Lost(change)
        self.events += [change.event for change in changes if isinstance(change, Note)]
        return Applied()

    def _lives(self, family: Family) -> bool:
        return family.revoked_at is None and self.grants[family.grant_id].revoked_at is None

    def _apply(self, change: Change) -> bool:
        match change:
            case AddGrant(grant):
                return _add(self.grants, grant.id, grant)
            case AddCode(code):
                return _add(self.codes, code.digest, code)
            case AddFamily(family):
                return _add(self.families, family.id, family)
            case AddRefreshToken(token):
                taken = any(
                    (other.family_id, other.generation) == (token.family_id, token.generation)
                    for other in self.tokens.values()
                )
                return not taken and _add(self.tokens, token.digest, token)
            case AddRevocation(_, Ended.GRANT, grant_id, until, None):
                self.revocations[grant_id] = until
                return True
            case AnswerTransaction() | Note():
                return True
            case RevokeGrant(_, grant_id, at):
                grant = self.grants[grant_id]
                self.grants[grant_id] = replace(grant, revoked_at=at)
                return grant.revoked_at is None
            case RedeemCode(_, digest, at):
                code = self.codes[digest]
                self.codes[digest] = replace(code, redeemed_at=at)
                return code.redeemed_at is None and self.grants[code.grant_id].revoked_at is None
            case _:
                return self._apply_to_family(change)

    def _apply_to_family(self, change: Change) -> bool:
        match change:
            case RevokeFamily(_, family_id, at):
                family = self.families[family_id]
                self.families[family_id] = replace(family, revoked_at=at)
                return family.revoked_at is None
            case AdvanceFamily(_, family_id, generation):
                family = self.families[family_id]
                self.families[family_id] = replace(family, generation=generation + 1)
                return family.generation == generation and self._lives(family)
            case NoteRepeat(_, family_id, generation, repeats, noted):
                family = self.families[family_id]
                self.families[family_id] = replace(family, repeated_generation=generation, repeats=repeats)
                as_read = (family.generation, family.repeated_generation) == (generation + 1, noted)
                return as_read and self._lives(family)
            case RedeemRefreshToken(_, digest, at, reissue, request, address):
                token = self.tokens[digest]
                self.tokens[digest] = replace(
                    token, redeemed_at=at, reissue=reissue, request=request, redeemed_from=address
                )
                return token.redeemed_at is None
            case ForgetReissue(_, family_id, generation):
                found = [t for t in self.tokens.values() if (t.family_id, t.generation) == (family_id, generation)]
                for token in found:
                    self.tokens[token.digest] = replace(token, reissue=None, request=None)
                return len(found) == 1
            case _:
                raise AssertionError(change)

    # What a user and a client do.

    def agree(
        self,
        *,
        scopes: tuple[str, ...] = ("read", "write"),
        redirect_sent: bool = True,
        challenge: str | None = CHALLENGE,
        now: Instant = NOW,
    ) -> Secret:
        """Have the user agree; return the code."""
        grant_id = GrantId(f"grant_{self.random(4).hex()}")
        grant = Grant(
            issuer=self.issuer.name,
            id=grant_id,
            user_id=self.user.id,
            client_id=self.client.client.id,
            organisation=self.organisation.number if self.organisation else None,
            scopes=scopes,
            created_at=now,
        )
        text = mint(Kind.CODE, self.random(32))
        code = Code(
            issuer=self.issuer.name,
            digest=keep_opaque(Kind.CODE, PEPPER, text),
            grant_id=grant_id,
            client_id=self.client.client.id,
            redirect_uri=CALLBACK,
            redirect_sent=redirect_sent,
            challenge=challenge,
            created_at=now,
            expires_at=Instant(now + self.issuer.provider.code_lifetime),
        )
        assert isinstance(self.apply([AddGrant(grant), AddCode(code)]), Applied)
        return text

    def authenticated(self, request: TokenRequest) -> Authenticated:
        outcome = authenticate(self.issuer.provider, request, self.client, pepper=PEPPER, now=NOW)
        assert isinstance(outcome, Authenticated), outcome
        return outcome

    def request(self, grant_type: str, parameters: dict[str, str], method: str = "client_secret_post") -> TokenRequest:
        public = self.client.client.authentication is ClientAuthentication.NONE
        return TokenRequest(
            grant_type=grant_type,
            client_id=self.client.client.id,
            client_secret=None if public else RIGHT,
            method="none" if public else method,
            parameters=parameters,
        )

    def decide_code(
        self, request: TokenRequest, facts: CodeFacts | None, now: Instant, by: Authenticated | None = None
    ) -> Granted[Tokens] | Refused:
        return codes.exchange_code(
            self.issuer,
            request,
            by or self.authenticated(request),
            facts,
            pepper=PEPPER,
            signer=a_signer(self.issuer.provider),
            random=self.random(codes.RANDOM_OCTETS),
            now=now,
        )

    def decide_refresh(
        self,
        request: TokenRequest,
        facts: RefreshFacts | None,
        now: Instant,
        by: Authenticated | None = None,
        address: str = "",
    ) -> Granted[Tokens] | Refused:
        return refreshing.refresh(
            self.issuer,
            request,
            by or self.authenticated(request),
            facts,
            pepper=PEPPER,
            signer=a_signer(self.issuer.provider),
            random=self.random(refreshing.RANDOM_OCTETS),
            now=now,
            address=address,
        )

    def exchange(
        self, code: Secret | str, *, after: int = 0, by: Authenticated | None = None, **parameters: str | None
    ) -> Granted[Tokens] | Refused:
        """Exchange a code as the server does; a parameter that is None is left out."""
        usual: dict[str, str | None] = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        text = code if isinstance(code, str) else code.reveal()
        sent = {name: value for name, value in {"code": text, **usual, **parameters}.items() if value is not None}
        request = self.request("authorization_code", sent)
        now = Instant(NOW + after)
        digest = codes.code_digest(PEPPER, request)
        return self.act(lambda: self.decide_code(request, self.code_facts(digest), now, by))

    def refresh(
        self,
        token: Secret | str,
        *,
        after: int = 0,
        by: Authenticated | None = None,
        method: str = "client_secret_post",
        address: str = "",
        **parameters: str,
    ) -> Granted[Tokens] | Refused:
        """Refresh as the server does."""
        text = token if isinstance(token, str) else token.reveal()
        request = self.request("refresh_token", {"refresh_token": text, **parameters}, method)
        now = Instant(NOW + after)
        digest = refreshing.refresh_digest(PEPPER, request)
        return self.act(lambda: self.decide_refresh(request, self.refresh_facts(digest), now, by, address))

    def act(self, decide: Callable[[], Granted[Tokens] | Refused]) -> Granted[Tokens] | Refused:
        """Decide and apply; nobody is in between, so nothing is lost."""
        decision = decide()
        assert isinstance(self.apply(decision.changes), Applied), decision
        return decision

    def leave_scopes(self, *scopes: str) -> None:
        """Have an administrator leave the client these scopes alone."""
        self.client = replace(self.client, client=replace(self.client.client, scopes=scopes))

    # What can be seen of it.

    def row(self, token: Secret) -> RefreshToken:
        digest = opaque_digest(Kind.REFRESH_TOKEN, PEPPER, token)
        assert digest is not None
        return self.tokens[digest]

    def family(self) -> Family:
        """The one family."""
        (family,) = self.families.values()
        return family

    def grant(self) -> Grant:
        """The one grant."""
        (grant,) = self.grants.values()
        return grant

    def live_leaves(self) -> int:
        """How many refresh tokens were not used, of families that live."""
        return sum(
            token.redeemed_at is None and self._lives(self.families[token.family_id]) for token in self.tokens.values()
        )


def a_world(
    provider: str | Provider = "standard",
    *,
    public: bool = False,
    organisation: bool = True,
    lifetime: Seconds | None = None,
) -> World:
    issuer = an_issuer(provider)
    facts = a_client(
        authentication=ClientAuthentication.NONE if public else ClientAuthentication.ANY_SECRET,
        scopes=("read", "write", "accounting"),
        default_scopes=("read",),
        grants=BOTH_GRANTS,
    )
    if public:
        facts = replace(facts, secrets=())
    facts = replace(facts, client=replace(facts.client, redirect_uris=(CALLBACK,)))
    company = Organisation(issuer=issuer.name, number=NUMBER, name="Fjord AS", created_at=NOW)
    return World(
        issuer=issuer if lifetime is None else replace(issuer, lifetime=lifetime),
        client=facts,
        user=a_user(),
        organisation=company if organisation else None,
    )


def another_client() -> Authenticated:
    """A client that is somebody else, and proved it."""
    facts = a_client(grants=BOTH_GRANTS)
    facts = replace(facts, client=replace(facts.client, id=ClientId(CLIENT + "_other")))
    return Authenticated(facts, facts.secrets[0])


def granted(decision: Granted[Tokens] | Refused) -> Tokens:
    assert isinstance(decision, Granted), decision
    return decision.answer


def successor_of(decision: Granted[Tokens] | Refused) -> Secret:
    token = granted(decision).refresh_token
    assert token is not None
    return token


def refusal(decision: Granted[Tokens] | Refused) -> tuple[str, int]:
    assert isinstance(decision, Refused), decision
    return decision.code, decision.status


def claims_of(tokens: Tokens) -> dict[str, object]:
    claims: dict[str, object] = json.loads(base64url.decode(tokens.access_token.reveal().split(".")[1].encode()))
    return claims


def _add(table: dict[Any, Any], key: object, row: object) -> bool:
    if key in table:
        return False
    table[key] = row
    return True
