// npm openid-client: reads an issuer's metadata, asks it for a token, and calls an API with that.
// Wants in the environment: ISSUER, API, CLIENT_ID, CLIENT_SECRET; METHOD (basic or post), ALGORITHM (oidc or oauth2).
// Prints one line of JSON: what the token endpoint said, and the API's status and body.

import * as client from 'openid-client';

const { ISSUER, API, CLIENT_ID, CLIENT_SECRET, METHOD, ALGORITHM } = process.env;
const authentication = { basic: client.ClientSecretBasic, post: client.ClientSecretPost }[METHOD](CLIENT_SECRET);
const insecure = ISSUER.startsWith('http:') ? [client.allowInsecureRequests] : [];

const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, authentication, {
  algorithm: ALGORITHM,
  execute: insecure,
});
const token = await client.clientCredentialsGrant(configuration, { scope: 'read' });
const answer = await client.fetchProtectedResource(configuration, token.access_token, new URL(API), 'GET');
const { token_type, expires_in, scope } = token;
console.log(JSON.stringify({ token_type, expires_in, scope, status: answer.status, body: await answer.text() }));
