"""What cannot be true of one provider at once, whatever each of its values is by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.provider import ApiKeys, Refresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.model.provider import Provider

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A contradiction between `keys`, the likeliest to be wrong first. `text`, said of that one, is what would do."""

    keys: tuple[Path, ...]
    broken: Callable[[Provider], bool]
    text: str


def _code_without_path(provider: Provider) -> bool:
    return "authorization_code" in provider.grants and provider.authorize_path is None


def _path_without_code(provider: Provider) -> bool:
    return "authorization_code" not in provider.grants and provider.authorize_path is not None


def _refresh_without_policy(provider: Provider) -> bool:
    return "refresh_token" in provider.grants and provider.refresh is Refresh.NONE


def _policy_without_refresh(provider: Provider) -> bool:
    return "refresh_token" not in provider.grants and provider.refresh is not Refresh.NONE


def _refresh_without_code(provider: Provider) -> bool:
    return "refresh_token" in provider.grants and "authorization_code" not in provider.grants


def _refresh_is_unsaid(provider: Provider) -> bool:
    return "refresh_token" in provider.grants and "refresh_token" not in provider.reply_members


def _api_keys_without_log_in(provider: Provider) -> bool:
    return provider.api_keys is ApiKeys.PERSONAL and provider.authorize_path is None


def _needs_a_scope_that_nobody_has(provider: Provider) -> bool:
    return "scope" in provider.authorize_requires and provider.scopes == ()


def _api_is_in_the_way(provider: Provider) -> bool:
    endpoints = {provider.auth_path + path for path in (*provider.token_paths, provider.authorize_path or "")}
    return provider.api_path + provider.api.path in endpoints


def _api_path_is_doubled(provider: Provider) -> bool:
    before, after = provider.api_path.split("/")[1:], provider.api.path.split("/")[1:]
    return any(before[-many:] == after[:many] for many in range(1, min(len(before), len(after)) + 1))


GRANTS, PATH, REFRESH, REPLY = ("grants",), ("authorize_path",), ("refresh",), ("reply_members",)

RULES = (
    Rule(
        (PATH, GRANTS),
        _code_without_path,
        'is "off", so nobody gets a code; give it a path, or leave authorization_code out of grants',
    ),
    Rule(
        (PATH, GRANTS),
        _path_without_code,
        'is of no use without authorization_code; add that to grants, or say authorize_path = "off"',
    ),
    Rule(
        (REFRESH, GRANTS),
        _refresh_without_policy,
        'is "none", yet grants has refresh_token; say refresh = "rotating" or "static", or take refresh_token out',
    ),
    Rule(
        (REFRESH, GRANTS),
        _policy_without_refresh,
        'is not "none", yet grants lacks refresh_token; add that to grants, or say refresh = "none"',
    ),
    Rule(
        (GRANTS,),
        _refresh_without_code,
        "has refresh_token, which no other grant there gives; add authorization_code, or take refresh_token out",
    ),
    Rule((REPLY, GRANTS), _refresh_is_unsaid, "lacks refresh_token, which grants has; add it, so that callers get one"),
    Rule(
        (("stated_short_by",), ("lifetime",)),
        lambda provider: provider.stated_short_by >= provider.lifetime,
        "is not less than lifetime, so every token would be stated to have ended; make it smaller",
    ),
    Rule(
        (("refresh_idle",), ("refresh_absolute",)),
        lambda provider: provider.refresh_idle > provider.refresh_absolute,
        "is longer than refresh_absolute, so it never counts; make it that long at most",
    ),
    Rule(
        (("api_keys",), PATH),
        _api_keys_without_log_in,
        'is "personal", yet nobody logs in; give authorize_path a path, or say api_keys = "none"',
    ),
    Rule(
        (("authorize_requires",), ("scopes",)),
        _needs_a_scope_that_nobody_has,
        "has scope, yet scopes is empty; name the scopes, or take scope out",
    ),
    Rule(
        (PATH, ("token_paths",)),
        lambda provider: provider.authorize_path in provider.token_paths,
        "is one of token_paths, too; choose another path",
    ),
    Rule(
        (("api", "path"), ("api_path",), ("auth_path",), ("token_paths",), PATH),
        _api_is_in_the_way,
        "is where the issuer answers, too; give the API another path",
    ),
    Rule(
        (("api", "path"), ("api_path",)),
        _api_path_is_doubled,
        "begins with what api_path ends with, which would be there twice; leave it out here, or say another api_path",
    ),
)
"""Every provider that portvakt knows keeps them all."""
