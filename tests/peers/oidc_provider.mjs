// npm oidc-provider, as its pages show it: its own memory adapter, one client, access tokens as JWTs (RS256).
// Prints one line of JSON once it answers: issuer, token_url, client_id, client_secret.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const API = 'https://api.example';
const client = { client_id: 'peer', client_secret: randomBytes(32).toString('base64url') };
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const configuration = {
  clients: [{ ...client, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'read write' }],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] },
  scopes: ['read', 'write'],
  ttl: { ClientCredentials: 600 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => API,
      getResourceServerInfo: () => ({
        scope: 'read write',
        audience: API,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, configuration).callback());
  console.log(JSON.stringify({ issuer, token_url: `${issuer}/token`, ...client }));
});
process.on('SIGTERM', () => process.exit(0));
