"""The pages of refused requests: each is explained to those whose client sent it, and to nobody else."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from administered import (
    ACME,
    ADMINISTRATOR,
    COMPANYS_PROGRAM,
    DEVELOPER,
    MEMBER,
    OPERATOR,
    OTHER,
    OTHERS_ADMINISTRATOR,
)
from browsers import signed_in
from builders import NOW
from issuing import known
from portvakt.model.audit import RefusedRequest
from portvakt.protocol.govern.near import NearMiss

if TYPE_CHECKING:
    from administered import Administered, Role
    from html_pages import Page

CONSOLE = f"/admin/{ACME.name}/refusals"
SETTINGS = "/acme/settings/refusals"


def a_refusal(reference: str, role: Role = DEVELOPER) -> RefusedRequest:
    return RefusedRequest(
        reference=reference,
        issuer=ACME.name,
        at=NOW,
        client_id=known(ACME, role.label).client_id,
        method="POST",
        path="/acme/token",
        address="192.0.2.1",
        status=401,
        code="invalid_client",
        reason="wrong secret",
    )


def own(role: Role) -> str:
    return f"{SETTINGS}?client={known(ACME, role.label).client_id}"


MATRIX = [
    (OPERATOR, f"{CONSOLE}/r-dev", 200),
    (OPERATOR, f"{CONSOLE}/r-program", 200),
    (OPERATOR, f"{CONSOLE}?client={known(ACME, 'developer').client_id}", 200),
    (OPERATOR, f"/admin/{OTHER.name}/refusals?client={known(ACME, 'developer').client_id}", 404),
    (OPERATOR, f"{CONSOLE}/r-none", 404),
    (OPERATOR, f"{CONSOLE}/r-dev/more", 404),
    (DEVELOPER, SETTINGS, 200),
    (DEVELOPER, f"{SETTINGS}/r-dev", 200),
    (DEVELOPER, own(DEVELOPER), 200),
    (DEVELOPER, f"{SETTINGS}/r-program", 404),
    (DEVELOPER, f"{SETTINGS}?q=r-program", 404),
    (DEVELOPER, own(COMPANYS_PROGRAM), 404),
    (ADMINISTRATOR, f"{SETTINGS}/r-program", 200),
    (ADMINISTRATOR, own(COMPANYS_PROGRAM), 200),
    (ADMINISTRATOR, f"{SETTINGS}/r-dev", 404),
    (ADMINISTRATOR, own(DEVELOPER), 404),
    (OTHERS_ADMINISTRATOR, f"{SETTINGS}/r-program", 404),
    (OTHERS_ADMINISTRATOR, own(COMPANYS_PROGRAM), 404),
    (MEMBER, SETTINGS, 403),
    (MEMBER, f"{SETTINGS}/r-program", 403),
]


@pytest.mark.parametrize(("role", "path", "status"), MATRIX, ids=lambda one: getattr(one, "label", str(one)))
async def test_Z2_a_refusal_is_there_for_those_who_look_after_its_client(
    administered: Administered, role: Role, path: str, status: int
) -> None:
    store = administered.served.store
    await store.record_refusals([a_refusal("r-dev"), a_refusal("r-program", COMPANYS_PROGRAM)])
    browser = await signed_in(administered, role)

    page = await browser.get(path)

    assert page.status == status
    assert ("192.0.2.1" in page.text) is (status == 200 and path != SETTINGS)


def curl_of(page: Page) -> str:
    found = re.search(r'<textarea id="curl"[^>]*>(.*?)</textarea>', page.text, re.DOTALL)
    assert found, page.heading
    return html.unescape(found[1])


async def test_a_reference_leads_to_the_cause_the_rule_and_the_request_as_it_would_be_right(
    administered: Administered,
) -> None:
    client = known(ACME, DEVELOPER.label)
    refused = await administered.ask_for_token(ACME, client.client_id, client.secret, scope="portvakt:read admin")
    reference = refused.header("portvakt-reference")
    await administered.served.application._recording.flush()
    browser = await signed_in(administered, DEVELOPER)

    found = await browser.get(f"{SETTINGS}?q=+{reference}+")
    page = await browser.get(found.location)
    others = await browser.get(next(link for link in page.links if "?client=" in link))
    browser.language = "nb"
    norwegian = await browser.get(found.location)

    assert found.location == f"{SETTINGS}/{reference}"
    assert page.heading == "Why it was refused"
    assert "The client may not ask for: admin." in page.text
    assert "RFC 6749 §5.2: invalid_scope" in page.text
    assert "have the others given to the client" in page.text
    assert f"--user {client.client_id}:" in curl_of(page)
    assert client.secret not in page.text
    assert found.location in others.links
    assert "<p>Klienten kan ikke be om: admin.</p>" in norwegian.text
    assert "få de andre gitt til klienten.</p>" in norwegian.text
    assert '<p lang="en">' not in norwegian.text


async def test_a_cause_that_there_is_in_english_alone_is_marked_as_such(administered: Administered) -> None:
    refused = replace(a_refusal("r-dev"), code="invalid_grant", reason="something rare")
    await administered.served.store.record_refusals([refused])
    browser = await signed_in(administered, DEVELOPER)
    browser.language = "nb"

    page = await browser.get(f"{SETTINGS}/r-dev")

    assert '<p lang="en">Something rare.</p>' in page.text
    assert "<p>Brukeren må logge inn på nytt.</p>" in page.text


async def test_a_clients_page_leads_to_what_was_refused_of_it_a_page_at_a_time(administered: Administered) -> None:
    store, client = administered.served.store, known(ACME, DEVELOPER.label).client_id
    browser = await signed_in(administered, OPERATOR)
    link = next(link for link in (await browser.get(f"/admin/acme/clients/{client}")).links if "/refusals?" in link)
    none = await browser.get(link)
    await store.record_refusals([a_refusal(f"r-{number}") for number in range(70)])

    first = await browser.get(link)
    second = await browser.get(next(link for link in first.links if "before=" in link))

    seen = [link for page in (first, second) for link in page.links if "/refusals/r-" in link]
    assert "Nothing was refused" in none.text
    assert seen == [f"{CONSOLE}/r-{number}" for number in reversed(range(70))]
    assert not [link for link in second.links if "before=" in link]


async def test_an_operator_comes_to_where_it_happened_and_is_told_what_is_not_there(
    administered: Administered,
) -> None:
    await administered.served.store.record_refusals([a_refusal("r-dev")])
    browser = await signed_in(administered, OPERATOR)

    elsewhere = await browser.get(f"/admin/{OTHER.name}/refusals?q=r-dev")
    none = await browser.get(f"{CONSOLE}?q=r-none%3Cb%3E")
    start = await browser.get(CONSOLE)

    assert elsewhere.location == f"{CONSOLE}/r-dev"
    assert none.status == 404
    assert "No refused request that you may see has this reference." in none.text
    assert "<b>" not in none.text
    assert f"/admin/{ACME.name}/clients" in start.links


async def test_an_owner_is_told_at_home_of_what_their_client_sent_to_another_environment(
    administered: Administered,
) -> None:
    stray = replace(
        a_refusal("r-stray"), issuer=OTHER.name, near=NearMiss.OTHER_ISSUER, hints={"issuer": ACME.name}, reason="x"
    )
    nobodys = replace(a_refusal("r-nobody"), client_id=None)
    await administered.served.store.record_refusals([stray, nobodys])
    theirs, operators = await signed_in(administered, DEVELOPER), await signed_in(administered, OPERATOR)

    page = await theirs.get(f"{SETTINGS}/r-stray")
    seen = await operators.get(f"{CONSOLE}/r-stray")
    unknown = await operators.get(f"{CONSOLE}/r-nobody")

    assert f"the request went to {OTHER.name}" in page.text
    assert f"{SETTINGS.replace('refusals', 'advanced')}/{stray.client_id}" in page.links
    assert (seen.status, unknown.status) == (200, 200)
    assert "Not known" in unknown.text
    assert (await theirs.get(f"{SETTINGS}/r-nobody")).status == 404
