"""The administration's API of a server in this process, and people of each role who ask it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from asgi_driver import Answer, call
from builders import NOW
from issuing import FORM, PRISJAKT, STANDARD, a_client, as_form, known
from portvakt.model.change import AddMember, AddOrganisation, AddUser, Applied, SetAdministrator
from portvakt.model.nouns import Organisation, User
from portvakt.model.values import OrganisationNumber, UserId
from portvakt.server.settings_issuers import own_issuer
from portvakt.wire.shape import faults_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from issuing import Serving
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer

OWN = own_issuer("https://id.example")
ACME = replace(STANDARD, administration=OWN.audience)
OTHER = replace(PRISJAKT, administration=OWN.audience)
API = urlsplit(OWN.api_url).path
HOST = urlsplit(OWN.api_url).netloc

BAKERY, FOUNDRY = OrganisationNumber("312047152"), OrganisationNumber("987654321")
READ_AND_MANAGE = ("portvakt:read", "portvakt:manage")


@dataclass(frozen=True)
class Role:
    """Somebody who administers, by a client of their own: `label` names it."""

    label: str
    issuer: Issuer
    email: str
    roles: frozenset[str] = frozenset()
    member_of: OrganisationNumber | None = None
    administers: bool = False
    organisation: OrganisationNumber | None = None

    @property
    def user_id(self) -> UserId:
        return UserId(f"user_{self.label.replace('-', '_')}")


OPERATOR = Role("operator", OWN, "boss@example.no", frozenset({"operator"}))
DEVELOPER = Role("developer", ACME, "dev@example.no", frozenset({"developer"}))
ADMINISTRATOR = Role("administrator", ACME, "adm@example.no", member_of=BAKERY, administers=True)
OTHERS_ADMINISTRATOR = Role("other-administrator", ACME, "other@example.no", member_of=FOUNDRY, administers=True)
MEMBER = Role("member", ACME, "member@example.no", member_of=BAKERY)
COMPANYS_PROGRAM = Role("program", ACME, "maker@example.no", organisation=BAKERY)
STRANGER = Role("stranger", OTHER, "dev@elsewhere.no", frozenset({"developer", "operator"}))
EVERYBODY = (OPERATOR, DEVELOPER, ADMINISTRATOR, OTHERS_ADMINISTRATOR, MEMBER, COMPANYS_PROGRAM, STRANGER)


def cast() -> list[Change]:
    """Return the changes that make everybody, their clients, and two companies."""
    changes: list[Change] = [
        AddOrganisation(Organisation(issuer=ACME.name, number=BAKERY, name="Eksempelfjord Bakeri AS", created_at=NOW)),
        AddOrganisation(Organisation(issuer=ACME.name, number=FOUNDRY, name="Støperiet AS", created_at=NOW)),
    ]
    for who in EVERYBODY:
        changes.append(
            AddUser(User(id=who.user_id, issuer=who.issuer.name, email=who.email, roles=who.roles, created_at=NOW))
        )
        changes += a_client(
            who.issuer,
            who.label,
            owner=who.user_id,
            organisation=who.organisation,
            scopes=READ_AND_MANAGE,
            default_scopes=READ_AND_MANAGE,
        )
        if who.member_of is not None:
            changes.append(AddMember(who.issuer.name, who.member_of, who.user_id, NOW))
        if who.member_of is not None and who.administers:
            changes.append(SetAdministrator(who.issuer.name, who.member_of, who.user_id, True))
    return changes


@dataclass
class Administered:
    """A server with everybody in it. Every answer is held to what the document says of it."""

    served: Serving
    tokens: dict[str, str] = field(default_factory=dict)
    _document: dict[str, Any] | None = None

    async def fill(self) -> None:
        assert await self.served.store.apply(cast()) == Applied()

    async def token(self, who: Role, scope: str = " ".join(READ_AND_MANAGE)) -> str:
        key = f"{who.label} {scope}"
        if key not in self.tokens:
            client = known(who.issuer, who.label)
            said = await self.ask_for_token(who.issuer, client.client_id, client.secret, scope=scope)
            self.tokens[key] = said.json()["access_token"]
        return self.tokens[key]

    async def ask_for_token(self, issuer: Issuer, client_id: str, secret: str, **more: str) -> Answer:
        path = urlsplit(issuer.url).path + issuer.provider.token_paths[0]
        sent = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, **more}
        sent = {name: value for name, value in sent.items() if value}
        head = [("host", urlsplit(issuer.url).netloc), ("content-type", FORM)]
        answer = await call(self.served.application, "POST", path, headers=head, body=as_form(sent))
        self.served.secrets.add(secret)
        if answer.status == 200:
            self.served.secrets.add(answer.json()["access_token"])
        return answer

    async def ask(
        self,
        who: Role | str | None,
        method: str,
        path: str,
        sent: object = ...,
        *,
        query: Mapping[str, object] | str = "",
        scope: str = " ".join(READ_AND_MANAGE),
        **headers: str,
    ) -> Answer:
        """Ask as somebody, or with a token, or with none. What is `sent` is JSON, or bytes as they are."""
        token = await self.token(who, scope) if isinstance(who, Role) else who
        head = [("host", HOST), *((name.replace("_", "-"), value) for name, value in headers.items())]
        if token is not None:
            head.append(("authorization", f"Bearer {token}"))
        body = b""
        if sent is not ...:
            body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
            if "content_type" not in headers:
                head.append(("content-type", "application/json"))
        spelled = query if isinstance(query, str) else urlencode({name: str(each) for name, each in query.items()})
        answer = await call(
            self.served.application, method, API + path, headers=head, body=body, query=spelled, client=("192.0.2.7", 1)
        )
        await self._check(method, path, answer)
        return answer

    async def _check(self, method: str, path: str, answer: Answer) -> None:
        """Hold an answer to what holds for all of them, and to the document."""
        headers = dict(answer.headers)
        assert (headers["cache-control"], headers["pragma"]) == ("no-store", "no-cache")  # H1
        assert headers["vary"] == "Cookie, Authorization"
        assert not [name for name in headers if name.startswith("access-control") or name == "set-cookie"]
        assert ("portvakt-reference" in headers) is (answer.status >= 400)
        assert ("www-authenticate" in headers) is (answer.status == 401 or b"insufficient_scope" in answer.body)
        if answer.status >= 400:
            assert headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status
            assert not self.served.leaked(answer.body.decode())
        operation = await self._operation(method, path)
        if operation is None:
            return
        described = operation["responses"].get(str(answer.status))
        assert described is not None, f"{method} {path} answered {answer.status}, which is documented nowhere"
        content = described.get("content", {})
        if not content:
            assert answer.body == b""
            return
        media_type = headers["content-type"].partition(";")[0]
        assert media_type in content
        if media_type.endswith("json"):
            assert faults_of(self._resolved(content[media_type]["schema"]), answer.json()) == (), answer.body

    async def document(self) -> dict[str, Any]:
        if self._document is None:
            answer = await call(self.served.application, "GET", f"{API}/openapi.json", headers=[("host", HOST)])
            self._document = answer.json()
        return self._document

    async def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        paths = (await self.document())["paths"]
        for template, operations in paths.items():
            pairs = list(zip(template.split("/"), path.split("/"), strict=False))
            same = template.count("/") == path.count("/")
            if same and all(name == text or name.startswith("{") for name, text in pairs):
                found: dict[str, Any] | None = operations.get(method.lower())
                return found
        return None

    def _resolved(self, schema: Any) -> Any:
        assert self._document is not None
        if isinstance(schema, list):
            return [self._resolved(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self._resolved(self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        return {name: self._resolved(each) for name, each in schema.items()}
