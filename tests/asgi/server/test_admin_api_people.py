"""Users, sessions, organisations and members by the administration's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from administered import ACME, ADMINISTRATOR, BAKERY, DEVELOPER, FOUNDRY, MEMBER, OPERATOR, OTHERS_ADMINISTRATOR
from builders import NOW
from portvakt.model.behalf import Session
from portvakt.model.behalf_change import AddSession
from portvakt.model.change import Applied
from portvakt.model.values import Instant, SessionId
from portvakt.protocol.govern.member_code import member_code

if TYPE_CHECKING:
    from administered import Administered
    from asgi_driver import Answer

USERS = "/issuers/acme/users"
ORGANISATIONS = "/issuers/acme/organisations"
PASSWORD = "correct horse battery staple"


async def made(administered: Administered, **wish: Any) -> dict[str, Any]:
    answer = await administered.ask(OPERATOR, "POST", USERS, {"email": "new@example.no", **wish})
    assert answer.status == 201, answer.body
    said: dict[str, Any] = answer.json()
    return said


async def test_a_users_life(administered: Administered) -> None:
    administered.served.secrets.add(PASSWORD)
    new = await made(administered, locale="nb", roles=["developer"], password=PASSWORD)
    path = f"{USERS}/{new['user_id']}"

    changed = await administered.ask(OPERATOR, "PATCH", path, {"locale": None, "roles": None}, if_match='"1"')
    stale = await administered.ask(OPERATOR, "PATCH", path, {"locale": "en"}, if_match='"1"')
    unnamed = await administered.ask(OPERATOR, "PATCH", path, {"locale": "en"})
    disabled = await administered.ask(OPERATOR, "POST", f"{path}/disable")
    enabled = await administered.ask(OPERATOR, "POST", f"{path}/enable")
    given = await administered.ask(OPERATOR, "POST", f"{path}/password", {"password": PASSWORD + "!"})
    short = await administered.ask(OPERATOR, "POST", f"{path}/password", {"password": "short"})
    twice = await administered.ask(OPERATOR, "POST", USERS, {"email": "NEW@example.no"})

    assert (new["locale"], new["roles"], new["has_password"]) == ("nb", ["developer"], True)
    assert (changed.json()["locale"], changed.json()["roles"]) == (None, [])
    assert (stale.status, unnamed.status, short.status, twice.status) == (412, 428, 400, 400)
    assert (disabled.json()["enabled"], enabled.json()["enabled"], given.status) == (False, True, 200)
    log = await administered.ask(OPERATOR, "GET", "/issuers/acme/audit", query=f"user={new['user_id']}")
    acts = [line["act"] for line in reversed(log.json()["items"])]
    for act in ("user.created", "user.changed", "user.disabled", "user.enabled", "password.set"):
        assert act in acts
    assert PASSWORD not in log.body.decode()


async def test_policed_members_of_a_user_are_not_for_a_patch_to_set(administered: Administered) -> None:
    new = await made(administered)
    for name in ("email", "enabled", "version", "user_id", "password", "memberships"):
        answer = await administered.ask(OPERATOR, "PATCH", f"{USERS}/{new['user_id']}", {name: "x"}, if_match="*")
        assert answer.json()["errors"][0]["path"] == f"/{name}"
    unknown = await administered.ask(OPERATOR, "POST", USERS, {"email": "x@y.no", "locale": "sv"})
    assert unknown.json()["errors"] == [{"path": "/locale", "detail": "must be one of en, nb"}]


async def test_where_a_user_is_logged_in_is_listed_and_ended(administered: Administered) -> None:
    sessions = [
        Session(
            issuer=ACME.name,
            id=SessionId(f"session_{number}"),
            digest=bytes([number]) * 32,
            user_id=MEMBER.user_id,
            created_at=NOW,
            expires_at=Instant(NOW + 3600),
        )
        for number in range(3)
    ]
    assert await administered.served.store.apply([AddSession(session) for session in sessions]) == Applied()
    path = f"{USERS}/{MEMBER.user_id}/sessions"

    async def listed() -> list[str]:
        items = (await administered.ask(OPERATOR, "GET", path)).json()["items"]
        return [session["session_id"] for session in items]

    assert await listed() == ["session_0", "session_1", "session_2"]
    assert (await administered.ask(OPERATOR, "DELETE", f"{path}/session_1")).status == 204
    assert await listed() == ["session_0", "session_2"]
    assert (await administered.ask(OPERATOR, "DELETE", path)).status == 204
    assert await listed() == []


async def test_an_organisations_life(administered: Administered) -> None:
    new = await administered.ask(OPERATOR, "POST", ORGANISATIONS, {"organisation": "123456789", "name": "Ny AS"})
    path = f"{ORGANISATIONS}/123456789"

    renamed = await administered.ask(OPERATOR, "PATCH", path, {"name": "Nyere AS"}, if_match='"1"')
    same = await administered.ask(OPERATOR, "PATCH", path, {}, if_match="*")
    nameless = await administered.ask(OPERATOR, "PATCH", path, {"name": None}, if_match="*")
    disabled = await administered.ask(OPERATOR, "POST", f"{path}/disable")
    enabled = await administered.ask(OPERATOR, "POST", f"{path}/enable")
    shown = await administered.ask(OPERATOR, "GET", path)

    assert (new.status, new.json()["name"], new.header("etag")) == (201, "Ny AS", '"1"')
    assert (renamed.json()["name"], same.json()["name"], nameless.status) == ("Nyere AS", "Nyere AS", 400)
    assert (disabled.json()["enabled"], enabled.json()["enabled"]) == (False, True)
    assert shown.header("etag") == enabled.header("etag")


async def test_an_administrator_says_who_belongs_to_the_organisation(administered: Administered) -> None:
    members = f"{ORGANISATIONS}/{BAKERY}/members"
    other = OTHERS_ADMINISTRATOR

    async def ask(method: str, path: str, sent: object = ...) -> Answer:
        return await administered.ask(ADMINISTRATOR, method, path, sent)

    code = member_code(administered.served.application._pepper, ACME.name, other.user_id, NOW).reveal()
    added = await ask("POST", members, {"user": code, "administrator": True})
    again = await administered.ask(OPERATOR, "POST", members, {"user": code})
    assert again.json() == added.json()
    assert (added.status, added.json()["administrator"]) == (201, True)
    taken = await ask("PATCH", f"{members}/{other.user_id}", {"administrator": False})
    assert taken.json()["administrator"] is False
    listed = (await ask("GET", members)).json()["items"]
    assert {member["email"] for member in listed} == {ADMINISTRATOR.email, MEMBER.email, other.email}
    shown = await administered.ask(OPERATOR, "GET", f"{USERS}/{other.user_id}")
    assert {each["organisation"] for each in shown.json()["memberships"]} == {BAKERY, FOUNDRY}
    assert (await ask("DELETE", f"{members}/{other.user_id}")).status == 204
    assert (await ask("DELETE", f"{members}/{other.user_id}")).status == 404
    assert (await ask("PATCH", f"{members}/{DEVELOPER.user_id}", {"administrator": True})).status == 404


async def test_the_code_of_somebody_who_is_disabled_is_none_to_an_administrator(administered: Administered) -> None:
    members, other = f"{ORGANISATIONS}/{BAKERY}/members", OTHERS_ADMINISTRATOR
    sent = {"user": member_code(administered.served.application._pepper, ACME.name, other.user_id, NOW).reveal()}
    await administered.ask(OPERATOR, "POST", f"{USERS}/{other.user_id}/disable")

    refused = await administered.ask(ADMINISTRATOR, "POST", members, sent)
    added = await administered.ask(OPERATOR, "POST", members, sent)

    assert (refused.status, added.status) == (400, 201)


async def test_A9_an_administrator_learns_of_no_address_or_id_whether_somebody_has_it(
    administered: Administered,
) -> None:
    members = f"{ORGANISATIONS}/{BAKERY}/members"

    async def told(method: str, path: str, sent: object = ...) -> tuple[int, str]:
        answer = await administered.ask(ADMINISTRATOR, method, path, sent)
        return answer.status, answer.json()["detail"]

    known, unknown = DEVELOPER, ("nobody@example.no", "user_nobody")
    added = {await told("POST", members, {"user": name}) for name in (known.email, known.user_id, *unknown)}
    changed = {
        await told("PATCH", f"{members}/{name}", {"administrator": True}) for name in (known.user_id, unknown[1])
    }
    removed = {await told("DELETE", f"{members}/{name}") for name in (known.user_id, unknown[1])}

    assert [status for status, _ in added] == [400]
    assert [status for status, _ in changed] == [404]
    assert [status for status, _ in removed] == [404]
    assert {each["email"] for each in (await administered.ask(ADMINISTRATOR, "GET", members)).json()["items"]} == {
        ADMINISTRATOR.email,
        MEMBER.email,
    }


async def test_users_organisations_and_members_come_in_pages(administered: Administered) -> None:
    for number in range(3):
        await made(administered, email=f"ola{number}@example.no")
        await administered.ask(OPERATOR, "POST", ORGANISATIONS, {"organisation": f"55{number}", "name": "Like"})

    async def every(path: str, query: str, name: str) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            page = (await administered.ask(OPERATOR, "GET", path, query=f"{query}&limit=1{after}")).json()
            found += [each[name] for each in page["items"]]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    users = await every(USERS, "", "email")
    assert len(users) == len(set(users)) > 8
    assert await every(USERS, "search=OLA", "email") == [f"ola{number}@example.no" for number in range(3)]
    assert await every(ORGANISATIONS, "", "organisation") == sorted([BAKERY, FOUNDRY, "550", "551", "552"])
    assert await every(ORGANISATIONS, "search=li", "organisation") == ["550", "551", "552"]
    assert await every(ORGANISATIONS, "search=55", "organisation") == ["550", "551", "552"]
    assert len(await every(f"{ORGANISATIONS}/{BAKERY}/members", "", "user_id")) == 2


async def test_a_search_goes_on_where_it_was_though_the_last_one_is_called_something_else(
    administered: Administered,
) -> None:
    for number in range(3):
        await administered.ask(OPERATOR, "POST", ORGANISATIONS, {"organisation": f"55{number}", "name": "Like"})
    found = []
    after = ""

    for number in range(3):
        page = (await administered.ask(OPERATOR, "GET", ORGANISATIONS, query=f"search=li&limit=1{after}")).json()
        found += [each["organisation"] for each in page["items"]]
        name = {"name": ("Zebra", "Ape")[number % 2]}
        await administered.ask(OPERATOR, "PATCH", f"{ORGANISATIONS}/55{number}", name, if_match="*")
        after = f"&after={page['next']}"

    assert found == ["550", "551", "552"]


async def test_somebody_is_invited_and_another_password_is_chosen_by_a_link(administered: Administered) -> None:
    wish = {"email": "ny@example.no", "locale": "nb", "roles": ["developer"]}

    invited = await administered.ask(OPERATOR, "POST", "/issuers/acme/invitations", wish)
    again = await administered.ask(OPERATOR, "POST", "/issuers/acme/invitations", {"email": wish["email"]})
    reset = await administered.ask(OPERATOR, "POST", f"{USERS}/{MEMBER.user_id}/reset")
    waiting: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await administered.ask(OPERATOR, "GET", "/issuers/acme/invitations", query=f"limit=1{after}")).json()
        waiting += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert (invited.status, invited.json()["purpose"], reset.json()["purpose"]) == (201, "invited", "reset")
    assert invited.json()["url"].startswith(f"{ACME.url}/")
    assert again.json()["user_id"] == invited.json()["user_id"]
    assert {link["url"] for link in waiting} == {again.json()["url"], reset.json()["url"]}
    shown = await administered.ask(OPERATOR, "GET", f"{USERS}/{invited.json()['user_id']}")
    assert (shown.json()["locale"], shown.json()["roles"]) == ("nb", ["developer"])
    log = await administered.ask(OPERATOR, "GET", "/issuers/acme/audit")
    assert invited.json()["url"].rpartition("=")[2].rpartition("/")[2] not in log.body.decode()
