"""What can go wrong when an API is called, and who is to blame. No text holds a secret or a token."""

from __future__ import annotations


class ClientError(Exception):
    """The root of what this room raises, wrong arguments aside: those are a ValueError or a TypeError."""


class TokenRefused(ClientError):
    """The authorization server said no (RFC 6749 §5.2): the credentials, or what was asked for, must change.

    `code` is its error code, such as `invalid_client`; `description` its own words, "" if it gave none; `status`
    the HTTP status.
    """

    def __init__(self, text: str, *, code: str, description: str, status: int) -> None:
        super().__init__(text)
        self.code = code
        self.description = description
        self.status = status


class RateLimited(ClientError):
    """A 429 (RFC 6585 §4) asks for a longer wait than `max_wait`.

    `retry_at`: Unix seconds. Nothing is sent before.
    """

    def __init__(self, text: str, *, retry_at: int) -> None:
        super().__init__(text)
        self.retry_at = retry_at


class BadReply(ClientError):
    """What came is no answer of a token endpoint, or of an issuer's metadata. It was not kept."""


class Unreachable(ClientError):
    """There was no answer: no connection, a time-out, a fault of the server (5xx).

    `retry_at`: Unix seconds. Until then calls fail at once, so that a server that is down is not asked by everyone.
    `lasting`: asking again is no use before something is mended: its certificate is not trusted, it speaks no TLS, the
    file that `SSL_CERT_FILE` names cannot be read. That is not tried again by itself.
    """

    def __init__(self, text: str, *, retry_at: int, lasting: bool = False) -> None:
        super().__init__(text)
        self.retry_at = retry_at
        self.lasting = lasting


class LoginRequired(ClientError):
    """A user has to log in: nobody has, or what they gave has ended. The text says how. Trying again is no use."""


class LoginRefused(ClientError):
    """A browser came back without what was asked for.

    `code` is the authorization server's error code (RFC 6749 §4.1.2.1), such as `access_denied` where the user said no,
    and `description` its own words; both are "" where what came back is not the answer to what was asked. Nothing was
    sent then.
    """

    def __init__(self, text: str, *, code: str = "", description: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.description = description


class WrongTarget(ClientError):
    """A token was to be sent where it does not belong: another host than the API's, or plain http. It was not sent."""
