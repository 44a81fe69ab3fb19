// An OpenID provider that others wrote, on a free port of loopback, until its standard input closes.
// First line on standard output: {"issuer": "…"}.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

// Its notices go where nobody has to read them.
console.log = console.info = console.warn = console.error;

const secret = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  alg,
  use: 'sig',
  kid: alg,
});

const api = (accessTokenFormat, alg) => ({
  scope: 'read:messages write:messages',
  accessTokenTTL: 300,
  accessTokenFormat,
  jwt: alg && { sign: { alg } },
});

const apis = {
  'https://rs256.example.com': api('jwt', 'RS256'),
  'https://ps256.example.com': api('jwt', 'PS256'),
  'https://es256.example.com': api('jwt', 'ES256'),
  'https://eddsa.example.com': api('jwt', 'EdDSA'),
  'https://opaque.example.com': api('opaque'),
};

const machine = {
  client_secret: 'machine-secret',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { ...machine, client_id: 'machine' },
      { ...machine, client_id: 'api' },
    ],
    jwks: {
      keys: [
        secret('rsa', { modulusLength: 2048 }, 'RS256'),
        secret('rsa', { modulusLength: 2048 }, 'PS256'),
        secret('ec', { namedCurve: 'P-256' }, 'ES256'),
        secret('ed25519', {}, 'EdDSA'),
      ],
    },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, indicator) => {
          if (apis[indicator]) return apis[indicator];
          throw new Error('unknown resource');
        },
      },
    },
  });
  server.on('request', provider.callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});

process.stdin.on('close', () => process.exit(0)).resume();
