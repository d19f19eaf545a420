"""The pages of clients and their secrets: list, create, show, change, rotate, revoke, disable, enable, delete."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from portvakt.model.decision import Refused
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.values import ClientId, Seconds, SecretId
from portvakt.pages import console as views
from portvakt.protocol.govern.secrets import GRACE_LIMIT, IN_USE, lives
from portvakt.protocol.own_scopes import OWN_SCOPES
from portvakt.server.administering_people import People
from portvakt.server.as_curl import code_url, option, token_request, variables
from portvakt.server.console_client import client_page, rotation
from portvakt.server.console_forms import client_form, filled_from, filled_in, life_from, wish_from
from portvakt.server.console_visit import LINES, NOTHING_TO_DO, number_in, path_with
from portvakt.server.refusal import Refusal, found
from portvakt.store.rows import search_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.nouns import ClientFacts, User
    from portvakt.pages.console import Crumb
    from portvakt.protocol.govern.clients import Wish
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.server.console_visit import Visit


async def clients_pages(visit: Visit, rest: tuple[str, ...]) -> None:
    """Answer at `clients_url` and below it. `rest`: the parts of the path behind it. Raises: Refusal."""
    match rest:
        case ():
            await show_clients(visit)
        case ("new",):
            await _create(visit)
        case (client_id,):
            await _client(visit, client_id)
        case (client_id, "change"):
            await _change(visit, client_id)
        case _:
            await visit.stop(views.Stop.NOT_FOUND)


# --- lists ------------------------------------------------------------------------------------------------------------


async def show_clients(
    visit: Visit,
    *,
    owner: User | None = None,
    organisation: str = "",
    above: str = "",
    tabs: tuple[views.Tab, ...] = (),
) -> None:
    """Answer with clients: of a user, of an organisation (by its number), or all that they may see.

    `above`: what the owner is called; the page then stands below theirs. `tabs`: whose else there are.
    """
    sought, after = visit.asked("q").strip()[:100], visit.asked("after")
    whose = owner.id if owner else None
    everything = visit.actor.operator and owner is None and not organisation
    if sought and everything:
        lines = await _found(visit, sought, after)
    else:
        of = organisation or None
        lines = await visit.clients.page(after=after or None, limit=LINES + 1, owner=whose, organisation=of)
    here, new = visit.call.scope["path"], f"{visit.clients_url}/new"
    crumbs = () if not above else (views.Crumb(url=here.rpartition("/")[0], name=above),)
    command = "client list"
    if owner is not None:
        command += option("owner", owner.email)
        new = path_with(new, owner=owner.email) if above else new
    elif organisation:
        command += option("organisation", organisation)
        new = path_with(new, organisation=organisation)
    elif sought and everything:
        command += option("search", sought)
    query = path_with("/clients", owner=whose or "", organisation=organisation, search=sought if everything else "")
    await visit.show(
        views.ClientList(
            brand=visit.brand,
            frame=visit.framed(*crumbs),
            owner=above,
            tabs=tabs,
            sought=sought,
            search_url=here if everything else None,
            lines=tuple(_line(visit, facts) for facts in lines[:LINES]),
            next_url=path_with(
                here,
                q=sought,
                organisation="" if above else organisation,
                behind=search_key(lines[LINES - 1].client.name) if sought else "",
                after=lines[LINES - 1].client.id,
            )
            if len(lines) > LINES
            else None,
            create_url=new,
            means=visit.means("GET", query, command),
        )
    )


async def _found(visit: Visit, sought: str, after: str) -> list[ClientFacts]:
    """Return a page of those whose name begins with a text, and one more. `after`: the last one that was seen."""
    cursor = (visit.asked("behind"), ClientId(after)) if after else None
    return await visit.clients.find(sought, after=cursor, limit=LINES + 1)


def _line(visit: Visit, facts: ClientFacts) -> views.ClientLine:
    client, now = facts.client, visit.now
    live = [secret for secret in facts.secrets if lives(secret, now)]
    ends = [secret.expires_at for secret in live if secret.expires_at is not None]
    return views.ClientLine(
        client_id=client.id,
        url=f"{visit.clients_url}/{client.id}",
        name=client.name,
        owner=facts.organisation.name if facts.organisation else facts.owner.email,
        enabled=client.disabled_at is None,
        public=client.authentication is ClientAuthentication.NONE,
        live=len(live),
        ends=max(ends) if ends and len(ends) == len(live) else None,
        used=max((secret.last_used_at for secret in facts.secrets if secret.last_used_at), default=None),
    )


# --- create and change ------------------------------------------------------------------------------------------------


async def _create(visit: Visit) -> None:
    crumbs = (views.Crumb(url=visit.clients_url, room=visit.above),)
    choices = await _choices(visit)
    if not visit.posts:
        filled = views.Filled(owner=visit.asked("owner")[:254], organisation=visit.asked("organisation")[:40])
        await visit.show(client_form(visit, filled, crumbs, choices=choices))
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    filled = filled_in(form)
    try:
        wish = wish_from(filled, None, visit.now)
        if OWN_SCOPES & set(wish.scopes) and not visit.is_recent:  # its secret would administer for as long as it lives
            await visit.log_in_again(f"{visit.clients_url}/new")
            return
        organisation = filled.organisation.strip() or None
        owner = await _owner(visit, filled, wish, organisation)
        made = await visit.clients.create(wish, owner, organisation=organisation)
    except Refusal as refusal:
        visit.call.refused = refusal.refused
        await visit.show(client_form(visit, filled, crumbs, choices=choices, problem=refusal.refused))
        return
    await _show_secret(visit, made, client_form(visit, filled, ()).means, older_end=None)


async def _owner(visit: Visit, filled: views.Filled, wish: Wish, organisation: str | None) -> User:
    if not visit.actor.operator:
        return visit.facts.user
    name, email = visit.issuer.name, filled.owner.strip() or visit.facts.user.email
    known = await visit.store.user_by_email(name, email)
    if known is None and email == visit.facts.user.email:  # the operator, who is to have a user at this issuer, too
        await visit.clients.check(wish, organisation)
        people = People(visit.issuer, visit.store, visit.desk.clock, visit.actor, visit.by)
        return (await people.create(email)).user
    return found("user", known)


async def _choices(visit: Visit) -> tuple[views.Choice, ...]:
    """Return whose a new client may be, where it is not an operator who makes it."""
    actor = visit.actor
    if actor.operator:
        return ()
    own = (views.Choice(number="", name=visit.facts.user.email),) if actor.developer else ()
    theirs = (one for one in visit.facts.organisations if one.number in actor.administers)
    return (*own, *(views.Choice(number=one.number, name=one.name) for one in theirs))


async def _change(visit: Visit, client_id: str) -> None:
    facts = await visit.clients.show(client_id)
    crumbs = _crumbs(visit, facts)
    filled = filled_from(facts.client, version=facts.client.version)
    if not visit.posts:
        await visit.show(client_form(visit, filled, crumbs, changed=facts.client))
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    filled = replace(filled_in(form), authentication=form.get("authentication", filled.authentication))
    if OWN_SCOPES & {*facts.client.scopes, *filled.scopes.split()} and not visit.is_recent:
        await visit.log_in_again(f"{visit.clients_url}/{client_id}/change")
        return
    try:
        await visit.clients.change(client_id, lambda was: wish_from(filled, was, visit.now), version=_version(form))
    except Refusal as refusal:
        visit.call.refused = refusal.refused
        await visit.show(client_form(visit, filled, crumbs, changed=facts.client, problem=refusal.refused))
        return
    await visit.go(path_with(f"{visit.clients_url}/{client_id}", done=views.Done.CHANGED.value))


def _crumbs(visit: Visit, facts: ClientFacts) -> tuple[Crumb, ...]:
    client = facts.client
    return (
        views.Crumb(url=visit.clients_url, room=visit.above),
        views.Crumb(url=f"{visit.clients_url}/{client.id}", name=client.name),
    )


# --- one client -------------------------------------------------------------------------------------------------------


async def _client(visit: Visit, client_id: str) -> None:
    """Show a client, or do what a form of its page says."""
    # So that what is shown, and what revoking asks, is what was used till now.
    await visit.installed.uses.write(visit.store)
    facts = await visit.clients.show(client_id)
    if not visit.posts:
        done = next((one for one in views.Done if one.value == visit.asked("done")), None)
        await visit.show(client_page(visit, facts, done=done))
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    here = f"{visit.clients_url}/{client_id}"
    if _is_dangerous(form, facts) and not visit.is_recent:
        await visit.log_in_again(path_with(here, done=views.Done.AGAIN.value))
        return
    try:
        done_or_new = await _act(visit, facts, form)
    except Refusal as refusal:
        await _show_refused(visit, client_id, refusal.refused)
        return
    if isinstance(done_or_new, views.Done):
        await visit.go(path_with(here, done=done_or_new.value))
    elif done_or_new is not None:
        grace = min(number_in(form, "grace"), GRACE_LIMIT)
        means = rotation(visit, client_id, grace, form.get("expires", ""), form.get("until", ""))
        await _show_secret(visit, done_or_new, means, older_end=grace)
    else:
        await visit.go(visit.clients_url)


async def _act(visit: Visit, facts: ClientFacts, form: Mapping[str, str]) -> views.Done | NewSecret | None:
    """Do what a form says; None: the client is gone."""
    clients, client_id, version = visit.clients, facts.client.id, _version(form)
    match form.get("do"):
        case "rotate":
            life = life_from(form.get("expires", ""), form.get("until", ""), visit.now)
            grace = Seconds(number_in(form, "grace"))
            return await clients.rotate_secret(client_id, grace=grace, expires_in=life, version=version)
        case "revoke":
            secret_id, name = SecretId(form.get("secret", "")), form.get("confirm", "").strip()
            await clients.revoke_secret(client_id, secret_id, confirmed=name or None, version=version)
            return views.Done.REVOKED
        case "disable":
            await clients.set_enabled(client_id, False, version=version)
            return views.Done.DISABLED
        case "enable":
            await clients.set_enabled(client_id, True, version=version)
            return views.Done.ENABLED
        case "delete":
            if form.get("confirm", "").strip() != facts.client.name:
                raise Refusal(Refused("invalid_request", "That is not the client's name.", reason="confirmation"))
            await clients.delete(client_id, version=version)
            return None
        case _:
            raise Refusal(NOTHING_TO_DO)


def _is_dangerous(form: Mapping[str, str], facts: ClientFacts) -> bool:
    """Whether an act cuts somebody off, or gives who may administer: then a session that lies open is not enough."""
    do = form.get("do")
    if do == "rotate":
        return number_in(form, "grace") < IN_USE or bool(OWN_SCOPES & set(facts.client.scopes))
    return do in {"revoke", "disable", "delete"}


async def _show_refused(visit: Visit, client_id: str, refused: Refused) -> None:
    """Show the client as it is now, and why nothing was done to it."""
    visit.call.refused = refused
    facts = await visit.clients.show(client_id)
    codes = {"in_use": views.Wrong.IN_USE, "changed": views.Wrong.CHANGED}
    wrong = views.Wrong.NAME if refused.reason == "confirmation" else codes.get(refused.code, views.Wrong.REFUSED)
    await visit.show(client_page(visit, facts, wrong=wrong, detail=refused.description, status=refused.status))


async def _show_secret(visit: Visit, new: NewSecret, means: views.OtherMeans, *, older_end: int | None) -> None:
    """Answer with a client's credentials: the only time that its secret is seen."""
    client, issuer, now = new.facts.client, visit.issuer, visit.now
    verifier = secrets.token_urlsafe(32)
    await visit.show(
        views.SecretShown(
            brand=visit.brand,
            frame=visit.framed(*_crumbs(visit, new.facts)),
            client_name=client.name,
            client_id=client.id,
            client_secret=None if new.secret is None else new.secret.reveal(),
            env=variables(issuer, client, new.secret),
            file_name=f"{issuer.name}.env",
            code_url=code_url(issuer, client, verifier, state=secrets.token_urlsafe(16)),
            curl=token_request(issuer, client, new.secret, verifier),
            ends=new.facts.secrets[-1].expires_at if new.facts.secrets else None,
            rotated=older_end is not None,
            older_end=None if not older_end else type(now)(now + older_end),
            client_url=f"{visit.clients_url}/{client.id}",
            means=means,
        )
    )


def _version(form: Mapping[str, str]) -> int:
    return number_in(form, "version")
