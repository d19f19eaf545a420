"""A client gives a token back (RFC 7009), at the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from acting import COMPANY, a_company, an_application, post, refresh, tokens
from asgi_driver import call
from failing_store import FailingStore
from issuing import BREEZE, CANARY, LUCA, STANDARD, basic, error, known, serving
from portvakt.model.nouns import ClientAuthentication
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from issuing import Serving

PUBLIC: dict[str, Any] = {"client_secret": ""}


async def active(served: Serving, token: str, label: str = "app") -> bool:
    answer = await post(served, STANDARD, "/introspect", label, token=token)
    assert answer.status == 200
    said: bool = answer.json()["active"]
    return said


@pytest.mark.parametrize("token", ["x", "a.b.c", "pvk_rt_" + "A" * 49, CANARY])
async def test_V1_a_token_that_is_none_is_revoked_already(standard: Serving, token: str) -> None:
    await an_application(standard, STANDARD)

    answer = await post(standard, STANDARD, "/revoke", token=token)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("cache-control") == "no-store"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
async def test_V2_either_token_ends_both_whatever_the_hint(standard: Serving, which: str, hint: str) -> None:
    await an_application(standard, STANDARD)
    given = await tokens(standard, STANDARD)
    assert await active(standard, given["access_token"])

    answer = await post(standard, STANDARD, "/revoke", token=given[which], token_type_hint=hint)

    assert answer.status == 200
    assert not await active(standard, given["access_token"])
    assert not await active(standard, given["refresh_token"])
    assert error(await refresh(standard, STANDARD, given["refresh_token"])) == (400, "invalid_grant")
    assert (await post(standard, STANDARD, "/revoke", token=given[which])).status == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_V3_a_token_of_another_client_is_left_as_it_is(standard: Serving, which: str) -> None:
    await an_application(standard, STANDARD)
    await an_application(standard, STANDARD, "other")
    given = await tokens(standard, STANDARD)

    answer = await post(standard, STANDARD, "/revoke", "other", token=given[which])

    assert error(answer) == (400, "invalid_grant")
    assert await active(standard, given["access_token"])
    assert (await refresh(standard, STANDARD, given["refresh_token"])).status == 200


async def test_V6_who_does_not_prove_who_they_are_revokes_nothing(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    given = await tokens(standard, STANDARD)
    token = given["refresh_token"]
    unproven = [
        await post(standard, STANDARD, "/revoke", client_secret=CANARY, token=token),
        await post(standard, STANDARD, "/revoke", client_secret="", token=token),
        await post(standard, STANDARD, "/revoke", None, token=token, headers=[("authorization", f"Bearer {token}")]),
    ]

    assert [error(answer) for answer in unproven] == [(401, "invalid_client")] * 3
    assert all(answer.header("www-authenticate") for answer in unproven)
    assert (await refresh(standard, STANDARD, token)).status == 200


async def test_V6_a_public_client_revokes_its_own_tokens_only(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    await an_application(standard, STANDARD, "spa", authentication=ClientAuthentication.NONE)
    others = await tokens(standard, STANDARD)
    own = await tokens(standard, STANDARD, "spa", **PUBLIC)

    refused = await post(standard, STANDARD, "/revoke", "spa", token=others["refresh_token"], **PUBLIC)
    granted = await post(standard, STANDARD, "/revoke", "spa", token=own["refresh_token"], **PUBLIC)

    assert error(refused) == (400, "invalid_grant")
    assert granted.status == 200
    assert error(await refresh(standard, STANDARD, own["refresh_token"], "spa", **PUBLIC)) == (400, "invalid_grant")


async def test_a_client_may_say_who_it_is_by_basic(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    client = known(STANDARD, "app")
    given = await tokens(standard, STANDARD)
    headers = [("authorization", basic(client.client_id, client.secret))]

    answer = await post(standard, STANDARD, "/revoke", None, token=given["refresh_token"], headers=headers)

    assert answer.status == 200
    assert not await active(standard, given["access_token"])


async def test_a_static_refresh_token_ends_too(database: Path) -> None:
    async with serving(database, [LUCA]) as served:
        await an_application(served, LUCA)
        await a_company(served, LUCA)
        given = await tokens(served, LUCA, organisation=COMPANY)

        assert (await post(served, LUCA, "/revoke", token=given["refresh_token"])).status == 200

        assert error(await refresh(served, LUCA, given["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("sent", "name"), [({}, "token is missing."), ({"token": ""}, "token is missing."), ({"token": "a\0b"}, "NUL")]
)
async def test_V1_a_request_without_a_token_is_malformed(standard: Serving, sent: dict[str, str], name: str) -> None:
    await an_application(standard, STANDARD)

    answer = await post(standard, STANDARD, "/revoke", headers=(), **sent)

    assert error(answer) == (400, "invalid_request")
    assert name in answer.json()["error_description"]


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
async def test_only_post_is_answered(standard: Serving, path: str) -> None:
    answer = await standard.get(STANDARD.url + path)

    assert (answer.status, answer.header("allow")) == (405, "POST")


async def test_a_provider_without_users_has_nothing_to_give_back(breeze: Serving) -> None:
    assert [(await breeze.get(BREEZE.url + path)).status for path in ("/revoke", "/introspect")] == [404, 404]


async def test_V5_a_revocation_that_is_not_written_is_not_confirmed(database: Path) -> None:
    """CVE-2020-15223: the store failed, and the answer was that all went well."""
    store = FailingStore(database)
    try:
        async with serving(database, [STANDARD], store=store) as served:
            await an_application(served, STANDARD)
            given = await tokens(served, STANDARD)
            store.failing["apply"] = StoreUnavailable("the disk is full")
            answer = await post(served, STANDARD, "/revoke", token=given["refresh_token"])
            store.failing.clear()

            assert (answer.status, answer.header("retry-after")) == (503, "1")
            assert await active(served, given["access_token"])
    finally:
        await store.close()


async def test_A13_wrong_secrets_are_counted_here_as_at_the_token_endpoint(standard: Serving) -> None:
    await an_application(standard, STANDARD)
    for _ in range(60):
        await post(standard, STANDARD, "/revoke", client_secret=CANARY, token="x")

    guessing = await post(standard, STANDARD, "/introspect", client_secret=CANARY, token="x")
    right = await post(standard, STANDARD, "/revoke", token="x")

    assert (guessing.status, right.status) == (429, 200)


async def test_T3_a_token_in_the_query_is_refused(standard: Serving) -> None:
    answer = await call(
        standard.application,
        "POST",
        "/acme/revoke",
        headers=[("host", "id.example"), ("content-type", "application/x-www-form-urlencoded")],
        query=f"token={CANARY}",
    )

    assert error(answer) == (400, "invalid_request")
