"""The seed's path in a real browser without scripts: a client for a user, its curl, rotation, revocation, the log."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from console_served import USER
from programs import curl_json

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console_served import Running

SECOND = 1.0
EXPIRED = "Client secret has expired. Ask an administrator to rotate the secret."
WRONG = "Invalid client credentials"


def refusal_within_a_second(curl: str) -> str:
    """Return what a secret is refused with, once it is."""
    began = time.monotonic()
    while time.monotonic() - began < SECOND:
        status, body = curl_json(curl)
        if status == 401:
            said = json.loads(body)
            assert said["error"] == "invalid_client"
            return str(said["error_description"])
    return "it was not refused"


def create(page: Page) -> None:
    """Walk from the list of environments to the dialog that shows a new client of the user's."""
    page.click(".tile a:has-text('Breeze') >> nth=0")
    assert page.locator(".band.trial").inner_text().startswith("TEST ENVIRONMENT")
    page.fill("#q", USER[:6])
    page.click("form.search button")
    page.click(f"table a:has-text('{USER}')")
    page.click("text=Manage OAuth clients")
    page.click("text=Create OAuth client")
    page.fill("#name", "Nightly import")
    page.click("button.primary")


def rotate(page: Page, grace: str) -> str:
    """Walk from the dialog to the client and rotate its secret; return the curl that is shown."""
    page.click("text=To the client")
    page.click("summary:has-text('Rotate secret')")
    page.click(f"label:has-text('{grace}')")
    page.click("text=Make the new secret")
    return page.locator("#curl").input_value()


def revoke(page: Page, name: str) -> None:
    """Revoke the secret that is live, typing that name."""
    page.click(".secrets li.live summary")
    page.fill(".secrets li.live input[name=confirm]", name)
    page.click(".secrets li.live button.danger")


def test_an_operator_walks_the_seeds_path_from_users_to_a_revoked_secret(running: Running, page: Page) -> None:
    running.get(page, "/admin")
    running.log_in(page)

    create(page)
    secret, first = (page.locator(f"#{name}").input_value() for name in ("client_secret", "curl"))
    status, body = curl_json(first)
    variables = unquote(str(page.locator("a[download]").get_attribute("href")))

    assert page.locator("button.copy").count() == len(("id", "secret", "curl", "as API call", "as command"))
    assert page.locator("button.copy:visible").count() == 0  # a button is for browsers that run our script
    assert '"grant_type": "client_credentials"' in first
    assert status == 200
    assert json.loads(body).keys() == {"access_token", "token_type", "expires_in"}
    assert f"PORTVAKT_CLIENT_SECRET={secret}\n" in variables

    second = rotate(page, "24 hours")

    assert [curl_json(each)[0] for each in (first, second)] == [200, 200]

    third = rotate(page, "End now")

    assert [refusal_within_a_second(each) for each in (first, second)] == [EXPIRED, EXPIRED]
    # To one who does not present the right secret, it is as if there had never been any.
    assert refusal_within_a_second(first.replace(secret, secret[:-1] + "x")) == WRONG
    assert curl_json(third)[0] == 200

    page.click("text=To the client")
    revoke(page, "Nightly")  # it was used a moment ago, so the whole name is asked for

    assert "not the client" in page.inner_text("#problem")
    assert curl_json(third)[0] == 200
    assert secret not in page.content()

    revoke(page, "Nightly import")

    assert "no longer works" in page.inner_text(".done")
    assert refusal_within_a_second(third) == WRONG

    page.click(".actions-row >> text=Audit log")

    acts = page.locator(".log h2 code").all_inner_texts()
    rotations = ["secret.created", "secret.ended", "secret.ended", "secret.created", "secret.ended"]
    assert acts == ["secret.revoked", *rotations, "secret.created", "client.created"]
    assert page.locator(".log li:has-text('boss@example.com')").count() == len(acts)
