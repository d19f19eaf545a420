"""Clients that act for users at a server in this process: grants put into its store, their codes exchanged there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asgi_driver import Answer, call
from behalf_store import CHALLENGE, VERIFIER
from builders import NOW
from issuing import FORM, HASHING, OWNER, a_client, as_form, known
from portvakt.model.behalf import Code, Grant
from portvakt.model.behalf_change import AddCode, AddGrant
from portvakt.model.change import AddMember, AddOrganisation, Applied
from portvakt.model.nouns import ClientAuthentication, Organisation
from portvakt.model.values import GrantId, Instant, OrganisationNumber
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint, mint_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from issuing import Serving
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer

CALLBACK = "https://app.example/cb"
COMPANY = OrganisationNumber("312047152")
FOR_USERS = frozenset({"authorization_code", "refresh_token"})


async def an_application(served: Serving, issuer: Issuer, label: str = "app", **fields: Any) -> None:
    """Register a client that may act for users; `known(issuer, label)` are its credentials."""
    usual: dict[str, Any] = {"redirect_uris": (CALLBACK,), "grants": FOR_USERS | {"client_credentials"}}
    if issuer.provider.scopes:
        usual |= {"scopes": issuer.provider.scopes, "default_scopes": issuer.provider.scopes}
    public = fields.get("authentication") is ClientAuthentication.NONE
    changes = a_client(issuer, label, [] if public else None, **(usual | fields))
    assert await served.store.apply(changes) == Applied()


async def a_company(served: Serving, issuer: Issuer) -> None:
    """Make a company, of which the owner of all clients is a member."""
    company = Organisation(issuer=issuer.name, number=COMPANY, name="Eksempelfjord Bakeri AS", created_at=NOW)
    changes: list[Change] = [AddOrganisation(company), AddMember(issuer.name, COMPANY, OWNER, NOW)]
    assert await served.store.apply(changes) == Applied()


async def a_code(
    served: Serving, issuer: Issuer, label: str = "app", *, organisation: OrganisationNumber | None = None
) -> str:
    """Have the owner of all clients agree to what the application may ask for; return the code (for `VERIFIER`)."""
    client_id = known(issuer, label).client_id
    grant = Grant(
        issuer=issuer.name,
        id=GrantId(mint_id("grant_", os.urandom(32))),
        user_id=OWNER,
        client_id=client_id,
        organisation=organisation,
        scopes=issuer.provider.scopes or ("read", "write"),
        created_at=served.clock(),
    )
    text = mint(Kind.CODE, os.urandom(SECRET_OCTETS))
    code = Code(
        issuer=issuer.name,
        digest=keep_opaque(Kind.CODE, HASHING, text),
        grant_id=grant.id,
        client_id=client_id,
        redirect_uri=CALLBACK,
        redirect_sent=False,
        challenge=CHALLENGE,
        created_at=served.clock(),
        expires_at=Instant(served.clock() + 60),
    )
    assert await served.store.apply([AddGrant(grant), AddCode(code)]) == Applied()
    served.secrets.add(text.reveal())
    return text.reveal()


async def post(
    served: Serving,
    issuer: Issuer,
    path: str,
    label: str | None = "app",
    *,
    headers: Sequence[tuple[str, str]] = (),
    **sent: str,
) -> Answer:
    """Post a form as the client of that label; None: as nobody. A public client is `label` with `client_secret=""`."""
    if label is not None:
        client = known(issuer, label)
        sent = {"client_id": client.client_id, "client_secret": client.secret} | sent
    served.secrets |= {value for name, value in sent.items() if name in {"client_secret", "token", "refresh_token"}}
    usual = [("host", urlsplit(issuer.url).netloc), ("content-type", FORM), *headers]
    path = urlsplit(issuer.url).path + path
    return await call(served.application, "POST", path, headers=usual, body=as_form(sent), client=("192.0.2.1", 5000))


async def ask(served: Serving, issuer: Issuer, label: str = "app", **sent: str) -> Answer:
    """Ask the token endpoint as the client of that label; what comes is secret."""
    answer = await post(served, issuer, issuer.provider.token_paths[0], label, headers=(), **sent)
    said = answer.json()
    served.secrets |= {said[name] for name in ("access_token", "refresh_token") if name in said}
    return answer


async def exchange(served: Serving, issuer: Issuer, code: str, label: str = "app", **sent: str) -> Answer:
    sent = {"code": code, "code_verifier": VERIFIER} | sent
    return await ask(served, issuer, label, grant_type="authorization_code", **sent)


async def tokens(
    served: Serving, issuer: Issuer, label: str = "app", *, organisation: OrganisationNumber | None = None, **sent: str
) -> dict[str, Any]:
    """Have a user agree, exchange the code, and return the reply's members."""
    code = await a_code(served, issuer, label, organisation=organisation)
    answer = await exchange(served, issuer, code, label, **sent)
    assert answer.status == 200, answer.body
    said: dict[str, Any] = answer.json()
    return said


async def refresh(served: Serving, issuer: Issuer, token: str, label: str = "app", **sent: str) -> Answer:
    return await ask(served, issuer, label, grant_type="refresh_token", refresh_token=token, **sent)
