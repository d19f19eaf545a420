"""What ends with a user, a client, an organisation, a membership or a grant, at every place that asks (G7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from acting import CALLBACK, FOR_USERS, a_code, ask, exchange, post, refresh, tokens
from administered import ACME, BAKERY, DEVELOPER, OPERATOR, Role
from browsers import signed_in
from builders import NOW
from issuing import OWNER, a_client, known
from portvakt.guard import Denied, Guard
from portvakt.guard.revocations import WAIT_AT
from portvakt.model.change import AddMember, Applied, SetAdministrator
from portvakt.protocol.own_scopes import INTROSPECT, READ
from portvakt.server.own_keys import OwnKeys
from portvakt.server.revocations import OwnRevocations

if TYPE_CHECKING:
    from administered import Administered
    from people_served import Browser

GIVER = Role("owner", ACME, "owner@example.com", member_of=BAKERY, administers=True)
SCOPES = ("read", "write", READ)
APP, FIRM = (known(ACME, label).client_id for label in ("app", "firm"))


@dataclass
class Given:
    """What a user gave an application of theirs for a company, and what it and a program of that company have."""

    administered: Administered
    browser: Browser
    guard: Guard
    code: str
    refresh_token: str
    tokens: dict[str, str]
    administering: dict[str, str]

    async def good(self) -> set[str]:
        """Return what still works, and where."""
        served = self.administered.served
        own = {label: await ask(served, ACME, label, grant_type="client_credentials", scope="read") for label in LABELS}
        works = {
            "a code": (await exchange(served, ACME, self.code)).status == 200,
            "a refresh": (await refresh(served, ACME, self.refresh_token)).status == 200,
            "the console": (await self.browser.get("/acme/settings")).status == 200,
        }
        works |= {f"a token of {label}'s own": answer.status == 200 for label, answer in own.items()}
        for whose, token in self.tokens.items():
            said = (await post(served, ACME, "/introspect", "asker", token=token)).json()
            works[f"introspection: {whose}"] = said["active"]
            works[f"a guard: {whose}"] = await self._passes(token)
        for whose, token in self.administering.items():
            answer = await self.administered.ask(token, "GET", "/issuers")
            works[f"administration: {whose}"] = answer.status == 200
        return {place for place, is_good in works.items() if is_good}

    async def _passes(self, token: str) -> bool:
        try:
            await self.guard.verify([(b"authorization", f"Bearer {token}".encode())])
        except Denied as denied:
            return denied.refused.reason != "the token was revoked"
        return True


LABELS = ("app", "firm")
USERS = {"a code", "a refresh", "introspection: the user's", "a guard: the user's"}
APPS = {"a token of app's own", "introspection: app's", "a guard: app's", "administration: app's"}
FIRMS = {"a token of firm's own", "introspection: firm's", "a guard: firm's", "administration: firm's"}
CONSOLE = {"the console"}


async def given(administered: Administered) -> Given:
    served = administered.served
    fields: dict[str, Any] = {"scopes": SCOPES, "default_scopes": (), "grants": FOR_USERS | {"client_credentials"}}
    changes = [
        AddMember(ACME.name, BAKERY, OWNER, NOW),
        SetAdministrator(ACME.name, BAKERY, OWNER, True),
        *a_client(ACME, "app", redirect_uris=(CALLBACK,), **fields),
        *a_client(ACME, "firm", owner=DEVELOPER.user_id, organisation=BAKERY, **fields),
        *a_client(ACME, "asker", owner=DEVELOPER.user_id, scopes=(INTROSPECT,), default_scopes=()),
    ]
    assert await served.store.apply(changes) == Applied()
    guard = Guard(
        issuer=ACME.url,
        audience=ACME.audience,
        provider="standard",
        clock=served.clock,
        keys=OwnKeys(ACME, served.application.copy, served.clock),
        revocations=OwnRevocations(ACME, served.store),
    )
    first = await tokens(served, ACME, organisation=BAKERY)

    async def own(label: str, scope: str) -> str:
        answer = await ask(served, ACME, label, grant_type="client_credentials", scope=scope)
        assert answer.status == 200, answer.body
        token: str = answer.json()["access_token"]
        return token

    return Given(
        administered,
        await signed_in(administered, GIVER),
        guard,
        await a_code(served, ACME, organisation=BAKERY),
        first["refresh_token"],
        {"the user's": first["access_token"], **{f"{label}'s": await own(label, "read") for label in LABELS}},
        {f"{label}'s": await own(label, READ) for label in LABELS},
    )


@pytest.mark.parametrize(
    ("method", "path", "left"),
    [
        ("GET", f"/issuers/acme/clients/{APP}", USERS | APPS | FIRMS | CONSOLE),  # where nothing ended
        ("POST", f"/issuers/acme/users/{OWNER}/disable", FIRMS),
        ("POST", f"/issuers/acme/clients/{APP}/disable", FIRMS | CONSOLE),
        ("DELETE", f"/issuers/acme/clients/{APP}", FIRMS | CONSOLE),
        ("POST", f"/issuers/acme/clients/{FIRM}/disable", USERS | APPS | CONSOLE),
        ("DELETE", f"/issuers/acme/clients/{FIRM}", USERS | APPS | CONSOLE),
        ("POST", f"/issuers/acme/organisations/{BAKERY}/disable", APPS),
        ("DELETE", f"/issuers/acme/organisations/{BAKERY}/members/{OWNER}", APPS | FIRMS),
        ("grant", "", APPS | FIRMS | CONSOLE),
    ],
)
async def test_G7_what_ended_is_good_nowhere_and_all_else_goes_on(
    administered: Administered, method: str, path: str, left: set[str]
) -> None:
    there = await given(administered)
    if method == "grant":
        await revoke_by_hand(there)
    else:
        answer = await administered.ask(OPERATOR, method, path, **({"if_match": "*"} if method == "DELETE" else {}))
        assert answer.status in {200, 204}, answer.body
    administered.served.clock.advance(WAIT_AT)

    assert await there.good() == left


async def revoke_by_hand(there: Given) -> None:
    """End what the user gave, on the page where users do that."""
    page = await there.browser.get("/acme/connected")
    (form,) = [form for form in page.forms if form.fields.get("client") == APP]
    assert (await there.browser.submit(form)).status == 303
