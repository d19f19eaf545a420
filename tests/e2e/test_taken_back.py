"""What a user takes back in the sandbox ends: renewal at once, access within five seconds."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from browsing import come_back
from portvakt.guard.revocations import WAIT_AT
from programs import running
from shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

LINE = re.compile(r'name="(csrf|client|organisation)" value="([^"]*)"')


def authorized(luca: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """Have a user let the sandbox's application act for their first company; return the tokens."""
    query = {"client_id": luca["client_id"], "response_type": "code", "scope": "accounting"}
    query |= {"redirect_uri": luca["redirect_uris"][0]}
    back = come_back(f"{luca['base_url']}/api/v1/oauth2/authorize?{urlencode(query)}", user)
    (code,) = parse_qs(urlsplit(back).query)["code"]
    return token(luca, grant_type="authorization_code", code=code)


def token(luca: dict[str, Any], **sent: str) -> dict[str, Any]:
    client = {"client_id": luca["client_id"], "client_secret": luca["client_secret"]}
    said: dict[str, Any] = httpx2.post(f"{luca['base_url']}/api/v2/oauth2/token", data={**client, **sent}).json()
    return said


def status(luca: dict[str, Any], access_token: str) -> int:
    query = {"query": "{ saleInvoices(first: 1) { nodes { id } } }"}
    bearer = {"authorization": f"Bearer {access_token}"}
    return httpx2.post(f"{luca['api_url']}/graphql", json=query, headers=bearer).status_code


def test_G7_a_line_that_is_revoked_among_the_connected_applications_ends_renewal_and_access(tmp_path: Path) -> None:
    """The clock is turned by the bound of the guard's reading, as nobody waits here."""
    with running("sandbox", "luca", "--json", "--port", "0", "--data", "d", cwd=tmp_path) as told:
        luca = told["issuers"]["luca-test"]
        kari, sam = luca["users"]
        taken, kept = authorized(luca, kari), authorized(luca, sam)
        before = [status(luca, given["access_token"]) for given in (taken, kept)]

        revoke(luca, kari)
        renewed = token(luca, grant_type="refresh_token", refresh_token=taken["refresh_token"])
        Shell(tmp_path).json("clock", f"+{WAIT_AT}s", "--data", "d")
        after = [status(luca, given["access_token"]) for given in (taken, kept)]
        others = token(luca, grant_type="refresh_token", refresh_token=kept["refresh_token"])
        disabled = enabled_again(luca, Shell(tmp_path), kept)

    assert before == [200, 200]
    assert renewed["error"] == "invalid_grant"
    assert after == [401, 200]
    assert json.dumps(others).count("access_token") == 1
    assert disabled == {"disabled": [401], "old": 401, "new": 200}


def enabled_again(luca: dict[str, Any], shell: Shell, kept: dict[str, Any]) -> dict[str, Any]:
    """Disable the application and enable it in the same second or the next; return what its tokens are answered."""
    said = {}
    client = [luca["client_id"], "--issuer", "luca-test", "--data", "d"]
    shell.run("client", "disable", *client)
    shell.json("clock", f"+{WAIT_AT}s", "--data", "d")
    said["disabled"] = [status(luca, kept["access_token"])]
    shell.run("client", "enable", *client)
    new = token(luca, grant_type="refresh_token", refresh_token=kept["refresh_token"])
    shell.json("clock", f"+{WAIT_AT}s", "--data", "d")
    return said | {"old": status(luca, kept["access_token"]), "new": status(luca, new["access_token"])}


def revoke(luca: dict[str, Any], user: dict[str, Any]) -> None:
    """Log in, and revoke the one line on the page of connected applications."""
    origin = luca["base_url"].rpartition("/")[0]
    with httpx2.Client(headers={"origin": origin}) as browser:
        page = browser.get(f"{luca['base_url']}/connected")
        fields = dict(re.findall(r'name="(csrf|return_to)" value="([^"]*)"', page.text))
        form = {name: html.unescape(value) for name, value in fields.items()}
        entered = browser.post(
            f"{luca['base_url']}/login", data={**form, "email": user["email"], "password": user["password"]}
        )
        page = browser.get(origin + entered.headers["location"])
        line = {name: html.unescape(value) for name, value in LINE.findall(page.text)}
        assert set(line) == {"csrf", "client", "organisation"}, page.text
        assert browser.post(f"{luca['base_url']}/connected", data=line).status_code == 303
