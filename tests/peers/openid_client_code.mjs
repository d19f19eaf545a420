// npm openid-client: sends a user to an issuer, takes the code back, renews what it gave.
// Wants in the environment: ISSUER, CLIENT_ID, SCOPE, REDIRECT_URI; METHOD (basic, post or none), CLIENT_SECRET, ALGORITHM.
// Prints the authorization URL; reads where the user was sent back to; prints both answers of the token endpoint as JSON.

import { createInterface } from 'node:readline/promises';
import * as client from 'openid-client';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, METHOD, ALGORITHM, SCOPE, REDIRECT_URI } = process.env;
const methods = { basic: client.ClientSecretBasic, post: client.ClientSecretPost, none: client.None };
const insecure = ISSUER.startsWith('http:') ? [client.allowInsecureRequests] : [];

const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, methods[METHOD](CLIENT_SECRET), {
  algorithm: ALGORITHM,
  execute: insecure,
});
const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const url = client.buildAuthorizationUrl(configuration, {
  redirect_uri: REDIRECT_URI,
  scope: SCOPE,
  state: expectedState,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
});
console.log(url.href);
const lines = createInterface({ input: process.stdin });
const sentBack = await new Promise((resolve) => lines.once('line', resolve));
lines.close();
const first = await client.authorizationCodeGrant(configuration, new URL(sentBack), { pkceCodeVerifier, expectedState });
const second = await client.refreshTokenGrant(configuration, first.refresh_token);
console.log(JSON.stringify({ first, second }));
