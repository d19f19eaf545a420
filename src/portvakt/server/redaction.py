"""Blanking of secrets in texts that were not written with a log in mind."""

from __future__ import annotations

import re

_BY_SHAPE = r"""
      (?P<own> pvk_ ) [\w-]*                                     # our own secrets, codes and tokens
    | (?P<jwt> eyJ ) [\w-]+ (?: \. [\w-]* )*                     # a JWT, also cut short
    | (?P<userinfo> :/{1,2} ) \S{1,128} (?=@)                     # a database's URL
    | (?<! [\w+=%~-] ) (?= [\w+=%~-]* [0-9] ) [\w+=%~-]{32,}      # what is random, or was encoded
    """

_SECRETS = re.compile(
    _BY_SHAPE
    + r"""
    | (?P<scheme> \b (?i: bearer | basic | dpop ) \s+ ) [\w.~+/=:-]+
    | (?P<parameter> \b (?i: client_secret | client_assertion | assertion | password | secret | (?:\w+_)? token
        | code | code_verifier ) (?: ["']? \s* [=:] \s* ["']? ) ) [^\s&"',;)}]+
    | (?P<bound> \[parameters: ) .*                              # SQLAlchemy names bound values
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_SHAPES = re.compile(_BY_SHAPE, re.VERBOSE | re.ASCII)

_LONGEST_WORD = 40
_WORD = r"[A-Z]?[a-z]{0,30}[0-9]{0,4}"
_WORDS = re.compile(rf"[A-Za-z0-9._-]{{0,8}}|{_WORD}(?:[._-]{_WORD})*")


def redact(text: str) -> str:
    """Return `text` with everything blanked that looks like a secret, token, credential or bound SQL value."""
    return _SECRETS.sub(_blank, text)


def conceal(text: str) -> str:
    """Return a text of ours with everything blanked that looks like a secret by itself, whatever stands around it."""
    return _SHAPES.sub(_blank, text)


def plain_path(path: str) -> str:
    """Return a path with every segment blanked that is no word: whoever made it up may have put a secret there."""
    return "/".join(
        segment if len(segment) <= _LONGEST_WORD and _WORDS.fullmatch(segment) else "***" for segment in path.split("/")
    )


def _blank(found: re.Match[str]) -> str:
    if found.lastgroup is None:
        return found.group() if _WORDS.fullmatch(found.group()) else "***"
    return f"{found.group(found.lastgroup)}***"
