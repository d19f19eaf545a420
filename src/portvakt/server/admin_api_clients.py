"""The administration's API: clients and their secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Quota
from portvakt.model.values import ClientId, OrganisationNumber, Seconds, UserId
from portvakt.protocol.govern.clients import Wish
from portvakt.server.admin_api_operation import Answer, Operation, Role, Unfit, Versioned
from portvakt.server.admin_api_shapes import ID, LIMITED, NUMBER, text
from portvakt.server.admin_api_shown import show_client, show_new
from portvakt.server.administering_clients import DEFAULT_LIFE, Clients
from portvakt.server.administering_people import People
from portvakt.server.refusal import Refusal
from portvakt.store.rows import search_key
from portvakt.wire.shape import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portvakt.model.nouns import ClientFacts, User
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.server.admin_api_operation import Ask

GRACE = Seconds(86_400)

_LIST = "clients"
_FILTERS = ("owner", "organisation", "search")
_NO_OWNER = Refused(INVALID_REQUEST, "There is no such owner at this issuer.")


def clients_of(ask: Ask) -> Clients:
    """Return the clients of the issuer that is meant, as far as they are theirs who ask."""
    office = ask.office
    return Clients(
        issuer=ask.issuer,
        store=office.store,
        clock=office.clock,
        pepper=office.pepper,
        actor=ask.who.actor,
        by=ask.who.by,
    )


async def list_clients(ask: Ask) -> Answer:
    """Return a page of clients."""
    owner, organisation, search = (ask.text(name) for name in _FILTERS)
    if sum(each is not None for each in (owner, organisation, search)) > 1:
        raise Unfit((Fault("/owner", "owner, organisation and search do not go together"),))
    cursor = ask.cursor(_LIST, *_FILTERS)
    if search is not None:
        past = None if cursor is None else (str(cursor[0]), ClientId(str(cursor[1])))
        found = await clients_of(ask).find(search, after=past, limit=ask.limit + 1)
    else:
        actor = ask.who.actor
        if actor.user is None and owner is None and len(actor.administers) == 1:
            organisation = next(iter(actor.administers)) if organisation is None else organisation
        found = await clients_of(ask).page(
            after=None if cursor is None else str(cursor[0]),
            limit=ask.limit + 1,
            owner=None if owner is None else UserId(owner),
            organisation=organisation,
        )
    now = ask.office.clock()
    following = None
    if len(found) > ask.limit:
        last = found[ask.limit - 1].client
        following = [last.id] if search is None else [search_key(last.name), last.id]
    items = [show_client(facts, now) for facts in found[: ask.limit]]
    return Answer(body={"items": items, "next": ask.following(_LIST, following, *_FILTERS)})


async def create_client(ask: Ask) -> Answer:
    """Make a client."""
    body = ask.body
    organisation = body.get("organisation")
    expires_in = body.get("expires_in", DEFAULT_LIFE)
    wish = replace(merged(Wish(name=""), body), expires_in=None if expires_in is None else Seconds(expires_in))
    owner = await _owner(ask, wish)
    number = None if organisation is None else OrganisationNumber(organisation)
    new = await clients_of(ask).create(wish, owner, organisation=number)
    return _new(ask, new, 201)


async def _owner(ask: Ask, wish: Wish) -> User:
    """Return whose a new client is to be: by default theirs who ask, with a user at the issuer if they had none."""
    who, store, name, named = ask.who, ask.office.store, ask.issuer.name, ask.body.get("owner")
    if named is not None and ask.who.actor.operator:
        found = await (store.user_by_email(name, named) if "@" in named else store.user(name, UserId(named)))
        if found is None:
            raise Refusal(_NO_OWNER)
        return found
    if named is not None and named not in {who.user.id, who.user.email}:
        raise Refusal(Refused("access_denied", "You may not make clients for that owner.", 403))
    if who.issuer.name == name:
        return who.user
    known = await store.user_by_email(name, who.user.email)
    if known is not None:
        return known
    await clients_of(ask).check(wish, ask.body.get("organisation"))
    people = People(ask.issuer, store, ask.office.clock, who.actor, who.by)
    return (await people.create(who.user.email)).user


async def show(ask: Ask) -> Answer:
    """Return a client."""
    return _known(ask, await clients_of(ask).show(ask.client_id))


async def change(ask: Ask) -> Answer:
    """Change a client: what counts is what it is with the changes, all of it (RFC 7396; Z3)."""
    facts = await clients_of(ask).change(ask.client_id, lambda wish: merged(wish, ask.body), version=ask.version)
    return _known(ask, facts)


async def delete(ask: Ask) -> Answer:
    """Delete a client."""
    await clients_of(ask).delete(ask.client_id, version=ask.version)
    return Answer(status=204)


async def disable(ask: Ask) -> Answer:
    """Disable a client."""
    return _known(ask, await clients_of(ask).set_enabled(ask.client_id, False, version=ask.version))


async def enable(ask: Ask) -> Answer:
    """Enable a client."""
    return _known(ask, await clients_of(ask).set_enabled(ask.client_id, True, version=ask.version))


async def rotate(ask: Ask) -> Answer:
    """Give a client a new secret."""
    expires_in = ask.body.get("expires_in", DEFAULT_LIFE)
    new = await clients_of(ask).rotate_secret(
        ask.client_id,
        grace=Seconds(ask.body.get("grace", GRACE)),
        expires_in=None if expires_in is None else Seconds(expires_in),
        version=ask.version,
    )
    return _new(ask, new, 201)


async def revoke(ask: Ask) -> Answer:
    """Revoke a secret."""
    facts = await clients_of(ask).revoke_secret(
        ask.client_id, ask.secret_id, confirmed=ask.body.get("confirm"), version=ask.version
    )
    return _known(ask, facts)


def merged(wish: Wish, patch: Mapping[str, Any]) -> Wish:
    """Return a wish with the members of a patch; null is as if it had never been said (RFC 7396 §2)."""
    return replace(wish, **{name: _SAID[name](value) for name, value in patch.items() if name in _SAID})


def _words(value: list[str] | None) -> tuple[str, ...]:
    return tuple(value or ())


def _quota(value: dict[str, int] | None) -> Quota | None:
    return None if value is None else Quota(value["limit"], Seconds(value["window"]))


_SAID: Mapping[str, Callable[[Any], Any]] = {
    "name": lambda value: value,
    "description": lambda value: value or "",
    "authentication": lambda value: ClientAuthentication(value or ClientAuthentication.ANY_SECRET),
    "grants": _words,
    "scopes": _words,
    "default_scopes": _words,
    "redirect_uris": _words,
    "token_quota": _quota,
}


def _known(ask: Ask, facts: ClientFacts) -> Answer:
    return Answer(body=show_client(facts, ask.office.clock()), version=facts.client.version)


def _new(ask: Ask, new: NewSecret, status: int) -> Answer:
    client = new.facts.client
    return Answer(
        status=status,
        body=show_new(new, ask.office.clock()),
        version=client.version,
        location=f"{ask.url}/clients/{client.id}",
    )


_ALL = "/issuers/{issuer}/clients"
_ONE = "/issuers/{issuer}/clients/{client_id}"

OPERATIONS = (
    Operation(
        name="listClients",
        method="GET",
        path=_ALL,
        summary="A page of clients: all, for an operator; else your own, or with organisation those of one of yours.",
        role=Role.ANYBODY,
        handle=list_clients,
        query={
            **LIMITED,
            "owner": {**ID, "description": "The id of a user: those that are theirs."},
            "organisation": {**NUMBER, "description": "Those of an organisation."},
            "search": {**text(200, 1), "description": "Those whose name begins so. For an operator."},
        },
        answers={200: "Clients"},
        refusals=(404,),
    ),
    Operation(
        name="createClient",
        method="POST",
        path=_ALL,
        summary="Make a client. Its secret is in the answer, and nowhere afterwards. Both work at once.",
        role=Role.MAKER,
        handle=create_client,
        body="NewClient",
        answers={201: "ClientWithSecret"},
        refusals=(404,),
    ),
    Operation(
        name="showClient",
        method="GET",
        path=_ONE,
        summary="A client, with what may be known of its secrets.",
        role=Role.OWNER,
        handle=show,
        answers={200: "Client"},
        refusals=(404,),
    ),
    Operation(
        name="changeClient",
        method="PATCH",
        path=_ONE,
        summary="Change a client (RFC 7396). null is as if the member had never been said.",
        role=Role.OWNER,
        handle=change,
        body="ClientPatch",
        answers={200: "Client"},
        versioned=Versioned.MUST,
        refusals=(404,),
    ),
    Operation(
        name="deleteClient",
        method="DELETE",
        path=_ONE,
        summary="Delete a client with its secrets, and end what users gave it. Its id is not given again.",
        role=Role.OWNER,
        handle=delete,
        answers={204: None},
        versioned=Versioned.MUST,
        refusals=(404,),
    ),
    Operation(
        name="disableClient",
        method="POST",
        path=f"{_ONE}/disable",
        summary="Disable a client: it is refused as if there were none, and guards refuse its tokens.",
        role=Role.OWNER,
        handle=disable,
        answers={200: "Client"},
        versioned=Versioned.MAY,
        refusals=(404,),
    ),
    Operation(
        name="enableClient",
        method="POST",
        path=f"{_ONE}/enable",
        summary="Enable a client again. Tokens of before stay refused.",
        role=Role.OWNER,
        handle=enable,
        answers={200: "Client"},
        versioned=Versioned.MAY,
        refusals=(404,),
    ),
    Operation(
        name="rotateSecret",
        method="POST",
        path=f"{_ONE}/secrets",
        summary="Give a client a new secret, shown this once. Each older one ends at its own end, or after the grace.",
        role=Role.OWNER,
        handle=rotate,
        body="Rotation",
        needs_body=False,
        answers={201: "ClientWithSecret"},
        versioned=Versioned.MAY,
        refusals=(404, 409),
    ),
    Operation(
        name="revokeSecret",
        method="POST",
        path=f"{_ONE}/secrets/{{secret_id}}/revoke",
        summary="Revoke a secret at once. One that was used in the last hour only with the client's name.",
        role=Role.OWNER,
        handle=revoke,
        body="Confirmation",
        needs_body=False,
        answers={200: "Client"},
        versioned=Versioned.MAY,
        refusals=(404, 409),
    ),
)
