"""Who may do what by the administration's API: every operation, asked for by people of every role."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from administered import (
    ACME,
    ADMINISTRATOR,
    BAKERY,
    COMPANYS_PROGRAM,
    DEVELOPER,
    EVERYBODY,
    FOUNDRY,
    MEMBER,
    OPERATOR,
    OTHER,
    OTHERS_ADMINISTRATOR,
    OWN,
    STRANGER,
    Administered,
    Role,
)
from builders import NOW
from issuing import a_client, known, serving
from portvakt.model.audit import RefusedRequest
from portvakt.model.change import AddMember
from portvakt.protocol.govern.member_code import member_code
from portvakt.server.admin_api import OPERATIONS
from portvakt.server.admin_api_operation import Role as Needed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from portvakt.model.values import ClientId
    from portvakt.server.admin_api_operation import Operation

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD_VERSION = '"999"'

AT_ACME = (DEVELOPER, ADMINISTRATOR, OTHERS_ADMINISTRATOR, MEMBER, COMPANYS_PROGRAM)
FOR_THE_DEVELOPER = (OPERATOR, DEVELOPER)
FOR_THE_BAKERY = (OPERATOR, ADMINISTRATOR, COMPANYS_PROGRAM)
FOR_THE_FOUNDRY = (OPERATOR, OTHERS_ADMINISTRATOR)
ANYBODY = (OPERATOR, *AT_ACME)
OPERATORS = (OPERATOR,)

NEEDED = {
    "listIssuers": Needed.ANYBODY,
    "showIssuer": Needed.ANYBODY,
    "listKeys": Needed.OPERATOR,
    "rotateKeys": Needed.OPERATOR,
    "revokeKey": Needed.OPERATOR,
    "listClients": Needed.ANYBODY,
    "createClient": Needed.MAKER,
    "showClient": Needed.OWNER,
    "changeClient": Needed.OWNER,
    "deleteClient": Needed.OWNER,
    "disableClient": Needed.OWNER,
    "enableClient": Needed.OWNER,
    "rotateSecret": Needed.OWNER,
    "revokeSecret": Needed.OWNER,
    "listUsers": Needed.OPERATOR,
    "createUser": Needed.OPERATOR,
    "showUser": Needed.OPERATOR,
    "changeUser": Needed.OPERATOR,
    "disableUser": Needed.OPERATOR,
    "enableUser": Needed.OPERATOR,
    "setPassword": Needed.OPERATOR,
    "listSessions": Needed.OPERATOR,
    "endSessions": Needed.OPERATOR,
    "endSession": Needed.OPERATOR,
    "listOrganisations": Needed.ANYBODY,
    "createOrganisation": Needed.OPERATOR,
    "showOrganisation": Needed.ADMINISTRATOR,
    "changeOrganisation": Needed.OPERATOR,
    "disableOrganisation": Needed.OPERATOR,
    "enableOrganisation": Needed.OPERATOR,
    "listMembers": Needed.ADMINISTRATOR,
    "addMember": Needed.ADMINISTRATOR,
    "changeMember": Needed.ADMINISTRATOR,
    "removeMember": Needed.ADMINISTRATOR,
    "readAuditLog": Needed.ANYBODY,
    "inviteUser": Needed.OPERATOR,
    "listInvitations": Needed.OPERATOR,
    "resetPassword": Needed.OPERATOR,
    "listRefusals": Needed.OWNER,
    "explainRefusal": Needed.OWNER,
}
"""Every route with the role that it needs, written down a second time: by hand."""

BODIES: dict[str, Any] = {
    "createClient": {"name": "Another"},
    "changeClient": {"name": "Another"},
    "rotateSecret": {},
    "createUser": {"email": "new@example.no"},
    "inviteUser": {"email": "invited@example.no"},
    "changeUser": {"locale": "nb"},
    "setPassword": {"password": "correct horse battery staple"},
    "createOrganisation": {"organisation": "123456789", "name": "Ny AS"},
    "changeOrganisation": {"name": "Ny AS"},
    "addMember": {"user": MEMBER.email},
    "changeMember": {"administrator": False},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_together(shared_database: Path) -> AsyncIterator[Administered]:
    """One server for all cases: nothing that is done in one is in another's way."""
    async with serving(shared_database, [OWN, ACME, OTHER]) as served:
        made = Administered(served)
        await made.fill()
        yield made


@dataclass(frozen=True)
class Case:
    """An operation on some object, and who may do it."""

    operation: Operation
    about: str
    may: Collection[Role]
    path: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    query: str = ""

    @property
    def id(self) -> str:
        return f"{self.operation.name}-{self.about}" if self.about else self.operation.name


CLIENTS = {
    "developer": (known(ACME, "developers").client_id, FOR_THE_DEVELOPER),
    "bakery": (known(ACME, "bakerys").client_id, FOR_THE_BAKERY),
    "foundry": (known(ACME, "foundrys").client_id, FOR_THE_FOUNDRY),
}
REFERENCES = {about: f"00000000-{number}" for number, about in enumerate(CLIENTS)}
COMPANIES = {"bakery": (BAKERY, FOR_THE_BAKERY), "foundry": (FOUNDRY, FOR_THE_FOUNDRY)}


def a_refusal(reference: str, client_id: ClientId) -> RefusedRequest:
    return RefusedRequest(
        reference=reference,
        issuer=ACME.name,
        at=NOW,
        client_id=client_id,
        method="POST",
        path="/acme/token",
        address="192.0.2.1",
        status=401,
        code="invalid_client",
        reason="wrong secret",
    )


def cases_of(operation: Operation) -> list[Case]:
    """Return an operation on each object that it may be about."""
    body = BODIES.get(operation.name)
    if operation.role is Needed.OWNER:
        return [
            Case(operation, about, may, {"client_id": id_, "reference": REFERENCES[about]}, body)
            for about, (id_, may) in CLIENTS.items()
        ]
    if operation.role is Needed.ADMINISTRATOR:
        return [Case(operation, about, may, {"organisation": id_}, body) for about, (id_, may) in COMPANIES.items()]
    if operation.role is Needed.MAKER:
        of = [
            Case(operation, about, may, body={**(body or {}), "organisation": id_})
            for about, (id_, may) in COMPANIES.items()
        ]
        return [Case(operation, "for-oneself", FOR_THE_DEVELOPER, body=body), *of]
    may = OPERATORS if operation.role is Needed.OPERATOR else ANYBODY
    return [Case(operation, "", may, body=body)]


def filtered() -> list[Case]:
    """Return the lists with each filter."""
    log, clients, organisations = (
        next(operation for operation in OPERATIONS if operation.name == name)
        for name in ("readAuditLog", "listClients", "listOrganisations")
    )
    found = [Case(log, f"client-{about}", may, query=f"client={id_}") for about, (id_, may) in CLIENTS.items()]
    for of in (log, clients):
        found += [Case(of, about, may, query=f"organisation={id_}") for about, (id_, may) in COMPANIES.items()]
        name = "user" if of is log else "owner"
        found += [Case(of, who.label, (OPERATOR, who), query=f"{name}={who.user_id}") for who in (DEVELOPER, MEMBER)]
        found += [Case(of, f"nobodys-{name}", OPERATORS, query=f"{name}=user_nobody")]
    return [*found, *(Case(of, "search", OPERATORS, query="search=a") for of in (clients, organisations))]


async def test_every_route_needs_the_role_that_it_is_known_to_need() -> None:
    assert {operation.name: operation.role for operation in OPERATIONS} == NEEDED


@pytest.mark.parametrize(
    "case", [*(case for each in OPERATIONS for case in cases_of(each)), *filtered()], ids=lambda case: case.id
)
async def test_Z2_a_route_is_for_those_whose_it_is_and_not_there_for_others(
    all_together: Administered, case: Case
) -> None:
    administered, operation, store = all_together, case.operation, all_together.served.store
    for label, company in (("developers", None), ("bakerys", BAKERY), ("foundrys", FOUNDRY)):
        await store.apply(a_client(ACME, label, owner=DEVELOPER.user_id, organisation=company))
    await store.record_refusals([a_refusal(REFERENCES[about], id_) for about, (id_, _) in CLIENTS.items()])
    places = {
        "issuer": "acme",
        "client_id": "",
        "secret_id": "sec_none",
        "kid": "none",
        "user_id": MEMBER.user_id,
        "session_id": "none",
        "organisation": BAKERY,
        **case.path,
    }
    path = operation.path.format(**places)
    headers = {"if_match": OLD_VERSION}

    nobody = await administered.ask(None, operation.method, path, query=case.query)
    assert nobody.status == 401
    for who in [*(who for who in EVERYBODY if who not in case.may), *case.may]:
        if operation.name in {"changeMember", "removeMember"}:
            await store.apply([AddMember(ACME.name, places["organisation"], MEMBER.user_id, NOW)])  # type: ignore[arg-type]  # a number, among texts
        sent = ... if case.body is None else case.body
        if operation.name == "addMember" and who is not OPERATOR:
            sent = {
                "user": member_code(administered.served.application._pepper, ACME.name, MEMBER.user_id, NOW).reveal()
            }
        answer = await administered.ask(who, operation.method, path, sent, query=case.query, **headers)
        if who in case.may:
            assert answer.status in {200, 201, 204, 412} or _is_about_what_is_inside(operation, answer.json()), who
        elif who is STRANGER and operation.name != "listIssuers":
            assert (answer.status, answer.json()["detail"]) == (404, "There is no such issuer.")
        elif operation.name != "listIssuers":
            assert answer.status in {403, 404}, who
            assert not _is_about_what_is_inside(operation, answer.json())
            if operation.role in {Needed.OWNER, Needed.ADMINISTRATOR}:
                assert answer.status == 404


@pytest.mark.parametrize("about", CLIENTS)
async def test_Z2_what_an_operator_disabled_no_owner_enables_and_what_an_owner_did_both_do(
    all_together: Administered, about: str
) -> None:
    administered, (client_id, may) = all_together, CLIENTS[about]
    company = COMPANIES[about][0] if about in COMPANIES else None
    await administered.served.store.apply(a_client(ACME, f"{about}s", owner=DEVELOPER.user_id, organisation=company))

    async def ask(who: Role, what: str) -> tuple[int, str | None]:
        answer = await administered.ask(who, "POST", f"/issuers/acme/clients/{client_id}/{what}")
        return answer.status, answer.json().get("disabled_by", answer.json().get("detail"))

    refused = (403, "An operator disabled this client, and only an operator enables it again: ask them.")
    for who in may:
        named = "operator" if who is OPERATOR else "owner"
        for enables in may:
            assert await ask(who, "disable") == (200, named)
            theirs = named == "owner" or enables is OPERATOR
            assert await ask(enables, "enable") == ((200, None) if theirs else refused), (who, enables)
            assert await ask(OPERATOR, "enable") == (200, None)
        await ask(who, "disable")
        assert await ask(OPERATOR, "disable") == (200, "operator")  # it is the operator's from now on
        assert await ask(who, "disable") == (200, "operator")
        assert await ask(OPERATOR, "enable") == (200, None)


def _is_about_what_is_inside(operation: Operation, problem: dict[str, Any]) -> bool:
    """Whether they got as far as to what is not there."""
    inside = {"endSession": "session", "revokeSecret": "secret", "revokeKey": "signing key"}.get(operation.name, "")
    return bool(inside) and problem["detail"] == f"There is no such {inside}."
