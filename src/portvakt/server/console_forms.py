"""The form in which a client is made or changed, and what was filled in."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Quota, Refresh
from portvakt.model.values import Seconds
from portvakt.pages.console import Choice, ClientForm, Filled
from portvakt.protocol.govern.clients import Wish
from portvakt.server.as_curl import option
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
_ONES = {"description": "description", "authentication": "auth", "owner": "owner", "organisation": "organisation"}
_LISTS = {"scopes": "scope", "default_scopes": "default-scope", "redirect_uris": "redirect-uri"}
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
        acts_alone="client_credentials" in provider.grants,
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


def life_by_other_means(expires: str, until: str, now: Instant) -> tuple[dict[str, object], str]:
    """Return how the API and the command say for how long a secret is to live; nothing where a form says nothing."""
    if expires == Filled().expires:
        return {}, ""
    try:
        body: dict[str, object] = {"expires_in": life_from(expires, until, now)}
    except Refusal:
        return {}, ""
    return body, option("expires", until if expires == "date" else f"{expires}d")


def _means(visit: Visit, filled: Filled, changed: Client | None) -> OtherMeans:
    """Return what a form asks for by other means: the name, and whatever is not as it was or as it would be anyhow."""
    was = Filled() if changed is None else filled_from(changed, version=changed.version)
    body: dict[str, object] = {"name": filled.name or "NAME"}
    options = option("name", filled.name or "NAME")
    for member, spelling in _ONES.items():
        value = getattr(filled, member).strip()
        if value != getattr(was, member):
            body[member] = value
            options += option(spelling, value)
    for member, spelling in _LISTS.items():
        values = getattr(filled, member).split()
        if values != getattr(was, member).split():
            body[member] = values
            options += option(spelling, *(values or [""]))
    if filled.token_quota != was.token_quota:
        quota = _quota_or_none(filled.token_quota)
        body["token_quota"] = None if quota is None else {"limit": quota.limit, "window": quota.window}
        options += option("token-quota", spelled(quota) or "none")
    if changed is not None:
        path, command = f"/clients/{changed.id}", f"client update {changed.id}{options}"
        return visit.means("PATCH", path, command, body, versioned=True)
    life, until = life_by_other_means(filled.expires, filled.until, visit.now)
    return visit.means("POST", "/clients", f"client create{options}{until}", {**body, **life})


def _quota_or_none(text: str) -> Quota | None:
    try:
        return _quota(text)
    except Refusal:
        return None


def _quota(text: str) -> Quota | None:
    if not text.strip():
        return None
    said = _QUOTA.fullmatch(text.strip())
    if said is None:
        raise _refusal("A quota is a number and a length of time, such as 100/60s or 3600/1h.")
    return Quota(int(said[1]), Seconds(int(said[2] or "1") * _UNITS[said[3]]))


def _refusal(text: str) -> Refusal:
    return Refusal(Refused(INVALID_REQUEST, text, reason=text))
