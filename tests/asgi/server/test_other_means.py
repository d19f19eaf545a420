"""What the console shows as API call and as command is an operation of the API, and a command that there is."""

from __future__ import annotations

import asyncio
import html
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from administered import ACME, ADMINISTRATOR, API, BAKERY, DEVELOPER, MEMBER, OPERATOR
from browsers import signed_in
from builders import NOW
from issuing import INSTALLATION, known
from portvakt.model.values import OrganisationNumber
from portvakt.server.console_visit import day_begins
from shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from administered import Administered
    from html_pages import Page
    from portvakt.model.nouns import ClientSecret

ROOT = f"/admin/{ACME.name}"
SETTINGS = f"/{ACME.name}/settings"
DAY = 86_400
SHOWN = re.compile(r"<pre[^>]*><code>(.*?)</code></pre>", re.DOTALL)
INSTALLED = """\
[issuers.acme]
provider = "standard"
url = "https://id.example/acme"
api_url = "https://id.example/acme"
algorithm = "ES256"
"""
CLIENT = f"{ROOT}/clients/{known(ACME).client_id}"
PAGES = (
    f"{ROOT}/users?q=dev",
    f"{ROOT}/users/{DEVELOPER.user_id}",
    f"{ROOT}/users/{DEVELOPER.user_id}/clients",
    f"{ROOT}/organisations?q=eks",
    f"{ROOT}/organisations/{BAKERY}",
    f"{ROOT}/organisations/{BAKERY}/clients",
    f"{ROOT}/clients",
    f"{ROOT}/clients?q=main",
    f"{ROOT}/clients/new?owner=dev%40example.no&organisation={BAKERY}",
    CLIENT,
    f"{CLIENT}/change",
    f"{ROOT}/refusals?client={known(ACME).client_id}",
    f"{ROOT}/keys",
    f"{ROOT}/outbox",
    f"{ROOT}/log?client=x&act=client.created&user=u&organisation={BAKERY}&actor=a&day=2026-11-22",
    f"{ROOT}/keys",
    f"{ROOT}/outbox",
)
THEIRS = (
    f"{SETTINGS}/organisations/{BAKERY}",
    f"{SETTINGS}/advanced",
    f"{SETTINGS}/advanced/new",
    f"{SETTINGS}/log?organisation={BAKERY}",
)


async def shown(administered: Administered) -> set[str]:
    """Return every text that the pages show for pasting."""
    found: set[str] = set()
    for role, paths in ((OPERATOR, PAGES), (ADMINISTRATOR, THEIRS)):
        browser = await signed_in(administered, role)
        for path in paths:
            page = await browser.get(path)
            assert page.status == 200, path
            texts = SHOWN.findall(page.text)
            assert texts, path
            found |= {html.unescape(text) for text in texts}
    return found


async def test_each_api_call_is_one_of_the_document_with_parameters_that_it_names(administered: Administered) -> None:
    calls = [shlex.split(text.replace("\\\n", "")) for text in await shown(administered) if text.startswith("curl")]

    unknown = []
    for words in calls:
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        url = urlsplit(next(word for word in words if word.startswith("https://")))
        operation = await administered._operation(method, url.path.removeprefix(API))
        named = {one.get("name") for one in (operation or {}).get("parameters", ())}
        asked = {name for name, _ in parse_qsl(url.query)}
        if operation is None or not asked <= named or ("-d" in words) is not ("requestBody" in operation):
            unknown.append((words, sorted(asked - named)))

    assert len(calls) >= len(PAGES)
    assert unknown == []


async def test_each_command_is_there_with_the_options_that_are_shown(
    administered: Administered, tmp_path: Path
) -> None:
    commands = [shlex.split(text) for text in await shown(administered) if text.startswith("portvakt ")]
    shell = Shell(tmp_path)

    unknown = []
    for words in commands:
        told = shell.run(*(word for word in words[1:3] if not word.startswith("-")), "--help").stdout
        unknown += [words for word in words if word.startswith("--") and word not in told]

    assert len(commands) >= len(PAGES)
    assert unknown == []


async def test_what_a_link_carries_is_a_word_of_the_command_and_no_command(administered: Administered) -> None:
    """Somebody may be sent a link to the log, and paste what it shows."""
    browser = await signed_in(administered, OPERATOR)

    page = await browser.get(f"{ROOT}/log?client=x%3B+rm+-rf+%2F+%23&actor=%24%28id%29")
    curl, command, *_ = (html.unescape(text) for text in SHOWN.findall(page.text))

    assert shlex.split(command)[3:7] == ["--client", "x; rm -rf / #", "--actor", "$(id)"]
    assert shlex.split(curl.replace("\\\n", ""))[1].endswith("/audit?client=x%3B+rm+-rf+%2F+%23&actor=%24%28id%29")


# --- pasted -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paste:
    """Runs the commands that pages show, where the server's own settings are."""

    shell: Shell

    async def __call__(self, page: Page, begins: str, **filled: str) -> str:
        """Run the page's first command that begins so, with its places `filled`; return what it says."""
        commands = [html.unescape(text) for text in SHOWN.findall(page.text)]
        command = next(text for text in commands if text.startswith(f"portvakt {begins}"))
        words = [filled.get(word, word) for word in shlex.split(command)[1:]]
        return (await asyncio.to_thread(self.shell.run, *words)).stdout  # it has an event loop of its own


@pytest.fixture
def paste(administered: Administered, tmp_path: Path) -> Paste:
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "portvakt.toml").write_text(INSTALLED)
    database = f"sqlite:///{administered.served.path}"
    return Paste(Shell(folder, PORTVAKT_DATABASE=database, PORTVAKT_SECRET=INSTALLATION.reveal()))


async def test_the_commands_of_an_organisation_do_what_its_forms_do(administered: Administered, paste: Paste) -> None:
    browser, store = await signed_in(administered, OPERATOR), administered.served.store
    all_of_them, here = f"{ROOT}/organisations", f"{ROOT}/organisations/315555555"
    seen = []

    await paste(await browser.get(all_of_them), "organisation create", NUMBER="315555555", NAME="Ny AS")
    await paste(await browser.get(here), "organisation add-member", EMAIL=MEMBER.email)
    for verb in ("add-member 315555555 member", "add-member 315555555 member", "remove-member"):
        seen += [one.administrator for one in await store.members(ACME.name, OrganisationNumber("315555555"), None, 9)]
        await paste(await browser.get(here), f"organisation {verb}")
    await paste(await browser.get(here), "organisation disable")
    ended = await store.organisation(ACME.name, OrganisationNumber("315555555"))
    await paste(await browser.get(here), "organisation enable")
    after = await browser.get(here)

    assert seen == [False, True, False]
    assert ended is not None
    assert ended.disabled_at is not None
    assert "Nobody belongs to this organisation yet." in after.text
    assert "Disable organisation" in after.text


async def test_the_commands_of_a_user_do_what_their_forms_do(administered: Administered, paste: Paste) -> None:
    browser, theirs = await signed_in(administered, OPERATOR), await signed_in(administered, DEVELOPER)
    here, store = f"{ROOT}/users/{DEVELOPER.user_id}", administered.served.store

    link = await paste(await browser.get(f"{ROOT}/users"), "user invite", EMAIL="new@example.no")
    reset = await paste(await browser.get(here), "user reset-password")
    before = (await theirs.get("/acme/account")).heading
    await paste(await browser.get(here), "user end-session")
    after = await theirs.get("/acme/account")
    form = next(form for form in (await browser.get(here)).forms if form.fields.get("do") == "change")
    await browser.submit(form, roles="reader auditor")
    page = await browser.get(here)
    await browser.submit(form, version="2", roles="")
    await paste(page, "user update")
    changed = await store.user(ACME.name, DEVELOPER.user_id)
    await paste(await browser.get(here), "user disable")

    assert f"{ACME.url}/password?" in link
    assert f"{ACME.url}/password?" in reset
    assert before == "Your account"
    assert after.has_form("/login")
    assert changed is not None
    assert changed.roles == {"reader", "auditor"}
    assert "Enable user" in (await browser.get(here)).text


async def test_the_commands_of_a_client_do_what_its_forms_say(administered: Administered, paste: Paste) -> None:
    browser, store = await signed_in(administered, OPERATOR), administered.served.store
    form = (await browser.get(f"{ROOT}/clients/new")).form("/new")
    wanted = {
        "description": "At night",
        "owner": DEVELOPER.email,
        "scopes": "read write",
        "default_scopes": "read",
        "redirect_uris": "https://app.example/cb\r\nhttps://app.example/cb2",
        "authentication": "client_secret_basic",
        "token_quota": "100/1h",
        "expires": "date",
        "until": "2031-01-01",
    }

    page = await browser.submit(form, name="Nightly", **wanted)
    await paste(page, "client create")
    one, other = await store.find_clients(ACME.name, "Nightly", None, 9)
    page = await browser.get(f"{ROOT}/clients/{one.client.id}")
    rotation = next(form for form in page.forms if form.fields.get("do") == "rotate")
    await paste(await browser.submit(rotation, grace="3600", expires="90"), "client rotate-secret")
    rotated = await store.client_facts(ACME.name, one.client.id)
    assert rotated is not None
    newest = min(rotated.secrets, key=lambda each: each.created_at)  # commands are typed in real time, before NOW

    assert replace(other.client, id=one.client.id, created_at=NOW) == replace(one.client, created_at=NOW)
    assert {ends(secret) // DAY * DAY for facts in (one, other) for secret in facts.secrets} == {
        day_begins("2031-01-01")
    }
    assert {(ends(secret) - newest.created_at) // 3600 for secret in rotated.secrets} == {1, 90 * 24}


def ends(secret: ClientSecret) -> int:
    assert secret.expires_at is not None
    return secret.expires_at
