"""Prisjakt: client credentials by form, tokens of a day, the API on a host of its own."""

from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import (
    Api,
    EmptyScope,
    Environment,
    Evidence,
    Metadata,
    Provider,
    Refresh,
    Source,
    TokenCheck,
)
from portvakt.model.values import Seconds

PRISJAKT = Provider(
    name="prisjakt",
    title="Prisjakt",
    environments=(Environment(name="production", issuer_url="https://auth.pj.nu", api_url="https://api.pj.nu"),),
    token_paths=("/oauth2/token",),
    grants=("client_credentials",),
    scopes=(),
    caller_authentication=ClientAuthentication.POST,
    reply_members=("access_token", "expires_in", "scope", "token_type"),
    token_type="bearer",
    lifetime=Seconds(86400),
    stated_short_by=Seconds(1),
    empty_scope=EmptyScope.EMPTY_TEXT,
    authorize_path=None,
    refresh=Refresh.NONE,
    metadata=Metadata.PUBLISHED,
    auth_path="/auth",
    api=Api(token_check=TokenCheck.BEFORE_EXECUTION),
    evidence=(
        Evidence(field="environments", source=Source.SEED, says="https://auth.pj.nu/oauth2/token, https://api.pj.nu"),
        Evidence(field="token_paths", source=Source.SEED, says="POST https://auth.pj.nu/oauth2/token"),
        Evidence(field="grants", source=Source.SEED, says="All Prisjakt APIs use the Client Credentials Grant Flow"),
        Evidence(field="scopes", source=Source.SEED, says='"scope": ""'),
        Evidence(
            field="reply_members", source=Source.SEED, says="the sample: access_token, expires_in, scope, token_type"
        ),
        Evidence(field="token_type", source=Source.SEED, says='token_type: Always "bearer" for our APIs'),
        Evidence(field="lifetime", source=Source.SEED, says="typically 86,399 seconds / ~24 hours"),
        Evidence(field="stated_short_by", source=Source.SEED, says='"expires_in": 86399 for a 24-hour token'),
        Evidence(field="empty_scope", source=Source.SEED, says='"scope": ""'),
        Evidence(field="authorize_path", source=Source.SEED, says="client credentials only"),
        Evidence(field="refresh", source=Source.SEED, says="handle 401 by requesting a new token and retrying"),
        Evidence(field="metadata", source=Source.OURS, says="none is documented"),
        Evidence(field="caller_authentication", source=Source.SEED, says="--data client_id, --data client_secret"),
        Evidence(field="auth_path", source=Source.OURS, says="two hosts, auth.pj.nu and api.pj.nu; a sandbox has one"),
        Evidence(
            field="api",
            source=Source.SEED,
            says="Handle 401 responses by requesting a new token and retrying the request",
        ),
    ),
)
