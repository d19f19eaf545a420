"""The form in which a client is made or changed, and what was filled in."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Quota, Refresh
from portvakt.model.values import Seconds
from portvakt.pages.console import Choice, ClientForm, Filled
from portvakt.protocol.govern.clients import Wish
from portvakt.server.as_curl import by_other_means
from portvakt.server.console_visit import day_begins, tomorrow
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.values import Instant
    from portvakt.pages.console import Crumb, OtherMeans
    from portvakt.server.console_visit import Visit

DAYS = ("30", "90", "180", "365")
_DAY = 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": _DAY}
_QUOTA = re.compile(r"([0-9]{1,10}) ?/ ?([0-9]{0,5})([smhd])", re.ASCII)


def filled_in(form: Mapping[str, str]) -> Filled:
    """Return what a form says; what it leaves out is as in an empty one."""
    known = {one.name for one in fields(Filled)}
    return Filled(**{name: value for name, value in form.items() if name in known})


def filled_from(client: Client, *, version: int) -> Filled:
    """Return a form that says what a client is."""
    return Filled(
        name=client.name,
        description=client.description,
        scopes=" ".join(client.scopes),
        default_scopes=" ".join(client.default_scopes),
        redirect_uris="\n".join(client.redirect_uris),
        authentication=client.authentication.value,
        token_quota=spelled(client.token_quota),
        version=str(version),
    )


def wish_from(filled: Filled, was: Wish | None, now: Instant) -> Wish:
    """Return the client that a form asks for. `was`: what it changes; grants are those that fit.

    Raises: Refusal, with what is wrong.
    """
    try:
        authentication = ClientAuthentication(filled.authentication)
    except ValueError:
        raise _refusal("Choose how the client authenticates.") from None
    wish = Wish(
        name=filled.name.strip(),
        description=" ".join(filled.description.split()),
        authentication=authentication,
        scopes=tuple(filled.scopes.split()),
        default_scopes=tuple(filled.default_scopes.split()),
        redirect_uris=tuple(filled.redirect_uris.split()),
        token_quota=_quota(filled.token_quota),
    )
    if was is None:
        return replace(wish, expires_in=life_from(filled.expires, filled.until, now))
    same = bool(wish.redirect_uris) is bool(was.redirect_uris)
    return replace(wish, grants=was.grants if same else ())


def life_from(expires: str, until: str, now: Instant) -> Seconds:
    """Return for how long a secret is to live. Raises: Refusal."""
    if expires in DAYS:
        return Seconds(int(expires) * _DAY)
    end = day_begins(until)
    if expires != "date" or end is None or end <= now or end - now > 100 * 365 * _DAY:
        raise _refusal("Choose when the secret ends: a number of days, or a date in the future.")
    return Seconds(end - now)


def spelled(quota: Quota | None) -> str:
    """Return a quota as forms and commands have it: 100/60s; "" for none."""
    return "" if quota is None else f"{quota.limit}/{quota.window}s"


def client_form(
    visit: Visit,
    filled: Filled,
    crumbs: tuple[Crumb, ...],
    *,
    changed: Client | None = None,
    choices: tuple[Choice, ...] = (),
    problem: Refused | None = None,
) -> ClientForm:
    """Return the form's page. `changed`: the client that it changes, None for a new one."""
    provider = visit.issuer.provider
    operator = visit.actor.operator
    own = visit.clients_url if changed is None else f"{visit.clients_url}/{changed.id}"
    return ClientForm(
        brand=visit.brand,
        frame=visit.framed(*crumbs),
        action=own + ("/new" if changed is None else "/change"),
        csrf=visit.csrf,
        filled=filled,
        changes="" if changed is None else changed.name,
        asks_owner=operator and changed is None,
        choices=choices if changed is None else (),
        known_scopes=provider.scopes,
        acts_for_users=provider.authorize_path is not None,
        authentications=_authentications(visit.issuer, changed),
        has_quotas=operator,
        earliest=tomorrow(visit.now),
        problem="" if problem is None else problem.description,
        status=200 if problem is None else problem.status,
        means=_means(visit, filled, changed),
        back_url=own,
    )


def _authentications(issuer: Issuer, changed: Client | None) -> tuple[str, ...]:
    every = [one.value for one in ClientAuthentication]
    public = ClientAuthentication.NONE
    if changed is not None:
        return tuple(one for one in every if (one == public) is (changed.authentication is public))
    has_public = issuer.provider.authorize_path is not None and issuer.provider.refresh is not Refresh.STATIC
    return tuple(one for one in every if has_public or one != public)


def _means(visit: Visit, filled: Filled, changed: Client | None) -> OtherMeans:
    body: dict[str, object] = {"name": filled.name or "NAME"}
    if changed is not None:
        command = f"client update {changed.id} --name {shlex.quote(filled.name)}"
        return by_other_means(visit.api_url, visit.issuer, "PATCH", f"/clients/{changed.id}", command, body)
    command = f"client create --name {shlex.quote(filled.name or 'NAME')}"
    if filled.owner:
        body["owner"] = filled.owner
        command += f" --owner {shlex.quote(filled.owner)}"
    if filled.organisation:
        body["organisation"] = filled.organisation
        command += f" --organisation {shlex.quote(filled.organisation)}"
    return by_other_means(visit.api_url, visit.issuer, "POST", "/clients", command, body)


def _quota(text: str) -> Quota | None:
    if not text.strip():
        return None
    said = _QUOTA.fullmatch(text.strip())
    if said is None:
        raise _refusal("A quota is a number and a length of time, such as 100/60s or 3600/1h.")
    return Quota(int(said[1]), Seconds(int(said[2] or "1") * _UNITS[said[3]]))


def _refusal(text: str) -> Refusal:
    return Refusal(Refused(INVALID_REQUEST, text, reason=text))
