"""From the bytes of a request to the authorization endpoint to its parameters (RFC 6749 §4.1.1).

Whatever raises here is answered by an error page: a request that cannot be read for certain sends nobody anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.model.values import ClientId
from portvakt.wire.errors import WireError, parameter_error
from portvakt.wire.form import parse_form
from portvakt.wire.query import spell_query

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTHORIZE_LIMIT = 7_680
"""The longest query or body of an authorization request, in characters, as `spell_query` spells it.

It becomes part of a request's target more than once, also behind a log-in, and servers take 8 KiB of one.
"""

STATE_CHARACTERS = 2048

_STATE = re.compile(r"[\x20-\x7e]+")  # RFC 6749 App. A.5: 1*VSCHAR
_REPEATABLE = frozenset({"resource"})  # RFC 8707 §2


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeRequest:
    """An authorization request whose form is right: each parameter at most once, none empty, all text without NUL.

    `state` goes back as it came. `parameters` are all of them, the first three too; `resource`, which may repeat, is
    one text with spaces between.
    """

    client_id: ClientId
    redirect_uri: str | None
    state: str | None = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)


def too_long() -> WireError:
    """Return what a request beyond `AUTHORIZE_LIMIT` is told, in whichever way it came."""
    said = f"The authorization request is longer than {AUTHORIZE_LIMIT} characters, percent-encoded."
    return WireError(None, said, 413)


def read_authorize_request(query: bytes, body: bytes | None = None) -> AuthorizeRequest:
    """Read an authorization request: the query of a GET, or the form of a POST, which then has no query.

    A parameter with an empty value counts as left out (RFC 6749 §3.1); unknown ones are kept for others to ignore.

    Raises: WireError: 413 beyond `AUTHORIZE_LIMIT`; no `client_id`; a `state` that is not 1 to 2048 characters of
        printable ASCII; a parameter twice, with a NUL, or that is not percent-encoded UTF-8.
    """
    if body is not None and query:  # two places for one parameter: a proxy might look at one, we at the other
        raise WireError(None, "A posted authorization request has no query.")
    text = query if body is None else body
    if len(text) > AUTHORIZE_LIMIT or len(spell_query(text)) > AUTHORIZE_LIMIT:
        raise too_long()
    try:
        fields = parse_form(text, repeatable=_REPEATABLE)
    except WireError as error:
        if error.parameter is not None:
            raise
        fields = None
    if fields is None:
        raise WireError(None, "The authorization request is not a list of parameters in percent-encoded UTF-8.")
    parameters = {name: value for name, value in fields.items() if value}
    client_id, state = parameters.get("client_id"), parameters.get("state")
    if client_id is None:
        raise parameter_error("client_id", "is missing")
    if state is not None and (len(state) > STATE_CHARACTERS or not _STATE.fullmatch(state)):
        raise parameter_error("state", f"is not 1 to {STATE_CHARACTERS} characters of printable ASCII")
    return AuthorizeRequest(
        client_id=ClientId(client_id),
        redirect_uri=parameters.get("redirect_uri"),
        state=state,
        parameters=parameters,
    )
