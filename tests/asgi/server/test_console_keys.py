"""The page of signing keys: which there are, and who may make the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from administered import ACME, OPERATOR, OTHER, Administered
from browsers import admin, signed_in
from issuing import INSTALLATION, serving
from portvakt.model.audit import Act, ActorKind
from portvakt.model.nouns import Algorithm
from portvakt.protocol.govern.keys import OVERLAP
from portvakt.server.administering_audit import Sought
from portvakt.server.administration import Administration

if TYPE_CHECKING:
    from pathlib import Path

    from html_pages import Page

KEYS = f"/admin/{ACME.name}/keys"
QUARTER = 15 * 60


def dos(page: Page) -> set[str]:
    return {form.fields["do"] for form in page.forms if "do" in form.fields}


async def test_an_operator_rotates_once_and_again_when_the_next_key_signs(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    store = administered.served.store
    form = (await browser.get(KEYS)).form("/keys")

    done = await browser.submit(form)
    after = await browser.get(done.location)
    twice = await browser.submit(form)
    administered.served.clock.advance(OVERLAP)
    later = await browser.get(KEYS)

    first, second = await store.signing_keys(ACME.name)
    (entry,) = (await Administration(store, INSTALLATION).log(ACME).page(Sought(act=Act.KEY_ROTATED)))[1]
    assert done.location == f"{KEYS}?done=rotated"
    assert "waits for its turn" in after.text
    assert dos(after) == {"revoke"}
    assert twice.status == 400
    assert "A new key is published and waits for its turn to sign." in twice.text
    assert later.text.index(second.id) < later.text.index("Signing<") < later.text.index(first.id)
    assert dos(later) == {"rotate", "revoke"}
    assert (entry.event.id, entry.by.kind, entry.by.id) == (second.id, ActorKind.USER, OPERATOR.user_id)


async def test_FT20_an_operator_revokes_a_key_by_typing_the_environments_name(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    store = administered.served.store
    form = next(form for form in (await browser.get(KEYS)).forms if form.fields.get("do") == "revoke")
    (key,) = await store.signing_keys(ACME.name)

    wrong = await browser.submit(form, key=key.id, confirm="other")
    nobodys = await browser.submit(form, key="nobody", confirm=ACME.name)
    untouched = await store.signing_keys(ACME.name)
    done = await browser.submit(form, key=key.id, confirm=f" {ACME.name} ")
    after = await browser.get(done.location)

    old, new = await store.signing_keys(ACME.name)
    (entry,) = (await Administration(store, INSTALLATION).log(ACME).page(Sought(act=Act.KEY_REVOKED)))[1]
    assert [wrong.status, nobodys.status, untouched] == [400, 404, (key,)]
    assert "That is not the environment&#39;s name." in wrong.text
    assert done.location == f"{KEYS}?done=revoked"
    assert "all that it signed is refused" in after.text
    assert (old.revoked_at is not None, new.revoked_at) == (True, None)
    assert f'value="{old.id}"' not in after.text  # there is nothing more to revoke
    assert (entry.event.id, entry.by.kind, entry.by.id) == (old.id, ActorKind.USER, OPERATOR.user_id)


async def test_a_session_that_lies_open_and_a_form_from_elsewhere_rotate_nothing(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(KEYS)).form("/keys")

    stranger = await browser.submit(form, csrf="x")
    nothing = await browser.submit(form, do="explode")
    administered.served.clock.advance(QUARTER + 1)
    stopped = await browser.submit(form)
    again = await browser.log_in(admin(OPERATOR), await browser.get(stopped.location))

    assert [stranger.status, nothing.status] == [403, 400]
    assert stopped.location == f"/portvakt/login?return_to={KEYS}%3Fdone%3Dagain"
    assert "You have logged in again" in again.text
    assert len(await administered.served.store.signing_keys(ACME.name)) == 1


async def test_an_algorithm_that_waits_for_a_rotation_is_named(database: Path) -> None:
    changed = replace(OTHER, algorithm=Algorithm.ES256 if OTHER.algorithm is not Algorithm.ES256 else Algorithm.RS256)
    async with serving(database, [OPERATOR.issuer, ACME, changed]) as served:
        administered = Administered(served)
        await administered.fill()
        page = await (await signed_in(administered, OPERATOR)).get(f"/admin/{OTHER.name}/keys")

    assert f"The settings ask for {changed.algorithm.value}." in page.text
