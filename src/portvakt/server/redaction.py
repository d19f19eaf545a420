"""Blanking of secrets in texts that were not written with a log in mind."""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"""
      (?P<own> pvk_ ) [\w-]*                                     # our own secrets, codes and tokens
    | (?P<jwt> eyJ ) [\w-]+ (?: \. [\w-]* )*                     # a JWT, also cut short
    | (?P<scheme> \b (?i: bearer | basic | dpop ) \s+ ) [\w.~+/=:-]+
    | (?P<parameter> \b (?i: client_secret | client_assertion | assertion | password | secret | (?:\w+_)? token
        | code | code_verifier ) (?: ["']? \s* [=:] \s* ["']? ) ) [^\s&"',;)}]+
    | (?P<userinfo> :// ) [^/\s@]+ (?=@)                           # a database's URL
    | (?P<bound> \[parameters: ) .*                              # SQLAlchemy names bound values
    """,
    re.VERBOSE | re.DOTALL,
)


def redact(text: str) -> str:
    """Return `text` with everything blanked that looks like a secret, token, credential or bound SQL value."""
    return _SECRETS.sub(lambda found: f"{found.group(found.lastgroup or 0)}***", text)
