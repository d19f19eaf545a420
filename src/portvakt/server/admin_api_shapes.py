"""The shapes of what the administration's API takes and answers, by name: see `portvakt.wire.shape`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portvakt.model.audit import Act, ActorKind
from portvakt.model.behalf import Purpose
from portvakt.model.nouns import Algorithm, ClientAuthentication
from portvakt.protocol.answer.token import GRANTS
from portvakt.protocol.govern.clients import (
    DESCRIPTION_CHARACTERS,
    LARGEST_QUOTA,
    LONGEST_WINDOW,
    NAME_CHARACTERS,
    REDIRECT_URIS,
    SCOPES,
)
from portvakt.protocol.govern.keys import KeyState
from portvakt.protocol.govern.secrets import GRACE_LIMIT
from portvakt.server.admin_api_operation import LIMIT, MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.wire.shape import Shape

LONGEST_LIFE = 100 * 365 * 86_400
LONGEST_TEXT = 2_000
LONGEST_TARGET = 8_192
LONGEST_EMAIL = 254
LONGEST_PASSWORD = 1_000

ID: Shape = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"}
NUMBER: Shape = {"type": "string", "pattern": "^[0-9]{1,20}$"}
MOMENT: Shape = {"type": "string", "format": "date-time", "maxLength": 40}
FLAG: Shape = {"type": "boolean"}


def text(most: int = LONGEST_TEXT, least: int = 0) -> Shape:
    """Return the shape of a text."""
    return {"type": "string", "minLength": least, "maxLength": most}


def listed(items: Shape, most: int) -> Shape:
    """Return the shape of a list."""
    return {"type": "array", "items": items, "maxItems": most}


def or_null(shape: Shape) -> Shape:
    """Return the shape of what may be null too."""
    enum = {"enum": [*shape["enum"], None]} if "enum" in shape else {}
    return {**shape, "type": [shape["type"], "null"], **enum}


def one_of(values: Any) -> Shape:
    """Return the shape of one of some texts."""
    return {"type": "string", "enum": [str(value) for value in values]}


def members(*optional: str, **shapes: Shape) -> Shape:
    """Return the shape of an object with these members and no others. All but the `optional` ones are there."""
    required = [name for name in shapes if name not in optional]
    must = {"required": required} if required else {}
    return {"type": "object", "properties": shapes, **must, "additionalProperties": False}


def of(name: str) -> dict[str, str]:
    """Return a reference to a shape by its name, for what is answered."""
    return {"$ref": f"#/components/schemas/{name}"}


def page(name: str) -> Shape:
    """Return the shape of a page of a list. `next`: the page token of the following one."""
    return members(items={"type": "array", "items": of(name)}, next=or_null({"type": "string"}))


LIMITED: Mapping[str, Shape] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
    "after": {"type": "string", "maxLength": 4096, "description": "The `next` of the page before, as it was given."},
}
"""The parameters of every list."""

_QUOTA = members(
    limit={"type": "integer", "minimum": 1, "maximum": LARGEST_QUOTA},
    window={"type": "integer", "minimum": 1, "maximum": LONGEST_WINDOW, "description": "Seconds."},
)
_WORD = text(200, 1)
_EXPIRES_IN = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": LONGEST_LIFE,
    "description": "Seconds that the secret lives; null: it has no end. 180 days by default.",
}

_OF_A_CLIENT: Mapping[str, Shape] = {
    "name": text(NAME_CHARACTERS, 1),
    "description": or_null(text(DESCRIPTION_CHARACTERS)),
    "authentication": or_null(one_of(ClientAuthentication)),
    "grants": or_null({**listed(one_of(GRANTS), len(GRANTS)), "description": "null: all that fit."}),
    "scopes": or_null(listed(_WORD, SCOPES)),
    "default_scopes": or_null(listed(_WORD, SCOPES)),
    "redirect_uris": or_null(listed(text(LONGEST_TEXT, 1), REDIRECT_URIS)),
    "token_quota": or_null(_QUOTA),
}
"""What somebody says of a client. null is as if it had not been said: the default."""

_SECRET = members(
    id=ID,
    prefix=text(),
    last4=text(),
    created=MOMENT,
    expires=or_null(MOMENT),
    revoked=or_null(MOMENT),
    last_used=or_null(MOMENT),
    last_used_from=or_null(text()),
    state=one_of(("live", "expiring", "expired", "revoked")),
)
_CLIENT: Mapping[str, Shape] = {
    "client_id": ID,
    "issuer": ID,
    "name": text(),
    "description": text(),
    "owner": ID,
    "owner_email": text(),
    "organisation": or_null(NUMBER),
    "authentication": one_of(ClientAuthentication),
    "grants": {"type": "array", "items": text()},
    "scopes": {"type": "array", "items": text()},
    "default_scopes": {"type": "array", "items": text()},
    "redirect_uris": {"type": "array", "items": text()},
    "token_quota": or_null(_QUOTA),
    "enabled": FLAG,
    "disabled_by": or_null(one_of(("owner", "operator"))),
    "created": MOMENT,
    "version": {"type": "integer"},
    "secrets": {"type": "array", "items": of("Secret")},
}
_TOLD = {"type": "object", "description": "Members of what it is about; never a secret."}
_REFUSAL: Mapping[str, Shape] = {
    "reference": text(),
    "issuer": ID,
    "at": MOMENT,
    "client_id": or_null(ID),
    "method": text(),
    "path": text(LONGEST_TARGET),
    "address": text(),
    "status": {"type": "integer"},
    "code": text(),
    "reason": text(),
    "near": {"type": "string", "description": "What nearly worked; empty if nothing did."},
    "hints": {"type": "object"},
}
_ACTOR = {"actor_kind": one_of(ActorKind), "actor_issuer": or_null(ID), "actor": text(), "address": text()}
_LOCALE = one_of(("en", "nb"))
_ROLES = listed(_WORD, 50)
_EMAIL = text(LONGEST_EMAIL, 3)
_PASSWORD = {**text(LONGEST_PASSWORD, 1), "format": "password"}
_USER: Mapping[str, Shape] = {
    "user_id": ID,
    "issuer": ID,
    "email": text(),
    "locale": or_null(text()),
    "roles": {"type": "array", "items": text()},
    "enabled": FLAG,
    "created": MOMENT,
    "version": {"type": "integer"},
}

SHAPES: Mapping[str, Shape] = {
    "Problem": members(
        "errors",
        type={"type": "string", "description": "about:blank (RFC 9457 §4.2.1)"},
        title=text(),
        status={"type": "integer"},
        detail=text(),
        code={"type": "string", "description": "What is wrong, for programs."},
        errors={"type": "array", "items": members(path=text(), detail=text())},
    ),
    "TooLong": members(error=text(), error_description=text()),
    "Issuer": members(name=ID, url=text(), provider=text(), api_url=text(), audience=text(), test=FLAG),
    "Issuers": page("Issuer"),
    "Secret": _SECRET,
    "Client": members(**_CLIENT),
    "ClientWithSecret": members(
        client_secret=or_null({"type": "string", "description": "Shown this once; null for a public client."}),
        **_CLIENT,
    ),
    "Clients": page("Client"),
    "NewClient": members(
        *(name for name in (*_OF_A_CLIENT, "owner", "organisation", "expires_in") if name != "name"),
        **_OF_A_CLIENT,
        owner=or_null({**text(255, 1), "description": "A user's id or address; by default yourself."}),
        organisation=or_null(NUMBER),
        expires_in=_EXPIRES_IN,
    ),
    "ClientPatch": members(*_OF_A_CLIENT, **_OF_A_CLIENT),
    "Rotation": members(
        "grace",
        "expires_in",
        grace={
            "type": "integer",
            "minimum": 0,
            "maximum": GRACE_LIMIT,
            "description": "Seconds that the older secrets still work. A day by default.",
        },
        expires_in=_EXPIRES_IN,
    ),
    "Confirmation": members(
        "confirm",
        confirm=or_null({**text(NAME_CHARACTERS), "description": "The client's name: revoke it though it is used."}),
    ),
    "AuditLine": members(
        number={"type": "integer"},
        at=MOMENT,
        act=one_of(Act),
        id=text(),
        client=or_null(ID),
        user=or_null(ID),
        organisation=or_null(NUMBER),
        **_ACTOR,
        request_id=text(),
        before=_TOLD,
        after=_TOLD,
    ),
    "AuditLines": page("AuditLine"),
    "Refusal": members(**_REFUSAL),
    "Refusals": page("Refusal"),
    "Explanation": members(
        **_REFUSAL,
        cause=text(),
        rule=text(),
        what_to_do=text(),
        curl={"type": "string", "description": "The request as it would be right; empty if there is none to show."},
    ),
    "Key": members(
        kid=text(),
        algorithm=one_of(Algorithm),
        created=MOMENT,
        signs_from=MOMENT,
        published_until=or_null(MOMENT),
        revoked=or_null(MOMENT),
        state=one_of(KeyState),
    ),
    "Keys": page("Key"),
    "User": members(**_USER),
    "Person": members(**_USER, has_password=FLAG, memberships={"type": "array", "items": of("Membership")}),
    "Users": page("User"),
    "NewUser": members(
        "locale",
        "roles",
        "password",
        email=_EMAIL,
        locale=or_null(_LOCALE),
        roles=or_null(_ROLES),
        password=or_null(_PASSWORD),
    ),
    "UserPatch": members("locale", "roles", locale=or_null(_LOCALE), roles=or_null(_ROLES)),
    "NewInvitation": members("locale", "roles", email=_EMAIL, locale=or_null(_LOCALE), roles=or_null(_ROLES)),
    "Link": members(
        user_id=ID,
        email=text(),
        purpose=one_of(Purpose),
        url={"type": "string", "description": "Good once. Whoever has it can choose the user's password."},
        expires=MOMENT,
    ),
    "Links": page("Link"),
    "NewPassword": members(password=_PASSWORD),
    "Session": members(session_id=ID, created=MOMENT, expires=MOMENT),
    "Sessions": page("Session"),
    "Membership": members(organisation=NUMBER, name=text(), administrator=FLAG, since=MOMENT),
    "Organisation": members(
        organisation=NUMBER, issuer=ID, name=text(), enabled=FLAG, created=MOMENT, version={"type": "integer"}
    ),
    "Organisations": page("Organisation"),
    "NewOrganisation": members(organisation=NUMBER, name=text(200, 1)),
    "OrganisationPatch": members("name", name=text(200, 1)),
    "Member": members(user_id=ID, email=text(), administrator=FLAG, since=MOMENT, enabled=FLAG),
    "Members": page("Member"),
    "NewMember": members(
        "administrator",
        user={**text(255, 1), "description": "Their code; or, from an operator, an id or address."},
        administrator=FLAG,
    ),
    "MemberPatch": members(administrator=FLAG),
}
