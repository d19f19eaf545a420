"""The console: who may be there, what its forms do, and what they do not."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from administered import ACME, BAKERY, DEVELOPER, OPERATOR, OTHER, OWN
from browsers import a_browser, admin, signed_in
from builders import NOW
from issuing import OWNER, a_client, known
from portvakt.model.change import AddOrganisation, AddUser, Applied, DeleteClient
from portvakt.model.nouns import Organisation, User
from portvakt.model.values import ClientId, OrganisationNumber, UserId
from portvakt.server.admin_api_quota import CHANGES

if TYPE_CHECKING:
    from administered import Administered, Role
    from html_pages import Form, Page
    from people_served import Browser
    from portvakt.model.change import Change
    from portvakt.model.nouns import ClientFacts
    from portvakt.store import Store

CLIENTS = f"/admin/{ACME.name}/clients"
MAIN = f"{CLIENTS}/{known(ACME).client_id}"
QUARTER = 15 * 60


def form_that(page: Page, do: str) -> Form:
    """Return the first form of a page that does something."""
    return next(form for form in page.forms if form.fields.get("do") == do)


async def shown_secret(page: Page) -> str:
    found = re.search(r'id="client_secret"[^>]* value="([^"]+)"', page.text)
    assert found, page.heading
    return found[1]


async def facts(administered: Administered, client_id: str = known(ACME).client_id) -> ClientFacts:
    found = await administered.served.store.client_facts(ACME.name, ClientId(client_id))
    assert found is not None
    return found


# --- who may be there -------------------------------------------------------------------------------------------------


async def test_who_is_not_logged_in_logs_in_and_comes_to_the_page_that_they_asked_for(
    administered: Administered,
) -> None:
    browser = await a_browser(administered, OPERATOR)

    asked = await browser.get(f"{CLIENTS}?q=ma")
    page = await browser.log_in(admin(OPERATOR), await browser.get(asked.location))

    assert asked.location == f"/portvakt/login?return_to={CLIENTS}%3Fq%3Dma"
    assert page.heading == "OAuth clients"


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        f"/admin/{ACME.name}/users",
        CLIENTS,
        MAIN,
        f"{CLIENTS}/new",
        *(f"/admin/{ACME.name}/{room}" for room in ("refusals", "refusals/x", "keys", "outbox", "log")),
    ],
)
async def test_Z2_a_user_of_the_installation_who_is_no_operator_is_shown_nothing(
    administered: Administered, path: str
) -> None:
    nobody = User(id=UserId("user_plain"), issuer=OWN.name, email="plain@example.no", created_at=NOW)
    assert await administered.served.store.apply([AddUser(nobody)]) == Applied()
    browser = await signed_in(administered, OPERATOR, email=nobody.email, user_id=nobody.id)

    page = await browser.get(path)
    posted = await browser.post(path, {"do": "delete"})

    assert [page.status, posted.status] == [403, 403]
    assert page.heading == "This is for operators"
    assert not [link for link in page.links if link.startswith("/admin/")]


async def test_the_root_leads_to_the_console_and_says_nothing_of_the_issuers(administered: Administered) -> None:
    browser = await a_browser(administered, OPERATOR)

    page = await browser.get("/")

    assert (page.status, page.heading, page.links) == (200, "This server gives out access tokens", ["/admin"])
    assert ACME.name not in page.text


async def test_Z2_a_session_of_another_issuer_is_none_here(administered: Administered) -> None:
    browser = await signed_in(administered, DEVELOPER)

    page = await browser.get("/admin")

    assert urlsplit(page.location).path == "/portvakt/login"


async def test_no_other_issuers_log_in_leads_to_the_console(administered: Administered) -> None:
    browser = await a_browser(administered, DEVELOPER)

    page = await browser.log_in(admin(DEVELOPER), await browser.get("/acme/login?return_to=/admin"))

    assert page.heading == "Your account"


@pytest.mark.parametrize(
    "path",
    [
        "/admin/nowhere",
        "/admin/nowhere/users",
        f"/admin/{ACME.name}/nothing",
        f"/admin/{ACME.name}/users/user_none",
        f"/admin/{ACME.name}/users/{OWNER}/nothing",
        f"/admin/{ACME.name}/organisations/1",
        f"/admin/{ACME.name}/organisations/{BAKERY}/nothing",
        f"/admin/{ACME.name}/log/1",
        f"/admin/{ACME.name}/refusals/none",
        f"/admin/{ACME.name}/keys/1",
        f"/admin/{ACME.name}/outbox/1",
        f"{CLIENTS}/client_none",
        f"{CLIENTS}/client_none/change",
        f"{MAIN}/nothing",
        f"/admin/{OTHER.name}/clients/{known(ACME).client_id}",
        "/admin/%00/users",
        "/admin//users",
        "/admin/a/b/c/d/e/f/g/h",
    ],
)
async def test_what_is_not_there_is_said_not_to_be(administered: Administered, path: str) -> None:
    browser = await signed_in(administered, OPERATOR)

    page = await browser.get(path)

    assert (page.status, page.heading) == (404, "There is no such page")


async def test_an_issuers_own_address_leads_to_its_users(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)

    assert (await browser.get(f"/admin/{ACME.name}")).location == f"/admin/{ACME.name}/users"
    assert f"/admin/{OTHER.name}/users" in (await browser.get("/admin")).links


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["csrf", "origin", "site"])
async def test_U1_a_form_from_elsewhere_changes_nothing(administered: Administered, how: str) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = form_that(await browser.get(MAIN), "disable")
    fields = {**form.fields, **({"csrf": "x"} if how == "csrf" else {})}
    headers = {"origin": {"origin": "https://evil.example"}, "site": {"sec_fetch_site": "cross-site"}}.get(how, {})

    pages = [await browser.post(path, fields, **headers) for path in (MAIN, f"{MAIN}/change", f"{CLIENTS}/new")]

    assert [page.status for page in pages] == [403, 403, 403]
    assert (await facts(administered)).client.disabled_at is None


@pytest.mark.parametrize("role", [OPERATOR, DEVELOPER])
async def test_whoever_posts_forms_without_end_changes_nothing_more_within_the_minute(
    administered: Administered, role: Role
) -> None:
    own = role is DEVELOPER
    at = "/acme/settings/advanced/" + known(ACME, DEVELOPER.label).client_id if own else MAIN
    browser = await signed_in(administered, role)
    form = form_that(await browser.get(at), "disable")
    windows, who = administered.served.application._failures, ACME.name if own else OWN.name
    for _ in range(CHANGES.limit - 1):
        windows.take(("administration", "forms", who, role.user_id), CHANGES, NOW)

    last, refused = [await browser.submit(form) for _ in range(2)]

    assert (last.status, refused.status, refused.header("retry-after")) == (303, 429, "60")
    assert (await browser.get(at)).status == 200


async def test_Z6_a_form_that_is_posted_twice_acts_once(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = form_that(await browser.get(MAIN), "rotate")

    first, second = [await browser.submit(form) for _ in range(2)]

    assert [first.status, second.status] == [200, 412]
    assert "somebody else changed the client meanwhile" in second.text
    assert len((await facts(administered)).secrets) == 2


async def test_what_is_dangerous_needs_a_log_in_of_the_last_quarter_of_an_hour(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    administered.served.clock.advance(QUARTER + 1)
    page = await browser.get(MAIN)
    acts = [form_that(page, do) for do in ("revoke", "disable", "delete")]
    rotation = form_that(page, "rotate")

    stopped = [await browser.submit(form, confirm="main") for form in acts]
    stopped.append(await browser.submit(rotation, grace="0"))
    gentle = await browser.submit(rotation)

    assert {page.location for page in stopped} == {f"/portvakt/login?return_to={MAIN}%3Fdone%3Dagain"}
    assert gentle.status == 200
    assert (await facts(administered)).client.disabled_at is None

    again = await browser.log_in(admin(OPERATOR), await browser.get(stopped[0].location))
    done = await browser.submit(form_that(again, "disable"))

    assert "You have logged in again" in again.text
    assert done.location == f"{MAIN}?done=disabled"
    assert (await facts(administered)).client.disabled_at is not None


@pytest.mark.parametrize("grace", ["0", "00", "1", "3599"])
async def test_a_session_that_lies_open_cuts_nobody_off_however_it_spells_the_grace(
    administered: Administered, grace: str
) -> None:
    browser = await signed_in(administered, OPERATOR)
    administered.served.clock.advance(QUARTER + 1)

    stopped = await browser.submit(form_that(await browser.get(MAIN), "rotate"), grace=grace)

    assert stopped.location == f"/portvakt/login?return_to={MAIN}%3Fdone%3Dagain"
    assert len((await facts(administered)).secrets) == 1


async def test_a_session_that_lies_open_gives_no_secret_that_administers(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    administered.served.clock.advance(QUARTER + 1)
    new = (await browser.get(f"/admin/{OWN.name}/clients/new")).form("/new")
    theirs = f"/admin/{OWN.name}/clients/{known(OWN, 'operator').client_id}"
    change = (await browser.get(f"{MAIN}/change")).form("/change")

    stopped = [
        await browser.submit(new, name="thief", scopes="portvakt:manage"),
        await browser.submit(change, scopes="portvakt:manage"),
        await browser.submit(form_that(await browser.get(theirs), "rotate"), grace="86400"),
    ]

    assert {page.location.partition("?")[0] for page in stopped} == {"/portvakt/login"}


async def test_a_client_is_made_for_a_user_and_its_secret_is_seen_once(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    page = await browser.get(f"{CLIENTS}/new?owner=owner%40example.com")

    made = await browser.submit(page.form("/new"), name="Nightly", scopes="read write", expires="30")
    secret = await shown_secret(made)
    administered.served.secrets.add(secret)
    client_id = re.search(r'id="client_id"[^>]* value="([^"]+)"', made.text)
    assert client_id
    row = await facts(administered, client_id[1])
    token = await administered.ask_for_token(ACME, client_id[1], secret)
    later = await browser.get(f"{CLIENTS}/{client_id[1]}")

    assert (row.client.name, row.client.owner, row.client.scopes) == ("Nightly", OWNER, ("read", "write"))
    assert row.secrets[0].expires_at == NOW + 30 * 86_400
    assert token.status == 200
    assert secret not in later.text
    assert f"…{secret[-4:]}" in later.text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "A client needs a name"),
        ({"owner": "nobody@example.no"}, "There is no such user."),
        ({"organisation": "999999999"}, "There is no such organisation."),
        ({"expires": "date", "until": "2020-01-01"}, "Choose when the secret ends"),
        ({"expires": "date", "until": "soon"}, "Choose when the secret ends"),
        ({"expires": "never"}, "Choose when the secret ends"),
        ({"token_quota": "many"}, "A quota is a number"),
        ({"authentication": "private_key_jwt"}, "Choose how the client authenticates"),
        ({"redirect_uris": "http://app.example/cb"}, "A redirect URI"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_filled_in_stays(
    administered: Administered, fields: dict[str, str], problem: str
) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(f"{CLIENTS}/new?owner=owner%40example.com")).form("/new")

    page = await browser.submit(form, **{"name": "Nightly", "description": "At night", **fields})

    assert page.status in {400, 404}
    assert problem in page.text
    assert page.form("/new").fields["description"] == "At night"


async def test_an_operator_has_a_client_of_their_own_and_an_organisation_its(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(f"{CLIENTS}/new")).form("/new")

    await browser.submit(form, name="Mine", token_quota="100/1h", expires="date", until="2031-01-01")
    await browser.submit(form, name="Theirs", owner=DEVELOPER.email, organisation=str(BAKERY))
    mine = await administered.served.store.find_clients(ACME.name, "Mine", None, 2)
    theirs = await browser.get(f"/admin/{ACME.name}/organisations/{BAKERY}/clients")

    assert [one.owner.email for one in mine] == [OPERATOR.email]
    assert mine[0].client.token_quota is not None
    assert "Theirs" in theirs.text


async def test_a_client_is_changed_and_the_log_tells_how(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(f"{MAIN}/change")).form("/change")

    done = await browser.submit(form, name="Renamed", description="New")
    late = await browser.submit(form, name="Late")
    log = await browser.get(f"/admin/{ACME.name}/log?client={known(ACME).client_id}")

    assert done.location == f"{MAIN}?done=changed"
    assert late.status == 412
    assert (await facts(administered)).client.name == "Renamed"
    assert "<del>main</del> <ins>Renamed</ins>" in log.text


async def test_the_log_names_a_client_and_leads_to_it_while_it_is_there(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    await browser.submit(form_that(await browser.get(MAIN), "disable"))
    path, link = f"/admin/{ACME.name}/log?act=client.disabled", f'<p><a href="{MAIN}"><bdi>main</bdi></a></p>'

    assert link in (await browser.get(path)).text
    await administered.served.store.apply([DeleteClient(ACME.name, ClientId(known(ACME).client_id), NOW)])
    log = await browser.get(path)

    assert f"<p><bdi>{known(ACME).client_id}</bdi></p>" in log.text
    assert f'href="{MAIN}"' not in log.text


async def test_a_secret_in_use_is_revoked_by_the_clients_name_alone(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    client = known(ACME)
    assert (await administered.ask_for_token(ACME, client.client_id, client.secret)).status == 200
    form = form_that(await browser.get(MAIN), "revoke")

    pages = [await browser.submit(form, confirm=name) for name in ("", "other")]
    done = await browser.submit(form, confirm="main")

    assert [page.status for page in pages] == [409, 400]
    assert "used within the last hour" in pages[0].text
    assert done.location == f"{MAIN}?done=revoked"
    assert (await administered.ask_for_token(ACME, client.client_id, client.secret)).status == 401


async def test_a_client_is_disabled_and_enabled_and_deleted_by_its_name(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    client = known(ACME)

    await browser.submit(form_that(await browser.get(MAIN), "disable"))
    refused = await administered.ask_for_token(ACME, client.client_id, client.secret)
    await browser.submit(form_that(await browser.get(MAIN), "enable"))
    given = await administered.ask_for_token(ACME, client.client_id, client.secret)
    form = form_that(await browser.get(MAIN), "delete")
    wrong = await browser.submit(form, confirm="Main")
    done = await browser.submit(form, confirm="main")

    assert [refused.status, given.status, wrong.status] == [401, 200, 400]
    assert done.location == CLIENTS
    assert (await browser.get(MAIN)).status == 404


async def test_a_form_that_says_nothing_does_nothing(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = form_that(await browser.get(MAIN), "disable")

    page = await browser.submit(form, do="explode")

    assert page.status == 400


# --- lists and the log ------------------------------------------------------------------------------------------------


async def walked(browser: Browser, path: str, store: Store) -> list[str]:
    """Return the links of a list, page after page; a client that is the last of its page is deleted."""
    found: list[str] = []
    at: str | None = path
    while at is not None:
        page = await browser.get(at)
        below = urlsplit(path).path + "/"
        found += [link for link in page.links if link.startswith(below) and link != f"{below}new"]
        at = next((link for link in page.links if "after=" in link), None)
        if "clients" in path:
            last = ClientId(found[-1].rpartition("/")[2])
            assert await store.apply([DeleteClient(ACME.name, last, NOW)]) == Applied()
    return found


@pytest.mark.parametrize("of", ["users", "users?q=many", "organisations?q=many", "clients?q=many"])
async def test_a_list_leads_on_to_its_end_also_behind_what_was_deleted(administered: Administered, of: str) -> None:
    browser = await signed_in(administered, OPERATOR)
    store = administered.served.store
    many: list[Change] = [
        AddUser(User(id=UserId(f"user_many{at}"), issuer=ACME.name, email=f"many{at}@example.no", created_at=NOW))
        for at in range(120)
    ]
    for at in range(120):
        number, owner = OrganisationNumber(f"7{at:03}"), DEVELOPER.user_id
        many += a_client(ACME, f"Many {at}", [], id=ClientId(f"client_many{at}"), owner=owner)
        many.append(AddOrganisation(Organisation(issuer=ACME.name, number=number, name=f"Many {at}", created_at=NOW)))
    assert await store.apply(many) == Applied()

    found = await walked(browser, f"/admin/{ACME.name}/{of}", store)

    assert len([link for link in found if "_many" in link or "/7" in link]) == 120
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"/admin/{ACME.name}/users?q=zzz", "Nothing found"),
        (f"/admin/{ACME.name}/users/{OWNER}", "Manage OAuth clients"),
        (f"/admin/{ACME.name}/users/{OWNER}/clients", "by-header"),
        (f"/admin/{ACME.name}/organisations", "Eksempelfjord"),
        (f"/admin/{ACME.name}/organisations?q=eks", "Eksempelfjord"),
        (f"/admin/{ACME.name}/organisations/{BAKERY}", "adm@example.no"),
        (f"{CLIENTS}?q=by-h", "by-header"),
        (f"/admin/{ACME.name}/log?day=2020-01-01", "Nothing to show"),
        (f"/admin/{ACME.name}/log?day=9999-12-31", "Audit log"),
        (f"/admin/{ACME.name}/log?day=never&act=none&before=x", "Audit log"),
    ],
)
async def test_each_list_and_page_shows_what_is_asked_for(administered: Administered, path: str, says: str) -> None:
    browser = await signed_in(administered, OPERATOR)

    page = await browser.get(path)

    assert page.status == 200
    assert says in page.text


async def test_K4_the_log_is_written_out_as_a_table_and_as_lines_without_a_secret(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    made = await browser.submit(form_that(await browser.get(MAIN), "rotate"))
    secret = await shown_secret(made)

    table = await browser.get(f"/admin/{ACME.name}/log.csv?client={known(ACME).client_id}")
    lines = await browser.get(f"/admin/{ACME.name}/log.jsonl?act=secret.created")

    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["act"] for row in rows] == ["secret.created", "secret.ended"]
    assert {row["actor"] for row in rows} == {OPERATOR.user_id}
    assert [json.loads(line)["act"] for line in lines.text.splitlines()] == ["secret.created"]
    assert secret not in table.text + lines.text
    assert table.header("content-disposition") == 'attachment; filename="acme-log.csv"'
