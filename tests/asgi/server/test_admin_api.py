"""`/admin/api/v1`: who gets in, what is said to whoever does not, and what holds for every answer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from administered import (
    ACME,
    ADMINISTRATOR,
    API,
    BAKERY,
    COMPANYS_PROGRAM,
    DEVELOPER,
    FOUNDRY,
    HOST,
    MEMBER,
    OPERATOR,
    OTHER,
    OWN,
    READ_AND_MANAGE,
    STRANGER,
    Administered,
    Role,
)
from asgi_driver import call
from builders import NOW
from failing_store import FailingStore
from issuing import STANDARD, a_client, a_copy, known, opened, serving
from portvakt.model.behalf import Grant
from portvakt.model.behalf_change import AddGrant, RevokeGrant
from portvakt.model.change import (
    AddMember,
    Applied,
    ChangeClient,
    SetAdministrator,
    SetClient,
    SetClientDisabled,
    SetOrganisationDisabled,
    SetUser,
    SetUserDisabled,
)
from portvakt.model.values import GrantId
from portvakt.protocol.answer.access_token import user_claims
from portvakt.protocol.credentials import mint_id
from portvakt.server.act import Contended
from portvakt.server.admin_api_quota import CHANGES, CHANGES_OF_ONE, REQUESTS
from portvakt.server.authenticating import FAILURES_OF_ADDRESS
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_driver import Answer
    from portvakt.model.change import Change
    from portvakt.model.values import OrganisationNumber

CLIENTS = "/issuers/acme/clients"


async def challenged(administered: Administered, token: Role | str | None, **more: Any) -> tuple[int, str | None]:
    answer = await administered.ask(token, "GET", "/issuers", **more)
    return answer.status, answer.header("www-authenticate")


async def a_users_token(
    administered: Administered,
    who: Role,
    *,
    by: Role = STRANGER,
    organisation: OrganisationNumber | None = None,
    scopes: tuple[str, ...] = READ_AND_MANAGE,
) -> tuple[str, Grant]:
    """Return a token by which the client of another acts for a user, and the grant that it rests on."""
    issuer, store = who.issuer, administered.served.store
    client_id = known(issuer, "app").client_id
    await store.apply(a_client(issuer, "app", owner=who.user_id, scopes=READ_AND_MANAGE, default_scopes=()))
    grant = Grant(
        issuer=issuer.name,
        id=GrantId(mint_id("grant_", os.urandom(32))),
        user_id=who.user_id,
        client_id=client_id,
        organisation=organisation,
        scopes=scopes,
        created_at=NOW,
    )
    assert await store.apply([AddGrant(grant)]) == Applied()
    standing = await store.standing(issuer.name, grant.id)
    assert standing is not None
    signer = await administered.served.application.copy.load_signer(issuer, NOW)
    token = signer.sign(user_claims(issuer, standing, scopes, jti=grant.id, now=NOW))
    administered.served.secrets.add(token)
    return token, grant


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_without_a_token_it_is_said_how_to_bring_one(administered: Administered) -> None:
    assert await challenged(administered, None) == (401, f'Bearer realm="{OWN.api_url}"')


@pytest.mark.parametrize("token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "e30.e30.e30", "a" * 16_000])
async def test_what_is_no_token_of_this_installation_is_refused(administered: Administered, token: str) -> None:
    assert await challenged(administered, token) == (401, f'Bearer realm="{OWN.api_url}", error="invalid_token"')


async def test_two_tokens_are_none_and_neither_is_one_in_the_query(administered: Administered) -> None:
    token = await administered.token(OPERATOR)
    headers = [("host", HOST), ("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]

    twice = await call(administered.served.application, "GET", f"{API}/issuers", headers=headers)
    in_the_query = await administered.ask(None, "GET", "/issuers", query=f"access_token={token}")
    basic = await administered.ask(None, "GET", "/issuers", authorization="Basic YTpi")

    assert (twice.status, in_the_query.status, basic.status) == (400, 401, 401)


async def test_G1_a_token_for_an_api_is_none_for_the_administration(administered: Administered) -> None:
    client = known(ACME, "main")
    for_the_api = await administered.ask_for_token(ACME, client.client_id, client.secret, scope="read")
    claims = {"iss": ACME.url, "aud": ACME.audience, "client_id": known(ACME, "developer").client_id}
    signer = await administered.served.application.copy.load_signer(ACME, NOW)
    forged = signer.sign(
        {**claims, "sub": claims["client_id"], "iat": NOW, "exp": NOW + 60, "jti": "j", "scope": "portvakt:manage"}
    )

    assert (await challenged(administered, for_the_api.json()["access_token"]))[0] == 401
    assert (await challenged(administered, forged))[0] == 401


async def test_G1_one_token_is_for_the_api_or_for_the_administration(administered: Administered) -> None:
    scopes = ("read", "portvakt:read")
    await administered.served.store.apply(
        a_client(ACME, "both", owner=DEVELOPER.user_id, scopes=scopes, default_scopes=scopes)
    )
    client = known(ACME, "both")

    async def asked(**sent: str) -> Answer:
        return await administered.ask_for_token(ACME, client.client_id, client.secret, **sent)

    mixed = await asked()
    for_the_api = await opened(administered.served, ACME, await asked(scope="read"))
    for_this = await opened(administered.served, ACME, await asked(scope="portvakt:read", resource=OWN.audience))
    mistaken = await asked(scope="portvakt:read", resource=ACME.audience)

    assert (mixed.status, mixed.json()["error"]) == (400, "invalid_scope")
    assert (for_the_api["aud"], for_this["aud"]) == (ACME.audience, OWN.audience)
    assert mistaken.json()["error"] == "invalid_target"


async def test_a_token_ends_when_it_says(administered: Administered) -> None:
    token = await administered.token(DEVELOPER)

    administered.served.clock.advance(ACME.lifetime - 1)
    assert (await challenged(administered, token))[0] == 200
    administered.served.clock.advance(1)
    assert (await challenged(administered, token))[0] == 401


async def test_a_token_of_another_issuers_url_or_key_is_refused(administered: Administered) -> None:
    client_id = known(ACME, "developer").client_id
    signer = await administered.served.application.copy.load_signer(OTHER, NOW)
    claims = {"iss": ACME.url, "aud": OWN.audience, "client_id": client_id, "sub": client_id}
    forged = signer.sign({**claims, "iat": NOW, "exp": NOW + 60, "jti": "j", "scope": "portvakt:manage"})

    assert (await challenged(administered, forged))[0] == 401


async def test_what_may_be_done_is_what_the_scope_says(administered: Administered) -> None:
    reads = await administered.ask(DEVELOPER, "GET", CLIENTS, scope="portvakt:read")
    manages = await administered.ask(DEVELOPER, "GET", CLIENTS, scope="portvakt:manage")
    refused = await administered.ask(DEVELOPER, "POST", CLIENTS, {"name": "x"}, scope="portvakt:read")

    assert (reads.status, manages.status, refused.status) == (200, 200, 403)
    expected = f'Bearer realm="{OWN.api_url}", error="insufficient_scope", scope="portvakt:manage"'
    assert refused.header("www-authenticate") == expected


async def test_whoever_may_read_alone_is_told_no_link_by_which_they_would_be_an_operator(
    administered: Administered,
) -> None:
    links = "/issuers/portvakt/invitations"
    await administered.ask(OPERATOR, "POST", f"/issuers/portvakt/users/{OPERATOR.user_id}/reset")

    reads = await administered.ask(OPERATOR, "GET", links, scope="portvakt:read")
    manages = await administered.ask(OPERATOR, "GET", links, scope="portvakt:manage")

    assert (reads.status, len(manages.json()["items"])) == (403, 1)
    assert 'scope="portvakt:manage"' in str(reads.header("www-authenticate"))


async def test_an_installations_own_program_without_either_scope_may_nothing(administered: Administered) -> None:
    await administered.served.store.apply(
        a_client(OWN, "bare", owner=OPERATOR.user_id, scopes=("other",), default_scopes=("other",))
    )
    client = known(OWN, "bare")
    said = await administered.ask_for_token(OWN, client.client_id, client.secret)

    answer = await administered.ask(said.json()["access_token"], "GET", "/issuers")

    assert answer.status == 403
    assert 'scope="portvakt:read"' in str(answer.header("www-authenticate"))


# --- what a token rests on --------------------------------------------------------------------------------------------


async def test_a_scope_that_was_taken_from_the_client_is_in_no_token_of_it(administered: Administered) -> None:
    store, client_id = administered.served.store, known(ACME, "developer").client_id
    await administered.token(DEVELOPER)
    facts = await store.client_facts(ACME.name, client_id)
    assert facts is not None
    narrowed = replace(facts.client, scopes=("portvakt:read",), default_scopes=())
    assert await store.apply([ChangeClient(ACME.name, client_id, 1), SetClient(narrowed)]) == Applied()

    assert (await administered.ask(DEVELOPER, "GET", CLIENTS)).status == 200
    assert (await administered.ask(DEVELOPER, "POST", CLIENTS, {"name": "x"})).status == 403


@pytest.mark.parametrize(
    ("who", "change"),
    [
        (DEVELOPER, SetClientDisabled(ACME.name, known(ACME, "developer").client_id, NOW)),
        (DEVELOPER, SetUserDisabled(ACME.name, DEVELOPER.user_id, NOW)),
        (OPERATOR, SetUserDisabled(OWN.name, OPERATOR.user_id, NOW)),
        (COMPANYS_PROGRAM, SetOrganisationDisabled(ACME.name, BAKERY, NOW)),
    ],
)
async def test_G7_a_token_of_what_was_disabled_is_dead_at_once(
    administered: Administered, who: Role, change: Change
) -> None:
    assert (await administered.ask(who, "GET", "/issuers")).status == 200
    assert await administered.served.store.apply([change]) == Applied()

    assert (await administered.ask(who, "GET", "/issuers")).status == 401


@pytest.mark.parametrize(
    ("who", "what"),
    [
        (DEVELOPER, f"clients/{known(ACME, 'developer').client_id}"),
        (DEVELOPER, f"users/{DEVELOPER.user_id}"),
        (COMPANYS_PROGRAM, f"organisations/{BAKERY}"),
    ],
)
async def test_G7_a_token_stays_dead_when_what_was_disabled_is_enabled_again(
    administered: Administered, who: Role, what: str
) -> None:
    old = await administered.token(who)
    administered.served.clock.advance(1)
    for act in ("disable", "enable"):
        assert (await administered.ask(OPERATOR, "POST", f"/issuers/acme/{what}/{act}")).status == 200
    administered.served.clock.advance(1)
    administered.tokens.clear()

    assert (await administered.ask(old, "GET", "/issuers")).status == 401
    assert (await administered.ask(who, "GET", "/issuers")).status == 200


async def test_Z2_a_role_is_what_the_store_says_now_and_not_what_the_token_says(administered: Administered) -> None:
    store = administered.served.store
    for who in (OPERATOR, DEVELOPER):
        assert (await administered.ask(who, "POST", CLIENTS, {"name": "x"})).status == 201
        user = await store.user(who.issuer.name, who.user_id)
        assert user is not None
        assert await store.apply([SetUser(replace(user, roles=frozenset()))]) == Applied()

    assert (await administered.ask(OPERATOR, "GET", CLIENTS)).status == 404
    assert (await administered.ask(DEVELOPER, "POST", CLIENTS, {"name": "x"})).status == 403
    assert (await administered.ask(DEVELOPER, "GET", CLIENTS)).json()["items"] == []

    assert (await administered.ask(ADMINISTRATOR, "GET", f"/issuers/acme/organisations/{BAKERY}")).status == 200
    change = SetAdministrator(ACME.name, BAKERY, ADMINISTRATOR.user_id, administrator=False)
    assert await store.apply([change]) == Applied()
    assert (await administered.ask(ADMINISTRATOR, "GET", f"/issuers/acme/organisations/{BAKERY}")).status == 404


async def test_Z2_an_operators_role_at_another_issuer_makes_no_operator(administered: Administered) -> None:
    assert "operator" in STRANGER.roles

    assert (await administered.ask(STRANGER, "GET", "/issuers/prisjakt/users")).status == 403
    assert (await administered.ask(STRANGER, "GET", CLIENTS)).status == 404


# --- on a user's behalf -----------------------------------------------------------------------------------------------


async def test_a_client_that_acts_for_a_user_may_what_they_may(administered: Administered) -> None:
    token, grant = await a_users_token(administered, DEVELOPER)

    made = await administered.ask(token, "POST", CLIENTS, {"name": "x"})
    assert made.status == 201
    log = await administered.ask(token, "GET", "/issuers/acme/audit")
    by = log.json()["items"][0]
    assert (by["actor_kind"], by["actor"]) == ("user", DEVELOPER.user_id)

    assert await administered.served.store.apply([RevokeGrant(ACME.name, grant.id, NOW)]) == Applied()
    assert (await administered.ask(token, "GET", CLIENTS)).status == 401


async def test_a_grant_for_one_organisation_reaches_that_one_alone(administered: Administered) -> None:
    store = administered.served.store
    await store.apply(
        [
            AddMember(ACME.name, FOUNDRY, ADMINISTRATOR.user_id, NOW),
            SetAdministrator(ACME.name, FOUNDRY, ADMINISTRATOR.user_id, administrator=True),
        ]
    )
    for_all, _ = await a_users_token(administered, ADMINISTRATOR)
    for_one, _ = await a_users_token(administered, ADMINISTRATOR, organisation=BAKERY)

    async def seen(token: str) -> list[int]:
        paths = [f"/issuers/acme/organisations/{number}" for number in (BAKERY, FOUNDRY)]
        return [(await administered.ask(token, "GET", path)).status for path in paths]

    assert await seen(for_all) == [200, 200]
    assert await seen(for_one) == [200, 404]
    assert await administered.served.store.apply([SetUserDisabled(ACME.name, ADMINISTRATOR.user_id, NOW)]) == Applied()
    assert await seen(for_one) == [401, 401]


async def test_a_plain_user_sees_what_is_about_them_and_no_more(administered: Administered) -> None:
    assert (await administered.ask(MEMBER, "GET", "/issuers/acme/audit")).status == 200
    assert (await administered.ask(MEMBER, "POST", CLIENTS, {"name": "x"})).status == 403


# --- every answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/issuers", "/openapi.json", CLIENTS, "/nowhere"])
async def test_H7_no_other_origin_reads_an_answer_and_no_preflight_is_answered(
    administered: Administered, path: str
) -> None:
    origin = "https://app.example"
    for asked in (OPERATOR, None):
        await administered.ask(asked, "GET", path, origin=origin)
    preflight = await administered.ask(None, "OPTIONS", path, origin=origin, access_control_request_method="POST")

    assert preflight.status in {404, 405}


async def test_a_cookie_is_not_looked_at_and_none_is_set(administered: Administered) -> None:
    answer = await administered.ask(None, "GET", "/issuers", cookie="__Host-portvakt-portvakt-session=x")

    assert answer.status == 401


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nowhere", "/issuers/", "/issuers//clients", "/issuers/acme/clients/a%2Fb", "/issuers/../issuers", "/*"],
)
async def test_nothing_answers_elsewhere(administered: Administered, path: str) -> None:
    head = [("host", HOST), ("authorization", f"Bearer {await administered.token(OPERATOR)}")]

    assert (await call(administered.served.application, "GET", API + path, headers=head)).status == 404


async def test_another_method_is_told_which_there_are(administered: Administered) -> None:
    put = await administered.ask(OPERATOR, "PUT", CLIENTS)
    document = await administered.ask(OPERATOR, "POST", "/openapi.json")

    assert (put.status, put.header("allow")) == (405, "GET, HEAD, POST")
    assert (document.status, document.header("allow")) == (405, "GET, HEAD")


async def test_HEAD_is_GET_without_the_body(administered: Administered) -> None:
    head = [("host", HOST), ("authorization", f"Bearer {await administered.token(OPERATOR)}")]
    for path, query in (("/issuers", ""), ("/issuers/acme/audit", "format=csv"), ("/openapi.json", "")):
        answer = await call(administered.served.application, "HEAD", API + path, headers=head, query=query)
        assert (answer.status, answer.body) == (200, b"")


async def test_a_fault_of_ours_is_503_and_says_to_try_again(populated_file: Path, tmp_path: Path) -> None:
    path = a_copy(populated_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [OWN, ACME, OTHER], store=store) as served:
        administered = Administered(served)
        await administered.fill()
        await administered.token(OPERATOR)
        store.failing["client_facts"] = StoreUnavailable("away")
        answer = await administered.ask(OPERATOR, "GET", CLIENTS)
        store.failing.clear()
    await store.close()

    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.json()["code"] == "server_error"


async def test_Z6_who_comes_second_too_often_is_told_that_others_were_first(
    populated_file: Path, tmp_path: Path
) -> None:
    path = a_copy(populated_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [OWN, ACME, OTHER], store=store) as served:
        administered = Administered(served)
        await administered.fill()
        store.failing["apply"] = Contended("others")
        answer = await administered.ask(DEVELOPER, "POST", CLIENTS, {"name": "x"})
        store.failing.clear()
    await store.close()

    assert (answer.status, answer.json()["code"]) == (409, "contended")


async def test_an_installation_without_its_own_issuer_has_no_administration(
    populated_file: Path, tmp_path: Path
) -> None:
    async with serving(a_copy(populated_file, tmp_path), [STANDARD]) as served:
        assert (await call(served.application, "GET", f"{API}/issuers", headers=[("host", HOST)])).status == 404


# --- quotas -----------------------------------------------------------------------------------------------------------


async def test_changes_have_a_quota_and_reading_goes_on(administered: Administered) -> None:
    async def change(who: Role = DEVELOPER) -> Answer:
        return await administered.ask(who, "POST", f"{CLIENTS}/client_none/disable")

    for _ in range(CHANGES.limit):
        assert (await change()).status == 404
    administered.served.clock.advance(20)

    refused = await change()
    others = await change(ADMINISTRATOR)
    read = await administered.ask(DEVELOPER, "GET", CLIENTS)
    administered.served.clock.advance(40)
    later = await change()

    assert (refused.status, refused.header("retry-after"), refused.json()["code"]) == (429, "40", "rate_limited")
    assert (others.status, read.status, later.status) == (404, 200, 404)


async def test_all_programs_of_one_user_together_have_a_quota_for_changes(administered: Administered) -> None:
    windows, one = administered.served.application.windows, (ACME.name, DEVELOPER.user_id)
    for _ in range(CHANGES_OF_ONE.limit - 1):
        windows.take(("administration", "changes", *one), CHANGES_OF_ONE, NOW)

    answers = [await administered.ask(DEVELOPER, "POST", f"{CLIENTS}/client_none/disable") for _ in range(2)]

    assert [answer.status for answer in answers] == [404, 429]


async def test_A13_bad_tokens_are_counted_by_address_and_keep_no_good_one_out(administered: Administered) -> None:
    for _ in range(FAILURES_OF_ADDRESS.limit):
        assert (await administered.ask("a.b.c", "GET", "/issuers")).status == 401
    administered.served.clock.advance(1)

    refused = await administered.ask("a.b.c", "GET", "/issuers")
    good = await administered.ask(OPERATOR, "GET", "/issuers")
    without = await administered.ask(None, "GET", "/issuers")

    assert (refused.status, refused.header("retry-after")) == (429, "59")
    assert (good.status, without.status) == (200, 401)


async def test_a_program_has_a_quota_for_whatever_it_asks(administered: Administered) -> None:
    windows, key = administered.served.application.windows, known(ACME, "developer").client_id
    for _ in range(REQUESTS.limit - 1):
        windows.take(("administration", ACME.name, key, DEVELOPER.user_id), REQUESTS, NOW)

    answers = [await administered.ask(DEVELOPER, "GET", "/issuers") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 429]
