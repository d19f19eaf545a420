"""A grant is for one company: data of that one, for as long as the user belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2
import pytest

from programs import portvakt, running
from visiting import Visitor, code_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from html_pages import Page

QUERY = "{ companies { nodes { organisationNumber } } saleInvoices(first: 100) { nodes { id } } }"


class World:
    """A sandbox that plays Luca, its several-companies user, and an application."""

    def __init__(self, folder: Path, luca: dict[str, Any]) -> None:
        self.folder = folder
        self.luca = luca
        self.alone, self.sam = luca["users"]
        self.numbers = [one["organisation_number"] for one in self.sam["organisations"]]

    def url(self, **more: str) -> str:
        good = {
            "client_id": self.luca["client_id"],
            "response_type": "code",
            "scope": "accounting",
            "redirect_uri": "http://127.0.0.1/callback",
        }
        return f"{self.luca['base_url']}/api/v1/oauth2/authorize?{urlencode({**good, **more})}"

    def token(self, **parameters: str) -> httpx2.Response:
        who = {name: self.luca[name] for name in ("client_id", "client_secret")}
        return httpx2.post(f"{self.luca['base_url']}/api/v2/oauth2/token", data={**who, **parameters})

    def tokens(self, location: str) -> dict[str, Any]:
        answer = self.token(grant_type="authorization_code", code=code_in(location))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refresh(self, tokens: dict[str, Any]) -> httpx2.Response:
        return self.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def ask(self, tokens: dict[str, Any]) -> httpx2.Response:
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        return httpx2.post(f"{self.luca['api_url']}/graphql", json={"query": QUERY}, headers=headers)

    def data(self, tokens: dict[str, Any]) -> tuple[list[str], set[str]]:
        """Return the companies and the invoices that tokens open."""
        data = self.ask(tokens).json()["data"]
        companies = [node["organisationNumber"] for node in data["companies"]["nodes"]]
        return companies, {node["id"] for node in data["saleInvoices"]["nodes"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("companies")
    with running("sandbox", "luca", "--json", "--port", "0", "--data", "data", cwd=folder) as told:
        yield World(folder, told["issuers"]["luca-test"])


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    found = Visitor()
    yield found
    found.close()


def test_each_grant_opens_the_chosen_company_and_no_other(world: World, visitor: Visitor) -> None:
    seen = {}
    for number in world.numbers:
        companies, seen[number] = world.data(world.tokens(visitor.agree(world.url(), world.sam, organisation=number)))
        assert companies == [number]

    everything = set.union(*seen.values())
    assert len(everything) == sum(map(len, seen.values())) > 100


def test_G6_the_forced_company_is_the_only_one_whatever_the_form_says(world: World, visitor: Visitor) -> None:
    forced, other = world.numbers[1:]
    page = visitor.asked(world.url(organisation_number=forced), world.sam)
    form = page.form("/consent")

    tampered = [visitor.submit(form, decision="allow", organisation=number) for number in (other, "312047152", "x")]
    location = visitor.submit(form, decision="allow").location

    assert form.choices == {"decision": ["deny", "allow"]}
    assert [page.status for page in tampered] == [403, 403, 403]
    assert world.data(world.tokens(location))[0] == [forced]


def test_G6_who_has_no_access_is_told_and_may_go_back_or_be_somebody_else(world: World, visitor: Visitor) -> None:
    page = visitor.asked(world.url(organisation_number=world.numbers[0], state="s", locale="en"), world.alone)

    other, back = page.links
    assert (page.status, page.lang) == (403, "en")
    assert "My program" in page.text
    assert back.startswith("http://127.0.0.1/callback?error=access_denied&")
    asked = visitor.log_in(visitor.get(other), world.sam)
    assert world.data(world.tokens(visitor.submit(asked.form("/consent"), decision="allow").location))[0] == [
        world.numbers[0]
    ]


def test_the_language_is_the_links_then_the_users_own(world: World) -> None:
    pages: list[Page] = []
    for user in (world.alone, world.sam):
        for locale in ({}, {"locale": "nb"}, {"locale": "en"}, {"locale": "sv"}):
            visitor = Visitor()
            pages.append(visitor.asked(world.url(**locale), user))
            visitor.close()

    assert [page.lang for page in pages] == ["nb", "nb", "en", "nb", "en", "nb", "en", "en"]


def test_G6_after_the_membership_ended_neither_refresh_nor_api_answers(world: World, visitor: Visitor) -> None:
    number, kept = world.numbers[2], world.numbers[0]
    lost = world.tokens(visitor.agree(world.url(), world.sam, organisation=number))
    other = world.tokens(visitor.agree(world.url(), world.sam, organisation=kept))
    code = code_in(visitor.agree(world.url(), world.sam, organisation=number))
    arguments = ("--issuer", "luca-test", "--data", "data", "--json")

    done = portvakt("organisation", "remove-member", number, world.sam["email"], *arguments, cwd=world.folder)

    try:
        assert done.code == 0, done.err
        assert world.refresh(lost).json()["error"] == "invalid_grant"
        assert world.token(grant_type="authorization_code", code=code).json()["error"] == "invalid_grant"
        refused = world.ask(lost)
        assert refused.json().get("data") is None
        assert refused.json()["errors"][0]["extensions"]["code"] in {"UNAUTHENTICATED", "FORBIDDEN"}
        assert world.refresh(other).status_code == 200
        assert world.data(other)[0] == [kept]
    finally:  # for the tests beside this one
        portvakt("organisation", "add-member", number, world.sam["email"], *arguments, cwd=world.folder)
