"""What nearly worked is told to the client's owner, by the reference; the reply itself says what it always did."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from administered import ACME, OWN
from builders import NOW
from canary import Canaries
from failing_store import FailingStore
from issuing import (
    BREEZE,
    BREEZE_PRODUCTION,
    FORM,
    HASHING,
    JSON,
    OWNER,
    PRISJAKT,
    STANDARD,
    a_copy,
    as_form,
    as_json,
    basic,
    body,
    known,
    serving,
)
from people_served import CALLBACK
from portvakt.model.change import AddSecret, Applied
from portvakt.model.provider import Quota
from portvakt.model.values import ClientId, Seconds, Secret, UserId
from portvakt.protocol.credentials import keep
from portvakt.protocol.govern.actor import Actor
from portvakt.protocol.govern.near import NearMiss
from portvakt.server import authenticating, refusals
from portvakt.server.administering_refusals import Refusals, described
from portvakt.server.refusal import Refusal
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from administered import Administered
    from asgi_driver import Answer
    from html_pages import Page
    from issuing import Serving
    from people_served import Served
    from portvakt.model.nouns import Issuer
    from portvakt.server.administering_refusals import Explained


ISSUERS = (BREEZE, BREEZE_PRODUCTION, PRISJAKT, STANDARD)
ODD_SECRET = "50%+odd/secret with:everything"


@pytest.fixture
async def served(database: Path) -> AsyncIterator[Serving]:
    async with serving(database, ISSUERS) as made:
        yield made


async def explained(served: Serving, issuer: Issuer, answer: Answer | Page, **more: Any) -> Explained:
    """Return what the owner is told of a reply."""
    reference = answer.header("portvakt-reference")
    assert reference is not None
    await served.application._recording.flush()
    others = served.application.issuers
    return await Refusals(issuer=issuer, store=served.store, others=others, **more).explain(reference)


async def near(served: Serving, issuer: Issuer, answer: Answer) -> tuple[str, dict[str, Any]]:
    told = (await explained(served, issuer, answer)).refused
    return told.near, dict(told.hints)


async def with_odd_secret(served: Serving, issuer: Issuer, label: str = "second") -> ClientId:
    """Give a client a secret that Basic changes unless it is form-encoded."""
    client_id = known(issuer, label).client_id
    row = keep(Secret(ODD_SECRET), pepper=HASHING, client_id=client_id, id_random=b"o" * 32, now=NOW, expires_at=None)
    assert await served.store.apply([AddSecret(issuer.name, row)]) == Applied()
    return client_id


# --- the near misses --------------------------------------------------------------------------------------------------


async def test_json_sent_to_a_form_endpoint(served: Serving) -> None:
    sent = as_json(body(PRISJAKT))
    answer = await served.ask(PRISJAKT, sent, JSON, headers=[("content-length", str(len(sent)))])

    told = await explained(served, PRISJAKT, answer)

    assert (told.refused.near, told.refused.hints["sent"]) == (NearMiss.BODY, JSON)
    assert told.refused.client_id == known(PRISJAKT).client_id
    assert "JSON (application/json)" in told.explanation.cause
    assert "RFC 6749" in told.explanation.rule
    assert told.explanation.curl == (
        f"curl {PRISJAKT.url}{PRISJAKT.provider.token_paths[0]} \\\n"
        "  --data-urlencode grant_type=client_credentials \\\n"
        f"  --data-urlencode client_id={known(PRISJAKT).client_id} \\\n"
        '  --data-urlencode client_secret="$CLIENT_SECRET"'
    )


async def test_json_under_the_name_of_a_form_as_curl_sends_it(served: Serving) -> None:
    answer = await served.ask(BREEZE, as_json(body(BREEZE)), FORM)

    told = (await explained(served, BREEZE, answer)).refused

    assert (told.near, told.hints["sent"]) == (NearMiss.BODY, JSON)
    assert told.client_id == known(BREEZE).client_id


async def test_a_form_under_the_name_of_json(served: Serving) -> None:
    parameters = "&".join(f"{name}={value}" for name, value in body(BREEZE).items()).encode()
    answer = await served.ask(BREEZE, parameters, JSON)

    assert await near(served, BREEZE, answer) == (
        NearMiss.BODY,
        {"sent": FORM, "grant_type": "client_credentials"},
    )


async def test_a_body_that_is_not_waited_for_is_known_by_its_name(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticating, "PATIENCE", 0)
    answer = await served.ask(PRISJAKT, as_json(body(PRISJAKT)), JSON)

    told = (await explained(served, PRISJAKT, answer)).refused

    assert (told.near, told.client_id) == (NearMiss.BODY, None)


@pytest.mark.parametrize("secret", [ODD_SECRET, "all+of+it%"])
async def test_an_unencoded_basic_pair(served: Serving, secret: str) -> None:
    client_id = await with_odd_secret(served, STANDARD)
    answer = await served.ask(STANDARD, {"grant_type": "client_credentials"}, authorization=basic(client_id, secret))

    told = await explained(served, STANDARD, answer)

    assert (told.refused.near == NearMiss.UNENCODED_BASIC) is (secret == ODD_SECRET)
    if secret == ODD_SECRET:
        assert told.refused.client_id == client_id
        assert "§2.3.1" in told.explanation.rule


async def test_the_credentials_of_the_other_environment(served: Serving) -> None:
    sent = body(BREEZE_PRODUCTION)
    answer = await served.ask(BREEZE, sent, JSON)

    told = await explained(served, BREEZE, answer)

    assert told.refused.near == NearMiss.OTHER_ISSUER
    assert dict(told.refused.hints) == {
        "issuer": BREEZE_PRODUCTION.name,
        "secret_matches": True,
        "grant_type": "client_credentials",
    }
    assert told.explanation.curl.startswith(f"curl {BREEZE_PRODUCTION.url}/")
    owner = Actor(issuer=BREEZE_PRODUCTION.name, user=OWNER, developer=True)
    assert await explained(served, BREEZE_PRODUCTION, answer, actor=owner) == told


@pytest.mark.parametrize(
    ("label", "header", "sent", "needed"),
    [
        ("by-header", False, "client_secret_post", "client_secret_basic"),
        ("by-body", True, "client_secret_basic", "client_secret_post"),
    ],
)
async def test_another_way_of_authenticating(served: Serving, label: str, header: bool, sent: str, needed: str) -> None:
    client = known(STANDARD, label)
    parameters = {"grant_type": "client_credentials"} if header else body(STANDARD, label)
    answer = await served.ask(STANDARD, parameters, authorization=client.basic if header else None)

    told = await explained(served, STANDARD, answer)

    assert (told.refused.near, told.refused.hints["sent"]) == (NearMiss.AUTHENTICATION, sent)
    assert (f'--user {client.client_id}:"$CLIENT_SECRET"' in told.explanation.curl) is not header
    assert needed in told.explanation.what_to_do


@pytest.mark.parametrize(
    ("label", "expected"), [("expired", NearMiss.EXPIRED_SECRET), ("revoked", NearMiss.REVOKED_SECRET)]
)
async def test_a_secret_that_ended_is_named_to_who_presents_it(served: Serving, label: str, expected: NearMiss) -> None:
    right = await served.ask(STANDARD, body(STANDARD, label))
    wrong = await served.ask(STANDARD, body(STANDARD, label, client_secret="pvk_cs_" + "a" * 49))

    told = await explained(served, STANDARD, right)

    assert (told.refused.near, told.refused.hints["ended"]) == (expected, NOW)
    assert str(told.refused.hints["shown_as"]).startswith("pvk_cs_")
    assert (await near(served, STANDARD, wrong))[0] == ""
    assert (await explained(served, STANDARD, wrong)).explanation.cause == "The secret is none of the client's."


async def test_a_resource_that_is_no_api_here(served: Serving) -> None:
    answer = await served.ask(STANDARD, body(STANDARD, resource="https://elsewhere.example"))

    told = await explained(served, STANDARD, answer)

    assert (told.refused.near, told.refused.hints["needed"]) == (NearMiss.AUDIENCE, STANDARD.audience)
    assert STANDARD.audience in told.explanation.what_to_do


async def test_a_scope_that_the_client_lacks(served: Serving) -> None:
    secret = known(STANDARD).secret
    answer = await served.ask(STANDARD, body(STANDARD, scope=f"read admin {secret}"))

    told = await explained(served, STANDARD, answer)

    assert (told.refused.near, told.refused.hints["lacking"]) == (NearMiss.SCOPE, ("admin", "***"))
    assert "--data-urlencode scope='read write'" in told.explanation.curl


async def test_a_quota_that_is_used_up(database: Path) -> None:
    small = replace(STANDARD, token_quota=Quota(1, Seconds(60)))
    async with serving(database, [small]) as served:
        await served.ask(small)
        answer = await served.ask(small)
        told = await explained(served, small, answer)

    assert told.refused.near == NearMiss.QUOTA
    assert dict(told.refused.hints) == {
        "limit": 1,
        "window": 60,
        "until": NOW + 60,
        "grant_type": "client_credentials",
    }
    assert told.refused.code == answer.json()["error"]
    assert "1 requests in 60 seconds" in told.explanation.cause


async def test_failures_without_end(served: Serving) -> None:
    for _ in range(authenticating.FAILURES.limit):
        await served.ask(STANDARD, body(STANDARD, client_secret="wrong-secret"))
    served.application._recording._waiting._counted.clear()
    answer = await served.ask(STANDARD, body(STANDARD, client_secret="wrong-secret"))

    told = (await explained(served, STANDARD, answer)).refused

    assert (answer.status, told.near, told.client_id) == (429, NearMiss.FAILURES, known(STANDARD).client_id)


async def test_a_code_that_is_used_twice_and_a_refresh_token_too(people: Served) -> None:
    code = await people.code(STANDARD)
    tokens = (await people.exchange(STANDARD, code)).json()
    again = await people.exchange(STANDARD, code)
    other = await people.tokens(STANDARD)
    await people.refresh(STANDARD, other["refresh_token"])
    people.serving.clock.offset += 60
    replayed = await people.refresh(STANDARD, other["refresh_token"])
    assert tokens["refresh_token"]

    assert await near(people.serving, STANDARD, again) == (
        NearMiss.CODE_USED,
        {"grant_type": "authorization_code"},
    )
    assert (await near(people.serving, STANDARD, replayed))[0] == NearMiss.REFRESH_TOKEN_USED
    told = await explained(people.serving, STANDARD, again)
    assert told.refused.client_id == known(STANDARD, "app").client_id
    assert '--data-urlencode code="$CODE"' in told.explanation.curl


@pytest.mark.parametrize(
    ("sent", "differs"),
    [
        (f"{CALLBACK}/", "a slash at the end"),
        (CALLBACK.replace("https", "http"), "the scheme"),
        (CALLBACK.replace("cb", "CB"), "upper and lower case"),
        (CALLBACK.replace(".example", ".example:8443"), "the port"),
        (f"{CALLBACK}?next=1", "the query"),
        ("https://elsewhere.example/there", None),
    ],
)
async def test_a_redirect_uri_that_differs_in_one_thing(people: Served, sent: str, differs: str | None) -> None:
    browser = people.browser(STANDARD)
    page = await browser.get(browser.authorize_path(redirect_uri=sent))

    told = await explained(people.serving, STANDARD, page)

    if differs is None:
        assert told.refused.near == ""
    else:
        assert told.refused.near == NearMiss.REDIRECT_URI
        assert dict(told.refused.hints) == {"registered": CALLBACK, "differs": differs}
    assert f"--data-urlencode redirect_uri={CALLBACK}" in told.explanation.curl
    assert told.refused.client_id == known(STANDARD, "app").client_id


def shown(**claims: object) -> str:
    """Return what looks like an access token."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims)]
    return "Bearer " + ".".join([*parts, "c2lnbmF0dXJl"])


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iss": STANDARD.url, "aud": "https://elsewhere.example", "exp": NOW + 9}, NearMiss.AUDIENCE),
        ({"iss": STANDARD.url, "aud": STANDARD.audience, "exp": NOW}, NearMiss.EXPIRED_TOKEN),
        ({"iss": BREEZE.url, "aud": STANDARD.audience, "exp": NOW + 9}, NearMiss.OTHER_ISSUER),
        ({"iss": STANDARD.url, "aud": STANDARD.audience, "exp": NOW + 9}, ""),
        ({"iss": "https://nobody.example", "aud": STANDARD.audience, "exp": NOW + 9}, ""),
        ({"iss": 1}, ""),
    ],
)
async def test_a_token_that_is_for_another_place_or_time(
    served: Serving, claims: dict[str, Any], expected: str
) -> None:
    issuer = BREEZE if expected == NearMiss.OTHER_ISSUER else STANDARD
    named = {**claims, "client_id": known(issuer).client_id}
    answer = await served.get(f"{STANDARD.url}/revocations", headers=[("authorization", shown(**named))])

    told = (await explained(served, STANDARD, answer)).refused

    assert (answer.status, told.near) == (401, expected)
    assert told.client_id == (known(issuer).client_id if "aud" in claims else None)


async def test_a_token_for_the_api_is_not_one_for_the_administration(administered: Administered) -> None:
    client = known(ACME)
    token = (await administered.ask_for_token(ACME, client.client_id, client.secret)).json()["access_token"]
    answer = await administered.ask(token, "GET", "/issuers")
    owner = Actor(issuer=ACME.name, user=OWNER, developer=True)

    told = await explained(administered.served, ACME, answer, actor=owner)

    assert (answer.status, told.refused.near) == (401, NearMiss.AUDIENCE)
    assert told.refused.hints["needed"] == OWN.audience
    assert told.refused.client_id == client.client_id


# --- where a token is given back or asked about -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
async def test_near_misses_are_named_where_a_token_is_shown_too(served: Serving, path: str) -> None:
    client_id, about = await with_odd_secret(served, STANDARD), {"token": "x"}
    by_body = {name: text for name, text in body(STANDARD).items() if name != "grant_type"} | about

    async def ask(sent: Any = about, kind: str = FORM, authorization: str | None = None) -> Answer:
        octets = as_json(sent) if kind == JSON else as_form(sent)
        length = [("content-length", str(len(octets)))]
        where = f"/acme{path}"
        return await served.ask(STANDARD, octets, kind, authorization=authorization, path=where, headers=length)

    other = known(BREEZE)
    answers = {
        NearMiss.BODY: await ask(by_body, JSON),
        NearMiss.UNENCODED_BASIC: await ask(authorization=basic(client_id, ODD_SECRET)),
        NearMiss.OTHER_ISSUER: await ask(about | {"client_id": other.client_id, "client_secret": other.secret}),
        NearMiss.AUTHENTICATION: await ask(authorization=known(STANDARD, "by-body").basic),
        NearMiss.EXPIRED_SECRET: await ask(authorization=known(STANDARD, "expired").basic),
        NearMiss.REVOKED_SECRET: await ask(authorization=known(STANDARD, "revoked").basic),
    }

    for expected, answer in answers.items():
        told = await explained(served, STANDARD, answer)
        assert (told.refused.near, answer.status >= 400) == (expected, True)
        assert f"{STANDARD.url}{path}" in told.explanation.curl or expected == NearMiss.OTHER_ISSUER
        assert 'token="$TOKEN"' in told.explanation.curl or expected == NearMiss.OTHER_ISSUER


# --- who may see it ---------------------------------------------------------------------------------------------------


async def test_only_the_owner_and_operators_are_told(served: Serving) -> None:
    answer = await served.ask(STANDARD, body(STANDARD, client_secret="wrong-secret"))
    unknown = await served.ask(STANDARD, body(STANDARD, client_id="client_" + "z" * 20))
    owner = Actor(issuer=STANDARD.name, user=OWNER, developer=True)
    stranger = Actor(issuer=STANDARD.name, user=UserId("user_stranger"), developer=True)
    namesake = Actor(issuer=BREEZE.name, user=OWNER, developer=True)

    assert (await explained(served, STANDARD, answer, actor=owner)).refused.client_id == known(STANDARD).client_id
    for actor in (stranger, namesake, Actor()):
        with pytest.raises(Refusal) as caught:
            await explained(served, STANDARD, answer, actor=actor)
        assert (caught.value.refused.status, caught.value.refused.code) == (404, "not_found")
        with pytest.raises(Refusal) as listed:
            await Refusals(issuer=STANDARD, store=served.store, actor=actor).page(known(STANDARD).client_id)
        assert listed.value.refused.status == 404
    with pytest.raises(Refusal):
        await explained(served, STANDARD, unknown, actor=owner)
    told = await explained(served, STANDARD, unknown)
    assert (told.refused.client_id, told.explanation.cause) == (None, "No client has the client_id that was sent.")
    with pytest.raises(Refusal):
        await Refusals(issuer=STANDARD, store=served.store).explain("00000000-1")
    with pytest.raises(Refusal):  # of an issuer that is not told of here
        await Refusals(issuer=BREEZE, store=served.store).explain(told.refused.reference)


async def test_what_was_refused_of_a_client_is_listed_newest_first(served: Serving) -> None:
    answers = [await served.ask(STANDARD, body(STANDARD, scope=f"scope{turn}")) for turn in range(5)]
    await served.application._recording.flush()
    refused = Refusals(issuer=STANDARD, store=served.store)

    before, first = await refused.page(known(STANDARD).client_id, limit=3)
    end, rest = await refused.page(known(STANDARD).client_id, before=before, limit=3)

    references = [answer.header("portvakt-reference") for answer in answers]
    assert [one.reference for one in [*first, *rest]] == references[::-1]
    assert (len(first), end) == (3, None)
    assert described(first[0])["hints"] == {"lacking": ["scope4"], "grant_type": "client_credentials"}


# --- what it never does -----------------------------------------------------------------------------------------------


async def test_the_wire_says_the_same_with_and_without(
    populated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replies(name: str) -> list[tuple[int, list[tuple[str, str]], bytes]]:
        folder = tmp_path / name
        folder.mkdir()
        async with serving(a_copy(populated_file, folder), ISSUERS) as served:
            client_id = await with_odd_secret(served, STANDARD)
            grant = {"grant_type": "client_credentials"}
            answers = [
                await served.ask(PRISJAKT, as_json(body(PRISJAKT)), JSON, headers=[("content-length", "99")]),
                await served.ask(BREEZE, as_json(body(BREEZE)), FORM),
                await served.ask(STANDARD, grant, authorization=basic(client_id, ODD_SECRET)),
                await served.ask(BREEZE, body(BREEZE_PRODUCTION), JSON),
                await served.ask(STANDARD, body(STANDARD, "by-header")),
                await served.ask(STANDARD, body(STANDARD, "expired")),
                await served.ask(STANDARD, body(STANDARD, "revoked")),
                await served.ask(STANDARD, body(STANDARD, resource="https://x.example")),
                await served.ask(STANDARD, body(STANDARD, scope="admin")),
                await served.ask(STANDARD, method="GET"),
            ]
            await served.application._recording.flush()
        return [
            (answer.status, [one for one in answer.headers if one[0] != "portvakt-reference"], answer.body)
            for answer in answers
        ]

    async def unread(*_: object) -> bytes:
        return b""

    told = await replies("with")
    monkeypatch.setattr(refusals.Recording, "note", lambda *_: None)
    monkeypatch.setattr(authenticating, "_read_other_body", unread)

    assert told == await replies("without")


async def test_K1_nothing_secret_is_kept(served: Serving, tmp_path: Path) -> None:
    canaries = Canaries()
    secret = canaries.plant("secret", "canary-secret-9fX2kQ7w")
    scope = canaries.plant("scope", "canaryScope8812Zk33Lm")
    uri = canaries.plant("redirect_uri", "https://canary-host-77.example/cb")
    name = canaries.plant("name of a parameter", "canary_parameter_551")
    client = canaries.plant("client id", "canary-client-id-4471")
    token = canaries.plant("token", "canary-token-Zz81-kd02")
    canaries.plant("odd secret", ODD_SECRET)
    client_id = await with_odd_secret(served, STANDARD)
    grant = {"grant_type": "client_credentials"}
    for sent in (
        body(STANDARD, client_secret=secret, **{name: "1"}),
        body(STANDARD, client_id=client),
        body(STANDARD, scope=scope),
        body(STANDARD, resource=uri, grant_type="client_credentials"),
        body(STANDARD, grant_type=token),
        body(STANDARD, grant_type="authorization_code", code=token, redirect_uri=uri, code_verifier=secret),
        body(STANDARD, grant_type="refresh_token", refresh_token=token),
    ):
        await served.ask(STANDARD, sent)
        await served.ask(STANDARD, as_json(sent), FORM)
        await served.ask(STANDARD, as_json(sent), JSON, headers=[("content-length", "999")])
    await served.ask(STANDARD, grant, authorization=basic(client_id, ODD_SECRET))
    await served.ask(STANDARD, grant, authorization=f"Bearer {token}")
    await served.get(f"{STANDARD.url}/revocations", headers=[("authorization", shown(iss=uri, aud=uri, exp=1))])
    await served.get(f"{STANDARD.url}/authorize?client_id={known(STANDARD).client_id}&redirect_uri={uri}&state={token}")
    await served.get(f"{STANDARD.url}/authorize?client_id={client}&code={token}")
    await served.application._recording.flush()

    assert served.rows()  # opens the file
    assert served._rows is not None
    kept = served._rows.execute("SELECT * FROM refusals").fetchall()

    assert len(kept) == 26
    assert canaries.find_in(repr(kept).encode()) == []


async def test_E4_a_flood_of_refusals_is_bounded_in_memory_and_counted(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_WAITING", 10)
    waiting = served.application._recording._waiting
    for turn in range(25):
        last = await served.ask(STANDARD, body(STANDARD, client_secret="wrong"), address=f"198.51.100.{turn}")
    assert (len(waiting._waiting), waiting.dropped) == (10, 15)

    told = await explained(served, STANDARD, last)

    assert told.refused.address == "198.51.100.24"
    await served.application._recording.flush()
    assert [line["requests"] for line in served.lines() if line["event"] == "refusals_dropped"] == [15]


async def test_E4_who_is_refused_without_end_pushes_nobody_out(served: Serving) -> None:
    for turn in range(100):
        last = await served.ask(STANDARD, body(STANDARD, client_id=f"client_{turn}"))
    other = await served.ask(STANDARD, body(STANDARD, client_id="client_x"), address="198.51.100.7")
    own = await served.ask(STANDARD, body(STANDARD, scope="admin"))

    with pytest.raises(Refusal):
        await explained(served, STANDARD, last)
    assert (await explained(served, STANDARD, other)).refused.address == "198.51.100.7"
    assert (await explained(served, STANDARD, own)).refused.near == NearMiss.SCOPE
    assert len(await served.store._read("count", refusals_of_all())) == refusals.A_MINUTE.limit + 2


async def test_E4_one_address_fills_the_ring_neither_with_its_clients_nor_with_time(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "AN_HOUR", Quota(5, Seconds(3600)))
    for turn in range(10):
        await served.ask(STANDARD, body(STANDARD, client_id=f"client_{turn}"))
        served.clock.advance(60)
    own = await served.ask(STANDARD, body(STANDARD, scope="admin"))  # strangers push out no client of that address
    await served.application._recording.flush()
    kept = len(await served.store._read("count", refusals_of_all()))
    served.clock.advance(3600)
    later = await served.ask(STANDARD, body(STANDARD, client_id="client_x"))

    assert (await explained(served, STANDARD, own)).refused.near == NearMiss.SCOPE
    assert kept == 5 + 1
    assert (await explained(served, STANDARD, later)).refused.client_id is None


def refusals_of_all() -> Any:
    from sqlalchemy import select

    from portvakt.store.schema import REFUSALS

    return select(REFUSALS)


async def test_made_up_ids_make_no_end_of_reads(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "LOOKUPS", 3)
    store = FailingStore(database)
    async with serving(database, [STANDARD, BREEZE], store=store) as served:
        for turn in range(9):
            await served.ask(STANDARD, body(STANDARD, client_id=f"client_{turn}"))
        before = store.asked["client_facts"]
        await served.application._recording.flush()

        assert store.asked["client_facts"] - before == 3
    await store.close()


async def test_what_was_refused_before_a_stop_is_there_after_the_start(database: Path) -> None:
    async with serving(database, [STANDARD]) as served:
        answer = await served.ask(STANDARD, body(STANDARD, scope="admin"))

    async with serving(database, [STANDARD]) as again:
        assert (await near(again, STANDARD, answer))[0] == NearMiss.SCOPE


async def test_what_is_refused_is_written_soon(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await served.ask(STANDARD, body(STANDARD, scope="admin"))
    reference = answer.header("portvakt-reference")
    assert reference is not None

    async with asyncio.timeout(10):
        while await served.store.refusal(reference) is None:  # each look goes to the file
            pass


async def test_a_lost_store_loses_refusals_and_no_answer(database: Path) -> None:
    store = FailingStore(database)
    async with serving(database, [STANDARD], store=store) as served:
        lost = await served.ask(STANDARD, body(STANDARD, scope="admin"))
        store.failing["record_refusals"] = StoreUnavailable("cannot record refusals")
        await served.application._recording.flush()
        answer = await served.ask(STANDARD, body(STANDARD, scope="admin"))
        del store.failing["record_refusals"]

        assert (lost.status, answer.status) == (400, 400)
        assert (await near(served, STANDARD, answer))[0] == NearMiss.SCOPE
        with pytest.raises(Refusal):
            await explained(served, STANDARD, lost)
        events = [line["event"] for line in served.lines()]
    assert "refusals_not_written" in events
    await store.close()


async def test_a_refusal_that_cannot_be_noted_is_answered_all_the_same(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("cannot be read")

    monkeypatch.setattr(refusals, "attempt_of", fail)

    answer = await served.ask(STANDARD, body(STANDARD, scope="admin"))

    assert answer.status == 400
    assert "refusal_not_noted" in [line["event"] for line in served.lines()]
