"""Breeze: client credentials by JSON, GraphQL behind them."""

from portvakt.model.nouns import Algorithm, ClientAuthentication
from portvakt.model.provider import (
    Api,
    ApiKind,
    Body,
    Environment,
    Evidence,
    Metadata,
    MissingSecret,
    Provider,
    Quota,
    RateLimited,
    Refresh,
    Source,
    TokenCheck,
    TokenHeader,
)
from portvakt.model.values import Seconds

BREEZE = Provider(
    name="breeze",
    title="Breeze",
    environments=(
        Environment(name="test", issuer_url="https://system.upnxt.no", api_url="https://system.upnxt.no"),
        Environment(name="production", issuer_url="https://system.idportal.no", api_url="https://system.idportal.no"),
    ),
    token_paths=("/oauth/token",),
    token_bodies=frozenset({Body.JSON, Body.FORM}),
    grants=("client_credentials",),
    scopes=(),
    caller_authentication=ClientAuthentication.POST,
    client_id_prefix="oauth_",
    missing_secret=MissingSecret.INVALID_REQUEST,
    reply_members=("access_token", "token_type", "expires_in"),
    lifetime=Seconds(3600),
    token_header=TokenHeader.BARE_JWT,
    algorithms=(Algorithm.RS256,),
    wrong_credentials_text="Invalid client credentials",
    expired_secret_text="Client secret has expired. Ask an administrator to rotate the secret.",
    rate_limited=RateLimited(
        code="too_many_requests",
        text=(
            "Rate limit exceeded for OAuth token requests. Maximum {limit} requests per {window} allowed. "
            "Try again in {seconds} seconds."
        ),
    ),
    token_quota=Quota(100, Seconds(3600)),
    authorize_path=None,
    refresh=Refresh.NONE,
    metadata=Metadata.PUBLISHED,
    api_path="",
    api=Api(
        kind=ApiKind.GRAPHQL,
        path="/graphql",
        audience_path="/graphql",
        refused_text="Token validation failed",
        quota=Quota(3600, Seconds(3600)),
        quota_headers=("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
        token_check=TokenCheck.BEFORE_EXECUTION,
        quota_text="Too many requests from this IP, please try again later",
    ),
    evidence=(
        Evidence(field="environments", source=Source.SEED, says="Environments: Test, Production; credentials of one"),
        Evidence(field="token_paths", source=Source.SEED, says="POST /oauth/token"),
        Evidence(
            field="token_bodies",
            source=Source.SEED,
            says='curl -H "Content-Type: application/json" -d {grant_type, client_id, client_secret}; form: ours',
        ),
        Evidence(field="grants", source=Source.SEED, says="Only client_credentials is supported"),
        Evidence(field="scopes", source=Source.OURS, says="no scope is documented, so none exists"),
        Evidence(
            field="caller_authentication", source=Source.SEED, says="client_id and client_secret in the JSON body"
        ),
        Evidence(field="client_id_prefix", source=Source.SEED, says='"client_id": "oauth_abc123"'),
        Evidence(
            field="missing_secret",
            source=Source.SEED,
            says="invalid_request: missing required parameters. Include grant_type, client_id, and client_secret",
        ),
        Evidence(field="reply_members", source=Source.SEED, says="the sample: access_token, token_type, expires_in"),
        Evidence(field="lifetime", source=Source.SEED, says="Default is 3600 (1 hour)"),
        Evidence(field="token_header", source=Source.SEED, says="eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9..."),
        Evidence(field="algorithms", source=Source.SEED, says="the sample's header says RS256"),
        Evidence(field="wrong_credentials_text", source=Source.SEED, says='"Invalid client credentials"'),
        Evidence(
            field="expired_secret_text",
            source=Source.SEED,
            says="if the client has expired, ask an administrator to rotate the secret; wording: ours",
        ),
        Evidence(
            field="rate_limited",
            source=Source.PUBLIC,
            says='429 {"error":"too_many_requests","error_description":"Rate limit exceeded for …"}',
        ),
        Evidence(field="token_quota", source=Source.SEED, says="100 requests per hour per client_id"),
        Evidence(field="authorize_path", source=Source.SEED, says="machine-to-machine only"),
        Evidence(field="refresh", source=Source.SEED, says="Request a new token and retry the request"),
        Evidence(field="metadata", source=Source.OURS, says="none is documented"),
        Evidence(field="api_path", source=Source.SEED, says="/oauth/token and /graphql stand under one base URL"),
        Evidence(
            field="api",
            source=Source.SEED,
            says=(
                "POST /graphql; Token validation failed, UNAUTHENTICATED: request a new token and retry the request; "
                "limits and headers: the public page"
            ),
        ),
    ),
)
