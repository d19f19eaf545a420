"""Luca Regnskap: authorization code for one company, a refresh token that neither changes nor ends."""

from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import (
    Api,
    ApiKeys,
    ApiKind,
    CodeRedirect,
    Company,
    Consent,
    Environment,
    Evidence,
    LoopbackPort,
    Metadata,
    Prompt,
    Provider,
    Refresh,
    Source,
    TokenCheck,
)
from portvakt.model.values import Seconds

LUCA = Provider(
    name="luca",
    title="Luca Regnskap",
    environments=(
        Environment(
            name="production",
            issuer_url="https://go.lucaregnskap.no",
            api_url="https://go.lucaregnskap.no/api/v1",
        ),
    ),
    token_paths=("/api/v2/oauth2/token", "/api/v1/oauth2/token"),
    grants=("authorization_code", "refresh_token"),
    scopes=("accounting",),
    caller_authentication=ClientAuthentication.POST,
    reply_members=("access_token", "refresh_token", "token_type", "expires_in"),
    token_type="bearer",
    lifetime=Seconds(3600),
    authorize_path="/api/v1/oauth2/authorize",
    authorize_methods=("GET",),
    authorize_requires=("client_id", "redirect_uri", "response_type", "scope"),
    redirect_members=("code", "scope", "state", "iss"),
    loopback_port=LoopbackPort.TESTS_TOO,
    code_redirect=CodeRedirect.MAY_BE_OMITTED,
    code_lifetime=Seconds(600),
    refresh=Refresh.STATIC,
    consent=Consent.EVERY_TIME,
    prompts=frozenset({Prompt.CONSENT}),
    company=Company.REQUIRED,
    api_keys=ApiKeys.PERSONAL,
    metadata=Metadata.PUBLISHED,
    api_path="/api/v1",
    api=Api(kind=ApiKind.GRAPHQL, path="/graphql", audience_path="/graphql", token_check=TokenCheck.BEFORE_EXECUTION),
    evidence=(
        Evidence(field="environments", source=Source.PUBLIC, says="https://go.lucaregnskap.no"),
        Evidence(
            field="token_paths",
            source=Source.SEED,
            says="POST /api/v2/oauth2/token; /api/v1 is what the public example application calls",
        ),
        Evidence(field="grants", source=Source.SEED, says="We use Authorization Code flow; refresh_token"),
        Evidence(field="scopes", source=Source.SEED, says="currently we support only one scope which is accounting"),
        Evidence(
            field="reply_members",
            source=Source.SEED,
            says="the sample: access_token, refresh_token, token_type, expires_in",
        ),
        Evidence(field="token_type", source=Source.SEED, says='"token_type": "bearer"'),
        Evidence(field="lifetime", source=Source.SEED, says="the access token has a 1-hour expiration date"),
        Evidence(field="authorize_path", source=Source.SEED, says="https://BASE_URL/api/v1/oauth2/authorize"),
        Evidence(field="authorize_methods", source=Source.SEED, says="redirect the user to the following URL"),
        Evidence(
            field="authorize_requires",
            source=Source.SEED,
            says="client_id, redirect_uri, response_type, scope: (required)",
        ),
        Evidence(
            field="redirect_members",
            source=Source.SEED,
            says="scope Contains a scope that you have granted access to; state, iss: ours",
        ),
        Evidence(
            field="loopback_port", source=Source.OURS, says="so that an application is tried on any port of its machine"
        ),
        Evidence(field="code_redirect", source=Source.SEED, says="the sample exchange sends no redirect_uri"),
        Evidence(field="code_lifetime", source=Source.SEED, says="This code is valid for 10 minutes"),
        Evidence(field="refresh", source=Source.SEED, says="By default the refresh token does not expire"),
        Evidence(field="consent", source=Source.SEED, says="The user will then be asked if he wants to give access"),
        Evidence(
            field="prompts", source=Source.OURS, says="the document has none; consent changes nothing, so it is taken"
        ),
        Evidence(
            field="company",
            source=Source.SEED,
            says="If the user has access to multiple companies he will be asked which company",
        ),
        Evidence(
            field="api_keys",
            source=Source.PUBLIC,
            says="a user with API access makes a personal API key in their settings: a JWT used as bearer token",
        ),
        Evidence(field="metadata", source=Source.OURS, says="the documented service publishes none"),
        Evidence(field="api_path", source=Source.SEED, says="POST to /api/v1/graphql"),
        Evidence(field="caller_authentication", source=Source.SEED, says="-d client_id, -d client_secret"),
        Evidence(field="api", source=Source.SEED, says="{ saleInvoices { nodes { id } } }: GraphQL"),
    ),
)
