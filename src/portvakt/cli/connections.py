"""`portvakt connections`: which log-ins are kept in this user's folder; nothing that is secret of them."""

import time
from typing import TYPE_CHECKING

from portvakt.cli.options import Json
from portvakt.cli.outcome import Exit, Stop, complain, say, say_json, say_table
from portvakt.cli.times import from_now, rfc3339
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from portvakt.client import Login

_HEADS = ("ISSUER", "CLIENT", "SCOPE", "SINCE", "ACCESS TOKEN ENDS", "RENEWS")


def connections(as_json: Json = False) -> None:
    """List the log-ins that `portvakt login` keeps for you."""
    from portvakt.client.folder import LoginFileRefused, login_files, login_folder, read_login

    try:
        files = login_files(login_folder())
    except LoginFileRefused as error:
        raise Stop(Exit.SETTINGS, str(error)) from None
    found: list[Login] = []
    for file in files:
        try:
            login = read_login(file)
        except LoginFileRefused as error:
            complain(str(error))
            continue
        if login is not None:  # it may have been removed just now
            found.append(login)
    found.sort(key=lambda login: (login.issuer, login.client_id))
    if as_json:
        say_json([_members(login) for login in found])
    elif found:
        say_table(_HEADS, [_cells(login) for login in found])
    else:
        say("no log-in is kept here")


def _members(login: "Login") -> dict[str, object]:
    return {
        "issuer": login.issuer,
        "client_id": login.client_id,
        "scope": login.scope,
        "since": rfc3339(Instant(login.since)),
        "expires_at": rfc3339(Instant(login.expires_at)),
        "renewable": login.refresh_token is not None,
    }


def _cells(login: "Login") -> tuple[str, ...]:
    now = Instant(int(time.time()))
    return (
        login.issuer,
        login.client_id,
        login.scope or "-",
        from_now(login.since, now),
        from_now(login.expires_at, now),
        "yes" if login.refresh_token is not None else "no",
    )
