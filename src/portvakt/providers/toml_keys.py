"""Every key of a provider's TOML: the vocabulary's own names, and what stands there."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from portvakt.model.nouns import Algorithm, ClientAuthentication
from portvakt.model.provider import (
    ApiKeys,
    ApiKind,
    Body,
    CodeRedirect,
    Company,
    Consent,
    EmptyScope,
    LoopbackPort,
    Metadata,
    MissingSecret,
    Prompt,
    Refresh,
    TokenCheck,
    TokenHeader,
)
from portvakt.providers import toml_values as values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.providers.toml_values import Reader

DAY = 86_400
GRANTS = ("authorization_code", "refresh_token", "client_credentials")
REPLY_MEMBERS = ("access_token", "token_type", "expires_in", "refresh_token", "scope")
AUTHORIZE_PARAMETERS = ("client_id", "response_type", "redirect_uri", "scope", "state", "code_challenge")
ANY = "*"
"""In a path: a name that the company chooses."""

_NAME = "a lower-case letter, then up to 31 letters, digits and hyphens"

KEYS: Mapping[tuple[str, ...], Reader] = MappingProxyType(
    {
        ("name",): values.matching("[a-z][a-z0-9-]{0,31}", _NAME),
        ("title",): values.title(),
        ("environments", ANY, "issuer_url"): values.url(),
        ("environments", ANY, "api_url"): values.url(),
        ("token_paths",): values.each(values.endpoint()),
        ("token_bodies",): values.each(values.choice(Body), frozenset),
        ("grants",): values.each(values.one_of(GRANTS)),
        ("scopes",): values.or_word(values.each(values.scope(), least=0), "any"),
        ("caller_authentication",): values.one_of(
            (ClientAuthentication.BASIC.value, ClientAuthentication.POST.value), ClientAuthentication
        ),
        ("client_id_prefix",): values.prefix(),
        ("missing_secret",): values.choice(MissingSecret),
        # RFC 6749 §5.1: both are REQUIRED
        ("reply_members",): values.each(values.one_of(REPLY_MEMBERS), holds=("access_token", "token_type")),
        ("token_type",): values.matching("(?i:bearer)", '"Bearer", its letters large or small'),
        ("lifetime",): values.seconds(1, DAY),
        ("stated_short_by",): values.seconds(0, DAY),
        ("empty_scope",): values.choice(EmptyScope),
        ("token_header",): values.choice(TokenHeader),
        ("algorithms",): values.each(values.choice(Algorithm)),
        ("wrong_credentials_text",): values.text(),
        ("expired_secret_text",): values.or_word(values.text()),
        ("rate_limited", "code"): values.matching("[a-z_]{1,64}", "an error code: 1 to 64 small letters and _"),
        ("rate_limited", "text"): values.text(places=True),
        ("token_quota",): values.QUOTA,
        ("authorize_path",): values.or_word(values.endpoint()),
        # RFC 6749 §3.1: "MUST support the use of the HTTP "GET" method"
        ("authorize_methods",): values.each(values.one_of(("GET", "POST")), holds=("GET",)),
        ("authorize_requires",): values.each(values.one_of(AUTHORIZE_PARAMETERS), holds=("client_id", "response_type")),
        # RFC 6749 §4.1.2; RFC 9207 §2: without `iss` a client of several issuers can be mixed up
        ("redirect_members",): values.each(
            values.one_of(("code", "scope", "state", "iss")), holds=("code", "state", "iss")
        ),
        ("loopback_port",): values.choice(LoopbackPort),
        ("code_redirect",): values.choice(CodeRedirect),
        ("code_lifetime",): values.seconds(1, 600),  # RFC 6749 §4.1.2 recommends ten minutes at most
        ("refresh",): values.choice(Refresh),
        ("refresh_idle",): values.seconds(60, 3650 * DAY),
        ("refresh_absolute",): values.seconds(60, 3650 * DAY),
        ("reissue_window",): values.seconds(0, 60),
        ("consent",): values.choice(Consent),
        ("prompts",): values.each(values.choice(Prompt), frozenset, least=0),
        ("company",): values.choice(Company),
        ("api_keys",): values.choice(ApiKeys),
        ("metadata",): values.choice(Metadata),
        ("auth_path",): values.path(may_be_empty=True),
        ("api_path",): values.path(may_be_empty=True),
        ("api", "kind"): values.choice(ApiKind),
        ("api", "path"): values.path(),
        ("api", "audience_path"): values.path(may_be_empty=True),
        ("api", "refused_text"): values.text(),
        ("api", "quota"): values.QUOTA,
        ("api", "quota_headers"): values.or_word(values.each(values.quota_header(), least=3, most=3)),
        ("api", "token_check"): values.choice(TokenCheck),
        ("api", "quota_text"): values.text(places=True),
    }
)
"""A reader by path. `based_on`, which is read first, is no axis and stands in `toml`."""

TABLES = frozenset(key[:end] for key in KEYS for end in range(1, len(key)))
"""The paths at which tables stand."""
