"""What the console shows "as API call" is a call that the API answers."""

from __future__ import annotations

import html
import json
import re
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from administered import ACME, API, BAKERY, DEVELOPER, MEMBER, OPERATOR
from browsers import signed_in
from issuing import a_client, known

if TYPE_CHECKING:
    from administered import Administered

CURL = re.compile(r"<code>(curl.*?)</code>", re.DOTALL)
SHOWN = (
    f"/admin/{ACME.name}/users",
    f"/admin/{ACME.name}/users/{MEMBER.user_id}",
    f"/admin/{ACME.name}/users/{MEMBER.user_id}/clients",
    f"/admin/{ACME.name}/organisations",
    f"/admin/{ACME.name}/organisations/{BAKERY}",
    f"/admin/{ACME.name}/clients",
    f"/admin/{ACME.name}/clients?q=ma",
    f"/admin/{ACME.name}/clients/new",
    f"/admin/{ACME.name}/refusals?client={known(ACME).client_id}",
    f"/admin/{ACME.name}/keys",
    f"/admin/{ACME.name}/outbox",
    f"/admin/{ACME.name}/log",
    f"/admin/{ACME.name}/log?act=client.created",
)


def parsed(curl: str) -> tuple[str, str, dict[str, str], object]:
    """Return the method, the path with its query, the headers and the body of a curl line."""
    words = shlex.split(curl.replace("\\\n", " "))
    method, target, headers, body = "GET", "", dict[str, str](), ...
    position = 1
    while position < len(words):
        word = words[position]
        if word in {"-X", "-H", "-d"}:
            value, position = words[position + 1], position + 1
            if word == "-X":
                method = value
            elif word == "-H":
                name, _, text = value.partition(": ")
                headers[name.lower()] = text
            else:
                body = json.loads(value)
        else:
            target = word
        position += 1
    return method, target, headers, body


async def replayed(administered: Administered, curl: str) -> str:
    """Send what a curl line would, with its places filled in; return what it was. Fails unless it is answered well."""
    email = "invited@example.no" if "/invitations" in curl else DEVELOPER.email
    method, url, headers, body = parsed(curl.replace("EMAIL", email).replace("NUMBER", "315555555"))
    assert headers.pop("authorization") == "Bearer $PORTVAKT_TOKEN"
    more: dict[str, Any] = {name.replace("-", "_"): value for name, value in headers.items() if name != "content-type"}
    parts = urlsplit(url)
    path = parts.path.removeprefix(API)
    answer = await administered.ask(OPERATOR, method, path, body, query=parts.query, **more)
    assert answer.status in {200, 201, 204}, (curl, answer.body)
    return f"{method} {path}"


async def test_every_call_that_the_console_shows_is_answered(administered: Administered) -> None:
    await administered.served.store.apply(a_client(ACME, "shown", owner=MEMBER.user_id))
    client = f"/admin/{ACME.name}/clients/{known(ACME, 'shown').client_id}"
    browser = await signed_in(administered, OPERATOR)
    found: list[str] = []

    for page in (*SHOWN, f"{client}/change", client):
        text = (await browser.get(page)).text
        lines = [html.unescape(line) for line in CURL.findall(text)]
        assert lines, page
        in_turn = sorted(lines, key=lambda line: (" DELETE" in line, "disable" in line))
        found += [await replayed(administered, line) for line in in_turn]

    one = f"/issuers/acme/clients/{known(ACME, 'shown').client_id}"
    assert {f"PATCH {one}", f"POST {one}/secrets", f"POST {one}/disable", f"DELETE {one}"} <= set(found)
