"""Why requests were refused, in English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.decision import (
    ACCESS_DENIED,
    INSUFFICIENT_SCOPE,
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TARGET,
    INVALID_TOKEN,
    SERVER_ERROR,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_GRANT_TYPE,
)
from portvakt.model.provider import Body
from portvakt.protocol.govern.explanations import Explanations, Say
from portvakt.protocol.govern.near import NearMiss

if TYPE_CHECKING:
    from collections.abc import Mapping

_CURRENT_SECRET = "Use another secret of the client that has not ended, or make one: rotate the client's secret."
_NEW_CODE = "Send the user through the log-in again, and use the new code at once, once."

_NEAR: Mapping[str, Say] = {
    NearMiss.BODY: Say(
        "The body was {sent}; this endpoint takes {taken}, and the Content-Type has to say so.",
        "RFC 6749 §4.4.2 and appendix B: a token request is a form; {provider} takes {taken}.",
        "Send the parameters as {taken}, with that Content-Type. curl -d sends a form.",
    ),
    NearMiss.UNENCODED_BASIC: Say(
        "Client id and secret ({shown_as}) are right, but were put into the Basic header without form-encoding them.",
        "RFC 6749 §2.3.1: id and secret are each form-encoded, then joined by a colon and put into base64.",
        "Percent-encode id and secret before they go into the header, or send them in the body if the client may.",
    ),
    NearMiss.OTHER_ISSUER: Say(
        "What was shown is of the issuer {issuer}; the request went to {here}.",
        "RFC 6749 §2: a client is registered at one authorization server. Test and production have their own.",
        "Send the request to {issuer}, or use a client of {here}.",
    ),
    NearMiss.AUTHENTICATION: Say(
        "The client authenticated by {sent}, and is set to {needed} alone.",
        "RFC 7591 §2 (token_endpoint_auth_method): a client authenticates as it is registered.",
        "Authenticate by {needed}, or change how the client authenticates.",
    ),
    NearMiss.EXPIRED_SECRET: Say(
        "The secret {shown_as} is the client's, and expired at {ended}.",
        "A secret lives until the end that was chosen for it.",
        _CURRENT_SECRET,
    ),
    NearMiss.REVOKED_SECRET: Say(
        "The secret {shown_as} is the client's, and was revoked at {ended}.",
        "A revoked secret is refused within a second.",
        f"{_CURRENT_SECRET} If nobody of yours sent it, somebody else has it.",
    ),
    NearMiss.EXPIRED_TOKEN: Say(
        "The access token expired at {ended}.",
        'RFC 6750 §3.1: invalid_token, "the access token provided is expired".',
        "Get a new access token, and get the next one before expires_in has passed.",
    ),
    NearMiss.AUDIENCE: Say(
        "The audience is wrong: what is asked for or shown is not for {needed}.",
        "RFC 8707 §2 and RFC 9068 §4: a token is for the API that its aud names, and resource names that API.",
        "Leave resource out or set it to {needed}, and show a token to the API that it is for.",
    ),
    NearMiss.SCOPE: Say(
        "The client may not ask for: {lacking}.",
        "RFC 6749 §5.2: invalid_scope, a scope that is unknown or more than the client has.",
        "Ask for scopes that the client has ({scopes}), or have the others given to the client.",
    ),
    NearMiss.REDIRECT_URI: Say(
        "The redirect_uri differs from the registered {registered} in one thing: {differs}.",
        "RFC 9700 §2.1: redirect URIs are compared character by character.",
        "Send exactly {registered}, or register the one that is sent.",
    ),
    NearMiss.CODE_USED: Say(
        "The code had been used before. What it gave was ended, since one of the two users may be a thief.",
        "RFC 6749 §4.1.2: a client must not use a code more than once.",
        f"{_NEW_CODE} Look for a retry, a reloaded callback page or two processes that share one callback.",
    ),
    NearMiss.REFRESH_TOKEN_USED: Say(
        "The refresh token had been used before; each is for one refresh, and the answer holds the next.",
        "RFC 9700 §4.14.2: a rotated refresh token that is shown again is a replay, which ends all that it gave.",
        "Keep the refresh token of each answer before the next request, in one place for all processes. "
        "The user has to log in again.",
    ),
    NearMiss.QUOTA: Say(
        "The client's quota is used up: {limit} requests in {window} seconds. The next window begins at {until}.",
        "RFC 6585 §4; the quota is {provider}'s, or this client's own.",
        "Keep an access token until shortly before its end instead of getting one for each request, "
        "and wait for as long as Retry-After says.",
    ),
    NearMiss.FAILURES: Say(
        "Too many requests failed to authenticate: {limit} in {window} seconds. Failures are heard again at {until}.",
        "RFC 6749 §2.3.1: the server protects secrets against guessing. The right secret works all the same.",
        "Look for a program that goes on with a wrong secret, and correct it.",
    ),
}

_REASONS: Mapping[str, Say] = {
    "unknown client": Say(
        "No client has the client_id that was sent.",
        "RFC 6749 §5.2: invalid_client.",
        "Copy the client_id again, and look whether it is one of this issuer.",
    ),
    "client_id is missing.": Say(
        "The request names no client.",
        "RFC 6749 §2.3.1.",
        "Send client_id and client_secret, in the body or in a Basic header.",
    ),
    "wrong secret": Say(
        "The secret is none of the client's.",
        "RFC 6749 §5.2: invalid_client.",
        "Copy the whole secret again, without spaces or line ends, or rotate the client's secret.",
    ),
    "no secret was sent": Say(
        "The client has to prove who it is, and sent no secret.",
        "RFC 6749 §3.2.1.",
        "Send the client's secret. A shell variable that is not set sends an empty one.",
    ),
    "a public client sent a secret": Say(
        "The client is a public one, which has no secret, and it sent one.",
        "RFC 6749 §2.1.",
        "Leave the secret out, or make a confidential client.",
    ),
    "the client is disabled": Say(
        "", "A disabled client is refused within a second.", "Enable the client, if it should be used."
    ),
    "the client's owner is disabled": Say(
        "", "A client acts with its owner's roles, and stops with its owner.", "Have the owner enabled."
    ),
    "the client's organisation is disabled": Say(
        "", "A client of an organisation stops with it.", "Have the organisation enabled."
    ),
    "unknown code": Say(
        "What was sent as code is none: it was cut, or changed on its way, or is long over.",
        "RFC 6749 §5.2: invalid_grant.",
        f"Take the code from the callback's query, decoded once. {_NEW_CODE}",
    ),
    "the code has expired": Say("", "RFC 6749 §4.1.2: a code lives shortly.", _NEW_CODE),
    "the code belongs to another client": Say(
        "", "RFC 6749 §5.2: invalid_grant.", "Redeem a code as the client that asked for it."
    ),
    "redirect_uri is another one": Say(
        "redirect_uri is not the one with which the code was asked for.",
        "RFC 6749 §4.1.3: the values must be identical.",
        f"Send the same redirect_uri twice. The code is used up: {_NEW_CODE[0].lower()}{_NEW_CODE[1:]}",
    ),
    "redirect_uri is not registered": Say(
        "", "RFC 9700 §2.1: redirect URIs are compared character by character.", "Register the one that is sent."
    ),
    "code_verifier does not match the challenge": Say(
        "",
        "RFC 7636 §4.6: the challenge is the base64url of the verifier's SHA-256, without padding.",
        f"Keep one verifier for each log-in, and send that one. {_NEW_CODE}",
    ),
    "unknown refresh token": Say(
        "What was sent as refresh_token is none: it was cut, or changed, or is long over.",
        "RFC 6749 §5.2: invalid_grant.",
        "Use the refresh token of the last answer, whole. Else the user has to log in again.",
    ),
    "the refresh token was revoked": Say(
        "", "RFC 6749 §5.2: invalid_grant.", "The user has to log in again, and allow it."
    ),
    "the grant was revoked": Say("", "RFC 6749 §5.2: invalid_grant.", "The user has to log in again, and allow it."),
}

_CODES: Mapping[str, Say] = {
    INVALID_REQUEST: Say("", "RFC 6749 §5.2: invalid_request.", "Correct the request as the cause says."),
    INVALID_CLIENT: Say("", "RFC 6749 §5.2: invalid_client.", "Look at client_id and secret."),
    INVALID_GRANT: Say("", "RFC 6749 §5.2: invalid_grant.", "The user has to log in again."),
    INVALID_SCOPE: Say("", "RFC 6749 §3.3 and §5.2: invalid_scope.", "Ask for scopes that the client has."),
    INVALID_TARGET: Say("", "RFC 8707 §2: invalid_target.", "Leave resource out."),
    INVALID_TOKEN: Say("", "RFC 6750 §3.1: invalid_token.", "Get a new access token for this issuer's API."),
    INSUFFICIENT_SCOPE: Say(
        "", "RFC 6750 §3.1: insufficient_scope.", "Have the scope given to the client, and ask for it."
    ),
    UNAUTHORIZED_CLIENT: Say(
        "", "RFC 6749 §5.2: unauthorized_client.", "Have the grant type given to the client, or use one that it has."
    ),
    UNSUPPORTED_GRANT_TYPE: Say(
        "", "RFC 6749 §5.2: unsupported_grant_type.", "Use one of {grants}, spelled exactly so."
    ),
    ACCESS_DENIED: Say("", "RFC 6749 §4.1.2.1: access_denied.", "The user said no, or has nothing to give."),
    SERVER_ERROR: Say(
        "The server was at fault, not the request.", "RFC 6749 §4.1.2.1: server_error.", "Try the same again."
    ),
}

ENGLISH = Explanations(
    near=_NEAR,
    reasons=_REASONS,
    codes=_CODES,
    otherwise=Say("", "RFC 6749 §5.2.", "Correct the request as the cause says."),
    either=" or ",
    none="none",
    not_known="(not known)",
    bodies={Body.JSON.value: "JSON (application/json)", Body.FORM.value: f"a form ({Body.FORM.value})"},
    differing={},
)
