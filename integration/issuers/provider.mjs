// A real OpenID Connect provider that nobody here wrote, https://github.com/panva/node-oidc-provider,
// with one client, JWT access tokens (RFC 9068) for api://tollgate, and keys that are rotated by a line
// on standard input. Prints its issuer when it listens, and "rotated" after each rotation.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

// The packages lie where scripts/issuers.sh has put them, not beside this file.
const require = createRequire(resolve(process.argv[2], 'package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

let serial = 0;
const newKey = (alg) => {
  const { privateKey } = alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  serial += 1;
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `key-${serial}` };
};

const provider = (issuer, keys) => new Provider(issuer, {
  clients: [{
    client_id: 'app-1',
    client_secret: 'secret',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'api://tollgate',
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'llm.invoke',
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: keys[0].alg } },
      }),
    },
  },
  scopes: ['llm.invoke'],
  jwks: { keys },
});

const server = createServer((request, response) => handle(request, response));
let handle;
let keys = [newKey('RS256'), newKey('ES256')];
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const serve = () => { handle = provider(issuer, keys).callback(); };
  serve();
  console.log(issuer);
  createInterface({ input: process.stdin }).on('line', (alg) => {
    keys = [newKey(alg), ...keys.slice(0, 1)];
    serve();
    console.log('rotated');
  });
});
