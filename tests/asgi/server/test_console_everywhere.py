"""What holds for every page and form of the console and of a user's settings, found by following their links."""

from __future__ import annotations

import html
import re
import shlex
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from administered import ACME, ADMINISTRATOR, BAKERY, COMPANYS_PROGRAM, DEVELOPER, MEMBER, OPERATOR
from asgi_driver import call
from browsers import signed_in
from builders import NOW
from issuing import LUCA, a_client, known
from people_served import KARI
from portvakt.model.behalf_change import EndSession
from portvakt.model.change import AddOrganisation, AddUser, Applied, SetOrganisationDisabled, SetUser, SetUserDisabled
from portvakt.model.nouns import Organisation, User
from portvakt.model.values import OrganisationNumber, UserId

if TYPE_CHECKING:
    from administered import Administered, Role
    from html_pages import Form, Page
    from people_served import Browser, Served
    from portvakt.model.change import Change

USERS = "/admin/acme/users"
ROOTS = {OPERATOR: "/admin", DEVELOPER: "/acme/settings", ADMINISTRATOR: "/acme/settings"}
EVERYBODY = pytest.mark.parametrize("role", ROOTS, ids=lambda role: role.label)
_ID = re.compile(r"/(?:client|user|oauth)_[^/]+|/[0-9]{9}")


@dataclass(frozen=True)
class Found:
    """The pages that somebody finds, by path, and each of their forms once."""

    pages: dict[str, Page]
    forms: list[Form]


async def every_page(browser: Browser, root: str, first: str = "", *, once: bool = True) -> Found:
    """Follow all links below `root`, from `first` on; `once`: of pages that differ in their ids alone, to one."""
    waiting, pages, seen, forms = [first or root], dict[str, "Page"](), set[str](), dict[tuple[str, str], "Form"]()
    while waiting:
        path = waiting.pop(0)
        page = pages[path] = await browser.get(path)
        for form in page.forms:
            kind = _ID.sub("/ID", urlsplit(form.action).path)
            if kind.startswith(root):
                forms.setdefault((kind, form.fields.get("do", "")), form)
        for link in page.links:
            kind = _ID.sub("/ID", urlsplit(link).path) if once else link
            if urlsplit(link).path.startswith(root) and kind not in seen:
                seen.add(kind)
                waiting.append(link)
    return Found(pages, list(forms.values()))


def what_is_kept(administered: Administered) -> set[str]:
    """Return all rows, but those of refused requests, which are written whenever it suits."""
    with closing(sqlite3.connect(administered.served.path)) as connection:
        return {line for line in connection.iterdump() if "refusals" not in line[:60]}


def pressed(form: Form, **more: str) -> dict[str, str]:
    """Return what a browser sends once the first button of a form is pressed."""
    chosen = {name: values[0] for name, values in form.choices.items() if name not in form.fields}
    return {**form.fields, **chosen, **more}


@EVERYBODY
async def test_U1_no_form_of_any_page_is_taken_from_elsewhere(administered: Administered, role: Role) -> None:
    other, old = await signed_in(administered, role), await signed_in(administered, role)
    theirs = (await every_page(other, ROOTS[role])).forms[0].fields["csrf"]
    olds = (await every_page(old, ROOTS[role])).forms[0].fields["csrf"]
    await old.submit((await old.get(f"{old.root}/logout")).form("/logout"))
    browser = await signed_in(administered, role)
    forms = (await every_page(browser, ROOTS[role])).forms
    before = what_is_kept(administered)

    async def posted(form: Form, csrf: str | None = None, **headers: str) -> int:
        return (
            await browser.post(form.action, pressed(form, **({} if csrf is None else {"csrf": csrf})), **headers)
        ).status

    assert len(forms) > 5
    for form in forms:
        statuses = [await posted(form, "")]
        if "/acme/" in form.action:
            statuses += [
                *[await posted(form, csrf) for csrf in ("x", theirs, olds)],
                await posted(form, origin="https://evil.example"),
                await posted(form, origin="null"),
                await posted(form, sec_fetch_site="cross-site"),
                await posted(form, sec_fetch_site="same-site"),
                await posted(form, content_type="text/plain"),
            ]
        assert set(statuses) == {403}, (form.action, form.fields.get("do"), statuses)
    assert what_is_kept(administered) == before


async def test_U1_no_form_of_a_users_own_pages_is_taken_from_elsewhere(people: Served) -> None:
    await people.tokens(LUCA)
    browser, other = people.browser(LUCA), people.browser(LUCA)
    for each in (browser, other):
        await each.log_in(KARI)
    paths = ("/account", "/connected", "/sessions", "/api-keys", "/logout")
    forms = [form for path in paths for form in (await browser.get(path)).forms]
    theirs = {form.action: form.fields["csrf"] for path in paths for form in (await other.get(path)).forms}
    before = people.serving.rows(), await states(people)

    assert {form.action for form in forms} >= {"/connected", "/sessions", "/api-keys", "/logout"}
    for form in forms:
        pages = [
            *[await browser.post(form.action, pressed(form, csrf=csrf)) for csrf in ("", "x", theirs[form.action])],
            *[
                await browser.post(form.action, pressed(form), origin=origin)
                for origin in ("null", "https://evil.example")
            ],
            *[
                await browser.post(form.action, pressed(form), sec_fetch_site=site)
                for site in ("cross-site", "same-site")
            ],
            await browser.post(form.action, pressed(form), content_type="text/plain"),
        ]
        assert [page.status for page in pages] == [403] * 8, (form.action, form.fields.get("do"))
    assert (people.serving.rows(), await states(people)) == before


async def states(people: Served) -> list[object]:
    """Return what a user's pages may end."""
    store, who = people.store, KARI.user_id
    return [await store.sessions_of(LUCA.name, who), await store.grants_of_user(LUCA.name, who)]


async def raw(browser: Browser, method: str, path: str, **headers: str) -> dict[str, str]:
    """Return the headers of an answer, and its status under "status"."""
    parts = urlsplit(path)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = {"host": urlsplit(browser.issuer.url).netloc, "cookie": cookie, **headers}
    answer = await call(browser.served.application, method, parts.path, headers=head, query=parts.query)
    return {**dict(answer.headers), "status": str(answer.status)}


@EVERYBODY
async def test_U4_H3_H7_every_page_is_in_no_frame_runs_nothing_and_is_read_from_nowhere_else(
    administered: Administered, role: Role
) -> None:
    browser = await signed_in(administered, role)
    pages = list((await every_page(browser, ROOTS[role])).pages)
    none, stranger = f"{ROOTS[role]}/nothing", await signed_in(administered, MEMBER)

    answers = [await raw(browser, "GET", path, origin="https://evil.example") for path in (*pages, none)]
    answers.append(await raw(stranger, "GET", "/acme/settings", origin="https://evil.example"))

    assert len(pages) > 7
    for said in answers:
        assert (said["x-frame-options"], said["x-content-type-options"]) == ("DENY", "nosniff")
        assert said["cache-control"] == "no-store"
        assert said["vary"] == "Cookie, Authorization"
        assert said["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in said["content-security-policy"]
        assert "default-src 'none'" in said["content-security-policy"]
        assert "'unsafe" not in said["content-security-policy"]
        if said["content-type"].startswith("text/html"):
            assert said["strict-transport-security"] == "max-age=31536000"
            assert "camera=()" in said["permissions-policy"]
            assert "script-src 'self';" in said["content-security-policy"]
        assert not [name for name in said if name.startswith("access-control-")]
    (script,) = re.findall(r'<script src="([^"]+)" defer></script>', (await browser.get(pages[0])).text)
    served = await raw(browser, "GET", script)
    assert (served["status"], served["content-type"]) == ("200", "text/javascript; charset=utf-8")
    asking = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for path in pages:
        preflight = await raw(browser, "OPTIONS", path, **asking)
        assert (preflight["status"], [name for name in preflight if name.startswith("access-control-")]) == ("405", [])


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}${7*7}javascript:alert(3)"
HIDDEN = "Luca\u202egnp.exe\u200b\u2066 Regn\u0000skap\r\nSet-Cookie: a=b" + "x" * 10_000


def named_by_strangers(name: str, label: str) -> list[Change]:
    """Return the changes that give a user, an organisation and its client such a name, as no form would take it."""
    number = OrganisationNumber("999888777")
    user = User(
        id=UserId(f"user_{label}"),
        issuer=ACME.name,
        email=f"{name[:200]}@x",
        roles=frozenset({name[:60]}),
        created_at=NOW,
    )
    return [
        AddUser(user),
        AddOrganisation(Organisation(issuer=ACME.name, number=number, name=name, created_at=NOW)),
        *a_client(ACME, label, owner=user.id, name=name, description=name, organisation=number),
    ]


@pytest.mark.parametrize("name", [HOSTILE, HIDDEN.replace("\x00", "")], ids=["markup", "hidden"])
async def test_W1_W2_a_strangers_names_are_text_on_every_page(administered: Administered, name: str) -> None:
    assert await administered.served.store.apply(named_by_strangers(name, "hostile")) == Applied()
    browser = await signed_in(administered, OPERATOR)

    pages = (await every_page(browser, "/admin/acme", USERS, once=False)).pages

    email, role = f"{name[:200]}@x", name[:60]
    assert len([path for path, page in pages.items() if "alert(1)" in page.text or "gnp.exe" in page.text]) >= 8
    for path, page in pages.items():
        if ".csv" in path or ".jsonl" in path:
            continue
        assert not re.search(r'<script(?! src="/)|<img|onerror=alert\(2\)>', page.text), path
        assert "49" not in re.findall(r"\{?\{?7\*7|\b49\b", page.text), path
        commands = [html.unescape(code) for code in re.findall(r"<code>(.*?)</code>", page.text, re.DOTALL)]
        for command in (code for code in commands if code.startswith("portvakt ")):
            words = [word for word in shlex.split(command) if "alert(1)" in word or "gnp.exe" in word]
            assert set(words) <= {name, email, role}, (path, command)  # pasted into a shell, a name is one word
        told = re.sub(
            r' value="[^"]*"|<(textarea|code).*?</\1>', "", page.text, flags=re.DOTALL
        )  # what is kept as it is
        assert not re.search("[\u202e\u200b\u2066]|x{1500}", html.unescape(told)), path
        assert not [link for link in page.links if link.lower().startswith("javascript:")], path


async def test_W2_no_door_takes_a_name_that_hides_something(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    new = (await browser.get("/admin/acme/clients/new")).form("/new")
    company = (await browser.get("/admin/acme/organisations")).form("/organisations")
    users = (await browser.get("/admin/acme/users")).form("/users")
    before = what_is_kept(administered)

    nowhere = await administered.ask(OPERATOR, "POST", "/issuers/acme/clients", {"name": "x", "organisation": "1"})
    assert nowhere.status == 404
    for name in ("a\u202eb", "a\u200bb", "a\nb", "a\x00b", " a", "x" * 10_000):
        sent: list[tuple[str, dict[str, Any]]] = [
            ("clients", {"name": name}),
            ("clients", {"name": "x", "redirect_uris": [name]}),
            ("organisations", {"organisation": "315555555", "name": name}),
            ("users", {"email": f"a{name}@example.no"}),
            ("users", {"email": "a@example.no", "roles": [name]}),
        ]
        for kind, wish in sent:
            answer = await administered.ask(OPERATOR, "POST", f"/issuers/acme/{kind}", wish)
            assert answer.status == 400, (kind, name[:9])
        if name != " a":  # a form's fields are taken without the spaces at their ends
            pages = [
                await browser.submit(new, name=name),
                await browser.submit(company, number="315555555", name=name),
                await browser.submit(users, email=f"a{name}@example.no"),
            ]
            assert {page.status for page in pages} <= {400, 403}, name[:9]  # 403: it is no form at all
    administered.tokens.clear()
    assert what_is_kept(administered) == before


QUOTED = ("' OR '1'='1", "x'; DROP TABLE clients; --", '"\\%_', "\x00", "%", "\ud7ff\uffff", "9" * 300)
QUERIES = {
    "/admin/acme/users": ("q", "after"),
    "/admin/acme/users?q=a": ("after",),
    "/admin/acme/clients": ("q", "after"),
    "/admin/acme/clients?q=a": ("after",),
    "/admin/acme/organisations": ("q", "after"),
    "/admin/acme/organisations?q=a": ("after",),
    f"/admin/acme/organisations/{BAKERY}": ("after", "done"),
    f"/admin/acme/organisations/{BAKERY}/clients": ("after",),
    "/admin/acme/clients/new": ("owner", "organisation"),
    "/admin/acme/log": ("client", "user", "organisation", "actor", "act", "day", "before"),
    "/admin/acme/log.csv": ("client", "user", "actor"),
}


@pytest.mark.parametrize("text", QUOTED, ids=range(len(QUOTED)))
async def test_W5_Z8_what_sql_would_read_is_a_text_in_every_query_and_form_of_the_console(
    administered: Administered, text: str
) -> None:
    browser = await signed_in(administered, OPERATOR)
    forms = (await every_page(browser, "/admin/acme", USERS)).forms
    tables = administered.served.rows().keys()

    for path, names in QUERIES.items():
        for name in names:
            page = await browser.get(f"{path}{'&' if '?' in path else '?'}{name}={quote(text)}")
            assert page.status in {200, 400, 404}, (path, name, page.status)
    for form in forms:
        hostile = {name: text for name in pressed(form) if name not in {"csrf", "do"}}
        page = await browser.post(form.action, {**pressed(form), **hostile})
        assert page.status < 500, (form.action, form.fields.get("do"), page.status)
    assert administered.served.rows().keys() == tables
    assert (await browser.get("/admin/acme/users")).status == 200


def shown_once(page: Page, field: str) -> str:
    """Return what stands in a field that is there to be copied."""
    found = re.search(rf'id="{field}"[^>]* value="([^"]+)"', page.text)
    assert found, page.heading
    return html.unescape(found[1])


@EVERYBODY
async def test_K4_K5_a_secret_is_on_the_page_that_makes_it_and_on_no_other(
    administered: Administered, role: Role
) -> None:
    browser = await signed_in(administered, role)
    forms = (await every_page(browser, ROOTS[role])).forms
    secrets, links = [], []
    for form in (form for form in forms if "/acme/" in form.action):
        if "grace" in form.fields or form.action.endswith("/new"):
            secrets.append(shown_once(await browser.submit(form, name="A program"), "client_secret"))
        elif form.action.endswith("/users"):
            link = shown_once(await browser.submit(form, email="new@example.no"), "link")
            links.append(link.rpartition("=")[2])

    pages = (await every_page(browser, ROOTS[role], once=False)).pages

    everything = "\n".join(path + html.unescape(page.text) + str(page.headers) for path, page in pages.items())
    assert (len(secrets), len(links)) == (2, 1 if role is OPERATOR else 0)
    kept = "\n".join(what_is_kept(administered))
    assert not [secret for secret in (*secrets, *links) if secret in everything or secret in kept]
    administered.served.secrets |= {*secrets, *links}  # which the log is searched for
    assert all(f"…{secret[-4:]}" in everything for secret in secrets)


@pytest.mark.parametrize(
    ("role", "ends"),
    [
        (OPERATOR, "disabled"),
        (DEVELOPER, "disabled"),
        (OPERATOR, "session"),
        (DEVELOPER, "session"),
        (OPERATOR, "role"),
        (DEVELOPER, "role"),
    ],
)
async def test_G7_a_session_on_the_console_ends_with_what_it_rests_on(
    administered: Administered, role: Role, ends: str
) -> None:
    store, browser = administered.served.store, await signed_in(administered, role)
    form = (await every_page(browser, ROOTS[role])).forms[0]
    user = await store.user(role.issuer.name, role.user_id)
    assert user is not None
    (session,) = await store.sessions_of(role.issuer.name, role.user_id)
    changes: dict[str, list[Change]] = {
        "disabled": [SetUserDisabled(role.issuer.name, role.user_id, NOW)],
        "session": [EndSession(role.issuer.name, session.id, NOW)],
        "role": [SetUser(replace(user, roles=frozenset()))],
    }
    assert await store.apply(changes[ends]) == Applied()
    before = what_is_kept(administered)

    answers = [await browser.get(ROOTS[role]), await browser.post(form.action, pressed(form))]

    if ends == "role":
        assert [page.status for page in answers] == [403, 403]
    else:
        assert [urlsplit(page.location).path for page in answers] == [f"{browser.root}/login"] * 2
    assert what_is_kept(administered) == before


async def test_G7_who_administers_an_organisation_that_is_disabled_looks_after_nothing_of_it(
    administered: Administered,
) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)
    theirs = f"/acme/settings/advanced/{known(ACME, COMPANYS_PROGRAM.label).client_id}"
    form = (await browser.get(theirs)).forms[0]
    assert await administered.served.store.apply([SetOrganisationDisabled(ACME.name, BAKERY, NOW)]) == Applied()

    pages = [await browser.get("/acme/settings"), await browser.get(theirs), await browser.post(theirs, pressed(form))]

    assert [page.status for page in pages] == [403, 403, 403]
