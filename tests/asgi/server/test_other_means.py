"""What the console shows as API call and as command is an operation of the API, and a command that there is."""

from __future__ import annotations

import html
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from administered import ACME, API, BAKERY, DEVELOPER, OPERATOR
from browsers import signed_in
from issuing import known
from shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from administered import Administered
    from people_served import Browser

ROOT = f"/admin/{ACME.name}"
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
    f"{ROOT}/log?client=x&act=client.created&user=u&organisation={BAKERY}&actor=a&day=2026-11-22",
)


async def shown(browser: Browser) -> set[str]:
    """Return every text that the pages show for pasting."""
    found: set[str] = set()
    for path in PAGES:
        page = await browser.get(path)
        assert page.status == 200, path
        texts = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page.text, re.DOTALL)
        assert texts, path
        found |= {html.unescape(text) for text in texts}
    return found


async def test_each_api_call_is_one_of_the_document_with_parameters_that_it_names(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    calls = [shlex.split(text.replace("\\\n", "")) for text in await shown(browser) if text.startswith("curl")]

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
    browser = await signed_in(administered, OPERATOR)
    commands = [shlex.split(text) for text in await shown(browser) if text.startswith("portvakt ")]
    shell = Shell(tmp_path)

    unknown = []
    for words in commands:
        told = shell.run(*words[1:3], "--help").stdout
        unknown += [words for word in words if word.startswith("--") and word not in told]

    assert len(commands) >= len(PAGES)
    assert unknown == []


async def test_what_a_link_carries_is_a_word_of_the_command_and_no_command(administered: Administered) -> None:
    """Somebody may be sent a link to the log, and paste what it shows."""
    browser = await signed_in(administered, OPERATOR)

    page = await browser.get(f"{ROOT}/log?client=x%3B+rm+-rf+%2F+%23&actor=%24%28id%29")
    curl, command, *_ = (
        html.unescape(text) for text in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page.text, re.DOTALL)
    )

    assert shlex.split(command)[3:7] == ["--client", "x; rm -rf / #", "--actor", "$(id)"]
    assert shlex.split(curl.replace("\\\n", ""))[1].endswith("/audit?client=x%3B+rm+-rf+%2F+%23&actor=%24%28id%29")
