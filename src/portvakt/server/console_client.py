"""One client as its page shows it: its members, its secrets, and each act by other means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from portvakt.model.nouns import ClientAuthentication
from portvakt.model.values import Instant, Seconds
from portvakt.pages import console as views
from portvakt.protocol.govern.clients import disables, enables
from portvakt.protocol.govern.secrets import IN_USE, lives
from portvakt.server.as_curl import option
from portvakt.server.console_forms import life_by_other_means, spelled
from portvakt.server.console_visit import tomorrow

if TYPE_CHECKING:
    from portvakt.model.nouns import ClientFacts, ClientSecret
    from portvakt.server.console_visit import Visit

EXPIRING = Seconds(7 * 86400)
"""How long before its end a secret is said to be expiring: the longest overlap of a rotation."""


def client_page(
    visit: Visit,
    facts: ClientFacts,
    *,
    done: views.Done | None = None,
    wrong: views.Wrong | None = None,
    detail: str = "",
    status: int = 200,
) -> views.ClientPage:
    """Return the page. `done`, `wrong`: what came of a form of it."""
    client, now = facts.client, visit.now
    here = f"{visit.clients_url}/{client.id}"
    organisation = facts.organisation
    return views.ClientPage(
        brand=visit.brand,
        frame=visit.framed(views.Crumb(url=visit.clients_url, room=visit.above)),
        action=here,
        csrf=visit.csrf,
        version=client.version,
        client_id=client.id,
        name=client.name,
        description=client.description,
        owner=facts.owner.email,
        owner_url=f"{visit.root}/users/{facts.owner.id}" if visit.actor.operator else None,
        organisation="" if organisation is None else organisation.name,
        authentication=client.authentication.value,
        public=client.authentication is ClientAuthentication.NONE,
        grants=tuple(sorted(client.grants)),
        scopes=client.scopes,
        redirect_uris=client.redirect_uris,
        token_quota=spelled(client.token_quota),
        created=client.created_at,
        enabled=client.disabled_at is None,
        enables=enables(client, visit.actor),
        disables=disables(client, visit.actor),
        secrets=tuple(_line(visit, facts, secret, now) for secret in reversed(facts.secrets)),
        earliest=tomorrow(now),
        change_url=f"{here}/change",
        log_url=f"{visit.root}/log?{urlencode({'client': client.id})}",
        refusals_url=f"{visit.root}/refusals?{urlencode({'client': client.id})}",
        acts=_acts(visit, client.id),
        done=done,
        wrong=wrong,
        detail=detail,
        status=status,
    )


def _line(visit: Visit, facts: ClientFacts, secret: ClientSecret, now: Instant) -> views.SecretLine:
    used = secret.last_used_at
    in_use = lives(secret, now) and used is not None and now - used <= IN_USE
    client_id, path = facts.client.id, f"/clients/{facts.client.id}/secrets/{secret.id}/revoke"
    command = f"client revoke-secret {client_id} {secret.id}" + (" --force" if in_use else "")
    body = {"confirm": facts.client.name} if in_use else {}
    return views.SecretLine(
        secret_id=secret.id,
        prefix=secret.prefix,
        last4=secret.last4,
        created=secret.created_at,
        ends=secret.expires_at,
        used=used,
        used_from=secret.last_used_from or "",
        state=_state(secret, now),
        in_use=in_use,
        means=visit.means("POST", path, command, body),
    )


def _state(secret: ClientSecret, now: Instant) -> views.State:
    if secret.revoked_at is not None:
        return views.State.REVOKED
    if secret.expires_at is None or secret.expires_at > now + EXPIRING:
        return views.State.LIVE
    return views.State.EXPIRED if now >= secret.expires_at else views.State.EXPIRING


def rotation(visit: Visit, client_id: str, grace: int, expires: str, until: str) -> views.OtherMeans:
    """Return a rotation by other means. `expires`, `until`: as in the form."""
    body, options = life_by_other_means(expires, until, visit.now)
    command = f"client rotate-secret {client_id}" + option("grace", f"{grace}s") + options
    return visit.means("POST", f"/clients/{client_id}/secrets", command, {"grace": grace, **body})


def _acts(visit: Visit, client_id: str) -> views.ClientActs:
    here = f"/clients/{client_id}"
    return views.ClientActs(
        rotate=visit.means(
            "POST", f"{here}/secrets", f"client rotate-secret {client_id} --grace 24h", {"grace": 86_400}
        ),
        enable=visit.means("POST", f"{here}/enable", f"client enable {client_id}"),
        disable=visit.means("POST", f"{here}/disable", f"client disable {client_id}"),
        delete=visit.means("DELETE", here, f"client delete {client_id}", versioned=True),
    )
