"""What no operation of the administration's API takes for anything but a text or a mistake, wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from administered import ACME, BAKERY, MEMBER, OPERATOR, OTHER, OWN, Administered
from issuing import a_client, known, serving
from portvakt.model.change import Applied
from portvakt.server.admin_api import OPERATIONS
from portvakt.server.admin_api_shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from asgi_driver import Answer
    from portvakt.server.admin_api_operation import Operation

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
LISTS = [each for each in OPERATIONS if "limit" in each.query]
TAKING = [each for each in OPERATIONS if each.body is not None]
QUOTED = ("'\" ; -- \\ %' OR '1'='1'; DROP TABLE clients; --", "\x00")
PLACES = {
    "issuer": "acme",
    "client_id": known(ACME, "everywhere").client_id,
    "secret_id": "sec_none",
    "user_id": str(MEMBER.user_id),
    "kid": "none",
    "session_id": "ses_none",
    "organisation": str(BAKERY),
    "reference": "00000000-0",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_together(shared_database: Path) -> AsyncIterator[Administered]:
    """One server for all cases."""
    async with serving(shared_database, [OWN, ACME, OTHER]) as served:
        made = Administered(served)
        await made.fill()
        assert await served.store.apply(a_client(ACME, "everywhere")) == Applied()
        yield made


async def ask(
    administered: Administered, operation: Operation, sent: Any = ..., query: str = "", **places: str
) -> Answer:
    """Ask as an operator, with a version that nothing has; what is not said is right."""
    path = operation.path.format(**PLACES, **places) if not places else operation.path.format(**{**PLACES, **places})
    if sent is ... and operation.needs_body and operation.body is not None:
        sent = {}
    return await administered.ask(OPERATOR, operation.method, path, sent, query=query, if_match='"999"')


def fields_of(shape: Any) -> dict[str, Any]:
    found: dict[str, Any] = shape.get("properties", {})
    return found


@EVERY
async def test_W5_what_sql_would_read_is_a_text_in_every_string_of_every_operation(
    all_together: Administered, operation: Operation
) -> None:
    administered, tables = all_together, all_together.served.rows().keys()
    for text in QUOTED:
        answers = [
            *[
                await ask(administered, operation, **{name: quote(text, safe="")})
                for name in PLACES
                if f"{{{name}}}" in operation.path
            ],
            *[await ask(administered, operation, query=urlencode({name: text})) for name in operation.query],
        ]
        for name, shape in fields_of(SHAPES.get(operation.body or "", {})).items():
            value = [text] if "array" in shape.get("type", ()) else text
            answers.append(await ask(administered, operation, {name: value}))
        # What is there is of another version, and what is named so is not there; a client may be called anything.
        assert {answer.status for answer in answers} <= {200, 201, 400, 404, 412}, operation.name
        found = [one for answer in answers if answer.status == 200 for one in answer.json().get("items", ())]
        assert [one for one in found if one.get("name") != text] == []
    assert administered.served.rows().keys() == tables


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
async def test_Z8_W5_every_list_has_pages_of_one_to_a_hundred_and_no_page_token_but_its_own(
    all_together: Administered, operation: Operation
) -> None:
    clients = next(each for each in LISTS if each.name == "listClients")
    others = clients if operation is not clients else next(each for each in LISTS if each.name == "listUsers")
    token = (await ask(all_together, others, query="limit=1")).json()["next"]
    assert token

    for limit in ("0", "-1", "101", "1000000000", "x", ""):
        assert (await ask(all_together, operation, query=f"limit={limit}")).status == 400
    for after in (token, "x", "", "%27%20OR%201=1", "%00"):
        answer = await ask(all_together, operation, query=f"after={after}")
        assert (answer.status, [one["path"] for one in answer.json()["errors"]]) == (400, ["/after"])


async def test_H1_no_answer_is_kept_by_a_cache(all_together: Administered) -> None:
    """Each answer of these tests is held to it; here stand those that have a body of their own, and the refusals."""
    for method, path, status in (
        ("GET", "/issuers", 200),
        ("GET", "/issuers/acme/audit", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/issuers", 405),
    ):
        answer = await all_together.ask(OPERATOR, method, path)
        assert (answer.status, answer.header("cache-control"), answer.header("pragma")) == (
            status,
            "no-store",
            "no-cache",
        )
        assert answer.header("vary") == "Cookie, Authorization"


async def test_U13_an_address_is_one_users_however_it_is_spelled(all_together: Administered) -> None:
    async def made(email: str) -> tuple[int, str]:
        answer = await all_together.ask(OPERATOR, "POST", "/issuers/acme/users", {"email": email})
        return answer.status, answer.json().get("detail", "")

    taken = (400, "There is a user with that address already.")
    assert (await made("k\u00e5re.ffoss@example.no"))[0] == 201
    for same in ("K\u00c5RE.FFOSS@EXAMPLE.NO", "ka\u030are.ffoss@example.no", "\u212a\u00e5re.\ufb00oss@example.no"):
        assert await made(same) == taken
    for none in ("k\u00e5re\u200b@example.no", "k\u00e5re\u202e@example.no", "k\u00e5re@example.no ", "k\u00e5re"):
        assert (await made(none))[0] == 400


@pytest.mark.parametrize("operation", TAKING, ids=lambda operation: operation.name)
async def test_Z3_no_member_of_any_body_is_taken_for_what_it_is_not(
    all_together: Administered, operation: Operation
) -> None:
    assert operation.body is not None
    for name, shape in fields_of(SHAPES[operation.body]).items():
        for value in (None, 1, 1.5, True, "x", ["x"], [None], {}, {"a": 1}, [["x"]]):
            answer = await ask(all_together, operation, {name: value})
            taken = shape.get("type", ())
            fits = KINDS[type(value)] in ([taken] if isinstance(taken, str) else taken)
            if not fits:
                assert answer.status == 400, (name, value)
                assert f"/{name}" in [one["path"] for one in answer.json()["errors"]], (name, value)
            assert answer.status in {200, 201, 204, 400, 404, 412}, (name, value)


KINDS = {
    type(None): "null",
    int: "integer",
    float: "number",
    bool: "boolean",
    str: "string",
    list: "array",
    dict: "object",
}
