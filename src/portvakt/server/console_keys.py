"""The page of an issuer's signing keys, for operators: which there are, and the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.pages import console as views
from portvakt.protocol.govern.keys import signing_key, state_of
from portvakt.server.administering_keys import SigningKeys
from portvakt.server.console_visit import NOTHING_TO_DO, path_with
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.server.console_visit import Visit

_NOT_ITS_NAME = Refused(INVALID_REQUEST, "That is not the environment's name. Nothing was revoked.", 400)


async def keys_page(visit: Visit) -> None:
    """Show the keys, or rotate them or revoke one as the form says. Raises: Refusal."""
    here = f"{visit.root}/keys"
    if not visit.posts:
        await _show(visit)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    do = form.get("do")
    if do not in {"rotate", "revoke"}:
        await _show(visit, NOTHING_TO_DO)
        return
    if not visit.is_recent:
        await visit.log_in_again(path_with(here, done=views.KeysDone.AGAIN.value))
        return
    if do == "revoke" and form.get("confirm", "").strip() != visit.issuer.name:
        await _show(visit, _NOT_ITS_NAME)
        return
    try:
        await (_keys(visit).rotate() if do == "rotate" else _keys(visit).revoke(form.get("key", "")))
    except Refusal as refusal:
        await _show(visit, refusal.refused)
        return
    done = views.KeysDone.ROTATED if do == "rotate" else views.KeysDone.REVOKED
    await visit.go(path_with(here, done=done.value))


def _keys(visit: Visit) -> SigningKeys:
    return SigningKeys(
        issuer=visit.issuer,
        store=visit.store,
        clock=visit.desk.clock,
        sealing=visit.installed.sealing,
        actor=visit.actor,
        by=visit.by,
    )


async def _show(visit: Visit, refused: Refused | None = None) -> None:
    issuer, now = visit.issuer, visit.now
    found = await _keys(visit).every()
    newest, signs = found[-1], signing_key(found, now).id
    visit.call.refused = refused
    await visit.show(
        views.Keys(
            brand=visit.brand,
            frame=visit.framed(),
            action=f"{visit.root}/keys",
            csrf=visit.csrf,
            lines=tuple(
                views.KeyLine(
                    key_id=key.id,
                    algorithm=key.algorithm.value,
                    state=state_of(key, found, now).value,
                    created=key.created_at,
                    signs_from=key.signs_from,
                    until=key.published_until,
                )
                for key in reversed(found)
            ),
            waits=newest.signs_from > now,
            algorithm="" if newest.algorithm is issuer.algorithm else issuer.algorithm.value,
            done=next((one for one in views.KeysDone if one.value == visit.asked("done")), None),
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
            means=visit.means("GET", "/keys", "keys list"),
            rotate=visit.means("POST", "/keys/rotate", "keys rotate"),
            issuer=issuer.name,
            revoke=visit.means("POST", f"/keys/{signs}/revoke", f"keys revoke {signs}"),
        )
    )
