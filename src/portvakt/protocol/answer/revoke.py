"""The revocation endpoint (RFC 7009): a client gives back a token that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.behalf import RefreshFacts
from portvakt.model.decision import INVALID_GRANT, UNSUPPORTED_TOKEN_TYPE, Granted, Refused
from portvakt.protocol.ending import end_family, end_grant

if TYPE_CHECKING:
    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Instant
    from portvakt.protocol.answer.presented import Presented
    from portvakt.protocol.answer.token import Authenticated

_NOT_YOURS = Refused(INVALID_GRANT, "The token belongs to another client.")


def revoke(
    issuer: Issuer, authenticated: Authenticated, presented: Presented, *, now: Instant
) -> Granted[None] | Refused:
    """Decide on a token that an authenticated client wants to end. Either kind of token ends the whole grant.

    A token that is unknown, expired or malformed has ended: nothing is wrong (RFC 7009 §2.2). One of another client is
    left as it is.
    """
    if presented is None:
        return Granted(None)
    client_id = authenticated.facts.client.id
    if isinstance(presented, RefreshFacts):
        if presented.family.client_id != client_id:
            return _NOT_YOURS
        return Granted(None, end_family(issuer, presented.family, presented.standing.grant, now))
    if presented.token.client_id != client_id:
        return _NOT_YOURS
    if presented.token.grant_id is None:  # RFC 7009 §2.2.1; it was never stored, and there is no grant to end
        return Refused(UNSUPPORTED_TOKEN_TYPE, "An access token of a client itself is not revoked. It ends soon.")
    if presented.standing is None:
        return Granted(None)
    return Granted(None, end_grant(issuer, presented.standing.grant, now))
