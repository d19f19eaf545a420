"""The document of Luca, word for word: its URL in a real browser, its two curl commands, its query."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest

from html_pages import Page
from pages_browser import BROWSERS, browser
from programs import curl, curl_json, shell
from visiting import Listener, apart, code_in, listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from html_pages import Form

Luca = dict[str, Any]

# As the document shows them; `https://BASE_URL` and `https://application_url.com` are the same server.
AUTHORIZE = (
    "https://BASE_URL/api/v1/oauth2/authorize"
    "?client_id={CLIENT_ID}&response_type=code&scope=accounting&redirect_uri={REDIRECT_URL}"
)
EXCHANGE = """curl -X POST \\
-H "Accept: application/json" \\
-d "code=$AUTHORIZATION_CODE" \\
-d "client_id=$CLIENT_ID" \\
-d "client_secret=$CLIENT_SECRET" \\
-d "grant_type=authorization_code" \\
'https://application_url.com/api/v2/oauth2/token'"""
REFRESH = """curl -X POST \\
-H "Accept: application/json" \\
-d "refresh_token=$REFRESH_TOKEN" \\
-d "client_id=$CLIENT_ID" \\
-d "client_secret=$CLIENT_SECRET" \\
-d "grant_type=refresh_token" \\
'https://application_url.com/api/v2/oauth2/token'"""
QUERY = "{ saleInvoices { nodes { id } } }"


@pytest.fixture(scope="module")
def luca(issuers: dict[str, Any]) -> Luca:
    found: Luca = issuers["luca-test"]
    return found


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def authorize_url(luca: Luca, redirect_url: str, **more: str) -> str:
    url = AUTHORIZE.replace("https://BASE_URL", luca["base_url"])
    url = url.replace("{CLIENT_ID}", luca["client_id"]).replace("{REDIRECT_URL}", redirect_url)
    return url + "".join(f"&{name}={quote(text)}" for name, text in more.items())


def run(command: str, luca: Luca, **variables: str) -> tuple[str, str]:
    """Run a command of the document; return the tokens of its reply, which is held to the document to the byte."""
    done = curl(
        command.replace("https://application_url.com", luca["base_url"]),
        CLIENT_ID=luca["client_id"],
        CLIENT_SECRET=luca["client_secret"],
        **variables,
    )
    body, _, status = done.out.rpartition("\n")
    assert status == "200 application/json", done
    reply = json.loads(body)
    access, refresh = reply["access_token"], reply["refresh_token"]
    shown = f'"access_token":"{access}","refresh_token":"{refresh}","token_type":"bearer","expires_in":3600'
    assert body == "{" + shown + "}"
    return access, refresh


def ids(luca: Luca, access: str, query: str = QUERY) -> list[str]:
    """Return the ids of the invoices that a token opens."""
    command = f"""curl -X POST '{luca["api_url"]}/graphql' -H 'Content-Type: application/json' \\
        -H "Authorization: Bearer $ACCESS_KEY" -d '{json.dumps({"query": query})}'"""
    done = curl(command, ACCESS_KEY=access)
    body, _, status = done.out.rpartition("\n")
    assert status.startswith("200 "), done.out
    return [node["id"] for node in json.loads(body)["data"]["saleInvoices"]["nodes"]]


def follow_the_document(luca: Luca, code: str) -> list[str]:
    access, refresh = run(EXCHANGE, luca, AUTHORIZATION_CODE=code)
    newer, same = run(REFRESH, luca, REFRESH_TOKEN=refresh)
    assert same == refresh
    found = ids(luca, access)
    assert ids(luca, newer) == found
    assert len(found) == 100
    return found


# --- in a real browser ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def has_browser() -> None:
    if not any(map(shutil.which, BROWSERS)):
        message = "apt-get install chromium-headless-shell"
        if os.environ.get("PORTVAKT_REQUIRE_SERVICES") == "1":
            pytest.fail(message)
        pytest.skip(message)


def walk(running: Browser, url: str, user: dict[str, Any], *, scripts: bool, company: str | None) -> list[str]:
    """Follow the URL as the user would; return the languages of the pages."""
    context = running.new_context(java_script_enabled=scripts)
    try:
        page = context.new_page()
        page.goto(url)
        languages = [page.locator("html").get_attribute("lang") or ""]
        page.get_by_label("E-post" if languages[0] == "nb" else "Email").fill(user["email"])
        page.locator("input[type=password]").fill(user["password"])
        page.locator("button.primary").click()
        page.locator("button[name=decision][value=allow]").wait_for()
        languages.append(page.locator("html").get_attribute("lang") or "")
        assert page.locator("input[name=organisation]").count() == (0 if company is None else 3)
        if company is not None:
            page.locator(f"input[name=organisation][value='{company}']").check()
        page.locator("button[name=decision][value=allow]").click()
        page.wait_for_url("**/callback**")
        return languages
    finally:
        context.close()


def test_the_document_is_followed_in_a_browser_with_scripts_and_without(
    luca: Luca, listener: Listener, has_browser: None
) -> None:
    kari, sam = luca["users"]
    chosen = sam["organisations"][1]["organisation_number"]
    seen: list[list[str]] = []

    def both() -> None:
        with browser() as running:
            url = authorize_url(luca, listener.url)
            seen.append(walk(running, url, kari, scripts=True, company=None))
            url = authorize_url(luca, listener.url, locale="nb", state="s 1")
            seen.append(walk(running, url, sam, scripts=False, company=chosen))

    apart(both)

    one, other = listener.next(), listener.next()
    assert seen == [["en", "nb"], ["nb", "nb"]]  # Kari's own setting is known once she has logged in
    assert parse_qs(urlsplit(one).query).keys() == {"code", "scope", "iss"}
    back = parse_qs(urlsplit(other).query)
    assert (back["scope"], back["state"], back["iss"]) == (["accounting"], ["s 1"], [luca["base_url"]])
    assert not set(follow_the_document(luca, code_in(one))) & set(follow_the_document(luca, code_in(other)))


def test_a_browser_is_sent_back_when_the_user_says_no_or_has_no_access(
    luca: Luca, listener: Listener, has_browser: None
) -> None:
    kari, sam = luca["users"]
    foreign = sam["organisations"][0]["organisation_number"]

    def refuse() -> None:
        with browser() as running:
            page = running.new_context(java_script_enabled=False).new_page()
            page.goto(authorize_url(luca, listener.url, organisation_number=foreign, locale="en"))
            for password in ("wrong-wrong-wrong", kari["password"]):  # after a wrong one the way back is still open
                page.locator("input[name=email]").fill(kari["email"])
                page.locator("input[type=password]").fill(password)
                page.locator("button.primary").click()
            page.locator("main a.button.secondary").click()
            page.wait_for_url("**/callback**")
            page.goto(authorize_url(luca, listener.url, locale="en"))
            page.locator("button[name=decision][value=deny]").click()
            page.wait_for_url("**/callback**")

    apart(refuse)

    for _ in range(2):
        back = parse_qs(urlsplit(listener.next()).query)
        assert (back["error"], back["iss"]) == (["access_denied"], [luca["base_url"]])


# --- without a browser ------------------------------------------------------------------------------------------------


class Curl:
    """Somebody at a shell: curl, a cookie jar, and forms filled in by hand."""

    def __init__(self, folder: Path) -> None:
        self._jar = folder / "jar"
        self._at = ""

    def get(self, url: str) -> Page:
        self._at = urljoin(self._at, url)
        return self._page("")

    def submit(self, form: Form, **fields: str) -> Page:
        self._at = urljoin(self._at, form.action)
        sent = {**form.fields, **fields}
        return self._page(" ".join(f"--data-urlencode '{name}={value}'" for name, value in sent.items()))

    def _page(self, more: str) -> Page:
        done = shell(f"curl -s -i --max-time 10 -b '{self._jar}' -c '{self._jar}' '{self._at}' {more}")
        assert done.code == 0, done.err
        head, _, body = done.out.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return Page(int(first.split(" ")[1]), headers, body)


def test_the_document_is_followed_with_curl_alone(luca: Luca, tmp_path: Path) -> None:
    _, sam = luca["users"]
    user = Curl(tmp_path)
    url = authorize_url(luca, "http://127.0.0.1/callback", state="s1")

    log_in = user.get(url)
    asked = user.get(user.submit(log_in.form("/login"), email=sam["email"], password=sam["password"]).location)
    form = asked.form("/consent")
    number = form.choices["organisation"][2]
    back = user.submit(form, decision="allow", organisation=number)
    again = user.submit(form, decision="allow", organisation=number)

    assert list(back.sent_back) == ["code", "scope", "state", "iss"]
    assert again.status == 409
    follow_the_document(luca, back.sent_back["code"])
    # And no code works twice (RFC 6749 §4.1.2): what it gave has ended.
    command = EXCHANGE.replace("https://application_url.com", luca["base_url"])
    names = {"CLIENT_ID": "client_id", "CLIENT_SECRET": "client_secret", "AUTHORIZATION_CODE": ""}
    for name, of in names.items():
        command = command.replace(f"${name}", luca[of] if of else back.sent_back["code"])
    assert json.loads(curl_json(command)[1])["error"] == "invalid_grant"
