"""An authorization request (RFC 6749 §4.1.1): first where its answer may go, then the checks in the order of `CHECKS`.

Until a client and a redirect URI of its own are known, nothing is sent anywhere. After that a refusal goes back to
the client, once the user has logged in (RFC 9700 §4.11.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from portvakt.model.decision import (
    INVALID_REQUEST,
    LOGIN_REQUIRED,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_RESPONSE_TYPE,
    Refused,
)
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import LoopbackPort, Prompt
from portvakt.model.values import OrganisationNumber, Seconds
from portvakt.protocol.answer.asked import apis_of, ask_scopes, refuse_audience, refuse_resource
from portvakt.protocol.answer.token import AUTHORIZATION_CODE
from portvakt.protocol.live import why_client_is_dead
from portvakt.protocol.own_scopes import SELF_SERVICE
from portvakt.wire.redirect_uri import LOOPBACK_LITERALS, LOOPBACK_NAMES, answer_uri, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portvakt.model.behalf import Session
    from portvakt.model.nouns import Client, ClientFacts, Issuer
    from portvakt.model.values import Instant
    from portvakt.wire.authorize_request import AuthorizeRequest

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636 §4.2: base64url of 32 octets
_NUMBER = re.compile(r"[0-9]{1,20}")
_SECONDS = re.compile(r"[0-9]{1,10}")


class Unknown(Enum):
    """What of a request is not known, so that its answer goes nowhere."""

    CLIENT = "client"
    REDIRECT_URI = "redirect_uri"


@dataclass(frozen=True, slots=True)
class NoTarget:
    """An error page, never a redirect. `detail` is for whoever made the application, `reason` for the operator."""

    unknown: Unknown
    detail: str
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where an answer may be sent: a client, and a redirect URI of its own. Only `find_target` makes one."""

    facts: ClientFacts
    redirect_uri: str
    redirect_sent: bool


@dataclass(frozen=True, slots=True)
class SendBack:
    """A redirect to the client, by 303 (RFC 9700 §4.12). Its text holds the code."""

    location: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose answer may be sent back."""

    issuer: Issuer
    request: AuthorizeRequest
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What a client asks a user for, checked. Only `check_request` makes one.

    `organisation`: the only company that will do. `asks_anew`: the user is asked whatever they agreed to before.
    `asks_nothing`: no page is shown. `max_age`: how long ago the user may have logged in; 0: they do so again.
    """

    target: Target
    scopes: tuple[str, ...]
    state: str | None = field(repr=False)
    challenge: str | None
    organisation: OrganisationNumber | None
    locale: str | None
    asks_anew: bool
    asks_nothing: bool = False
    max_age: Seconds | None = None


def find_target(issuer: Issuer, request: AuthorizeRequest, facts: ClientFacts | None) -> Target | NoTarget:
    """Decide whether the answer to a request may be sent anywhere. `facts` are None for an unknown client."""
    reason = why_client_is_dead(facts)
    if facts is None or reason:
        return NoTarget(Unknown.CLIENT, "The client_id is not known here.", reason)
    registered = facts.client.redirect_uris
    if request.redirect_uri is None:
        if "redirect_uri" in issuer.provider.authorize_requires or len(registered) != 1:
            return NoTarget(Unknown.REDIRECT_URI, "redirect_uri is missing.", "redirect_uri is missing")
        return Target(facts, registered[0], redirect_sent=False)
    if is_registered(issuer, facts.client, request.redirect_uri):
        return Target(facts, request.redirect_uri, redirect_sent=True)
    text = "redirect_uri is not one that the client registered. It is compared character by character."
    return NoTarget(Unknown.REDIRECT_URI, text, "redirect_uri is not registered")


def is_registered(issuer: Issuer, client: Client, redirect_uri: str) -> bool:
    """Whether an answer to a client may be sent to this URI."""
    hosts = _any_port_on(issuer, client)
    return any(matches(uri, redirect_uri, any_port_on=hosts) for uri in client.redirect_uris)


def check_request(issuer: Issuer, request: AuthorizeRequest, target: Target) -> Authorization | Refused:
    """Decide whether a user may be asked. A refusal goes back to the client by `send_back_refusal`."""
    asked = Asked(issuer, request, target)
    for check in CHECKS:
        refused = check(asked)
        if refused is not None:
            return refused
    own = SELF_SERVICE if issuer.administration else frozenset[str]()
    scopes = ask_scopes(issuer.provider, target.facts.client, request.parameters.get("scope"), own=own)
    if isinstance(scopes, Refused):
        return scopes
    refused = refuse_audience(issuer, scopes, request.parameters.get("resource"))
    if refused is not None:
        return refused
    number = request.parameters.get("organisation_number")
    prompts = prompts_of(issuer, request) or frozenset()
    return Authorization(
        target=target,
        scopes=scopes,
        state=request.state,
        challenge=request.parameters.get("code_challenge"),
        organisation=None if number is None else OrganisationNumber(number),
        locale=request.parameters.get("locale"),
        asks_anew=Prompt.CONSENT in prompts,
        asks_nothing=Prompt.NONE in prompts,
        max_age=Seconds(0) if Prompt.LOGIN in prompts else _max_age(issuer, request),
    )


def prompts_of(issuer: Issuer, request: AuthorizeRequest) -> frozenset[Prompt] | None:
    """Return what a request wants the user to be asked; None if it is nothing that is offered."""
    said = request.parameters.get("prompt")
    if said is None:
        return frozenset()
    wanted = set(said.split(" "))
    if not wanted <= issuer.provider.prompts or (Prompt.NONE in wanted and len(wanted) > 1):
        return None
    return frozenset(map(Prompt, wanted))


def must_log_in(authorization: Authorization, session: Session, now: Instant) -> bool:
    """Whether whoever is logged in has to log in again (OpenID Connect Core §3.1.2.1).

    What asked for it is left out of the request that the new log-in comes back to: it is done.
    """
    max_age = authorization.max_age
    return max_age is not None and (max_age == 0 or now - session.created_at > max_age)


LOG_IN_FIRST = Refused(LOGIN_REQUIRED, "The user must log in.")
"""For a client that wants no page shown."""


def nothing_missing(asked: Asked) -> Refused | None:
    """RFC 6749 §4.1.2.1: "The request is missing a required parameter". Which are, the provider says."""
    for name in asked.issuer.provider.authorize_requires:
        if name not in asked.request.parameters:
            return Refused(INVALID_REQUEST, f"{name} is missing.")
    return None


def no_request_object(asked: Asked) -> Refused | None:
    """RFC 9101 is not offered, and a request object that is passed over would be a request that nobody made."""
    for name in ("request", "request_uri"):
        if name in asked.request.parameters:
            return Refused(f"{name}_not_supported", f"{name} is not supported.")  # RFC 9101 §6.3
    return None


def response_type_is_code(asked: Asked) -> Refused | None:
    """RFC 6749 §3.1.1, RFC 9700 §2.1.2: no token is ever sent through a browser."""
    if asked.request.parameters.get("response_type", "code") != "code":
        return Refused(UNSUPPORTED_RESPONSE_TYPE, "This server answers response_type code.")
    return None


def answer_is_in_the_query(asked: Asked) -> Refused | None:
    """The response mode of `code` (OAuth 2.0 Multiple Response Types §2.1)."""
    if asked.request.parameters.get("response_mode", "query") != "query":
        return Refused(INVALID_REQUEST, "This server answers response_mode query.")
    return None


def client_uses_codes(asked: Asked) -> Refused | None:
    """RFC 6749 §4.1.2.1: unauthorized_client."""
    if AUTHORIZATION_CODE not in asked.target.facts.client.grants:
        return Refused(UNAUTHORIZED_CLIENT, "The client may not ask for codes.")
    return None


def resource_is_known(asked: Asked) -> Refused | None:
    """RFC 8707 §2.1."""
    return refuse_resource(apis_of(asked.issuer), asked.request.parameters.get("resource"))


def challenge_is_s256(asked: Asked) -> Refused | None:
    """RFC 7636 §4.4.1, RFC 9700 §2.1.1. Without a method it would be `plain` (RFC 7636 §4.3), which protects nobody."""
    challenge = asked.request.parameters.get("code_challenge")
    method = asked.request.parameters.get("code_challenge_method")
    if challenge is None:
        if method is not None or _is_public(asked.target.facts.client):
            return Refused(INVALID_REQUEST, "code_challenge is missing.")
        return None
    if method != "S256":
        return Refused(INVALID_REQUEST, "transform algorithm not supported: code_challenge_method is S256.")
    if not _CHALLENGE.fullmatch(challenge):
        return Refused(INVALID_REQUEST, "code_challenge is not 43 characters of base64url.")
    return None


def organisation_is_a_number(asked: Asked) -> Refused | None:
    """Whether the user belongs to it is asked later; digits are all that it may hold."""
    number = asked.request.parameters.get("organisation_number")
    if number is not None and not _NUMBER.fullmatch(number):
        return Refused(INVALID_REQUEST, "organisation_number is not a number of digits.")
    return None


def prompt_is_offered(asked: Asked) -> Refused | None:
    """One that is not is not passed over: it asks for something that would not happen."""
    if prompts_of(asked.issuer, asked.request) is None:
        taken = ", ".join(prompt for prompt in Prompt if prompt in asked.issuer.provider.prompts)
        return Refused(INVALID_REQUEST, f"This server takes prompt {taken}.")
    return None


def max_age_is_a_number(asked: Asked) -> Refused | None:
    """OpenID Connect Core §3.1.2.1: "Specifies the allowable elapsed time in seconds"."""
    said = asked.request.parameters.get("max_age", "0")
    if Prompt.LOGIN in asked.issuer.provider.prompts and not _SECONDS.fullmatch(said):
        return Refused(INVALID_REQUEST, "max_age is not a number of seconds.")
    return None


CHECKS: tuple[Callable[[Asked], Refused | None], ...] = (
    no_request_object,
    nothing_missing,
    response_type_is_code,
    answer_is_in_the_query,
    client_uses_codes,
    resource_is_known,
    challenge_is_s256,
    organisation_is_a_number,
    prompt_is_offered,
    max_age_is_a_number,
)
"""And then the scopes, which are part of the answer."""


def send_back_refusal(issuer: Issuer, target: Target, state: str | None, refused: Refused) -> SendBack:
    """Return the way back with an error (RFC 6749 §4.1.2.1) that says who sends it (RFC 9207 §2)."""
    said = {"error": refused.code, "error_description": refused.description or None, "state": state, "iss": issuer.url}
    return _send_back(target.redirect_uri, said)


def send_back_code(
    issuer: Issuer, redirect_uri: str, *, code: str, scopes: tuple[str, ...], state: str | None
) -> SendBack:
    """Return the way back with a code: the members that the provider's answer has, in its order."""
    said = {"code": code, "scope": " ".join(scopes), "state": state, "iss": issuer.url}
    return _send_back(redirect_uri, {name: said[name] for name in issuer.provider.redirect_members})


def _send_back(redirect_uri: str, said: Mapping[str, str | None]) -> SendBack:
    return SendBack(answer_uri(redirect_uri, [(name, text) for name, text in said.items() if text is not None]))


def _max_age(issuer: Issuer, request: AuthorizeRequest) -> Seconds | None:
    said = request.parameters.get("max_age")
    return None if said is None or Prompt.LOGIN not in issuer.provider.prompts else Seconds(int(said))


def _is_public(client: Client) -> bool:
    return client.authentication is ClientAuthentication.NONE


def _any_port_on(issuer: Issuer, client: Client) -> frozenset[str]:
    """Return the hosts on which a redirect URI of this client may have another port (RFC 8252 §7.3)."""
    rule = issuer.provider.loopback_port
    if rule is LoopbackPort.TESTS_TOO:
        return LOOPBACK_LITERALS if issuer.test or _is_public(client) else frozenset()
    return LOOPBACK_NAMES if _is_public(client) else frozenset()
