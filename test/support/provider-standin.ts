import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

export const CLIENT_ID = 'vectabase-client';
export const CLIENT_SECRET = 'client-secret-of-the-standin';

export interface Account {
  readonly sub: string;
  readonly email?: string | undefined;
  readonly verified?: boolean | undefined;
  readonly name?: string;
  /** Further fields of Discord's user object, or claims of Google's id_token. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** How the provider behaves from now on; the tests change it. */
export interface Behaviour {
  account: Account;
  /** The person clicks "cancel", or the provider fails in public. */
  refuse?: { error: string; error_description?: string };
  /** Sends the browser back with another state. */
  state?: string;
  /** Changes the claims of the id_token before it is signed. */
  claims?: (claims: JWTPayload) => Readonly<Record<string, unknown>>;
  /** Signs with a key that is not among the published ones. */
  foreignKey?: boolean;
  /** Leaves signatures out altogether: `alg: none`. */
  unsigned?: boolean;
  /** Redeems a code any number of times. */
  reusableCodes?: boolean;
  /** The token endpoint answers this instead. */
  tokenAnswer?: { status: number; body: unknown };
}

export interface ProviderStandIn {
  readonly url: string;
  readonly google: string;
  readonly discord: string;
  readonly behaviour: Behaviour;
  /** What was asked for at the authorization endpoint, newest last. */
  readonly asked: URLSearchParams[];
  /** How many codes were redeemed. */
  readonly redeemed: () => number;
  /** Callback addresses that the owner registered. */
  readonly registered: Set<string>;
  /** An id_token as an app gets it from Google itself. */
  idToken(claims: JWTPayload): Promise<string>;
  reset(): void;
  stop(): Promise<void>;
}

interface Grant {
  readonly redirectUri: string;
  readonly challenge: string | null;
  readonly nonce: string | null;
  readonly account: Account;
}

const NOBODY: Account = {
  sub: '100000000000000000001',
  email: 'person@mail.example',
  verified: true,
  name: 'A Person',
};

/**
 * Google and Discord as their documentation describes them: OpenID Connect discovery, keys and id_token for the one,
 * OAuth 2 with `GET /users/@me` for the other. Codes are bound to redirect_uri and PKCE challenge and work once.
 */
export async function startProviders(): Promise<ProviderStandIn> {
  const [own, foreign] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('RS256')]);
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  const grants = new Map<string, Grant>();
  const accessTokens = new Map<string, Account>();
  const asked: URLSearchParams[] = [];
  const registered = new Set<string>();
  const behaviour: Behaviour = { account: NOBODY };
  let redeemed = 0;
  let url = '';

  const idToken = async (claims: JWTPayload): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: `${url}/google`, aud: CLIENT_ID, iat: now, exp: now + 3600, ...claims };
    const final = behaviour.claims ? behaviour.claims(all) : all;
    if (behaviour.unsigned === true) {
      const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${part({ alg: 'none', typ: 'JWT' })}.${part(final)}.`;
    }
    const key = behaviour.foreignKey === true ? foreign.privateKey : own.privateKey;
    return new SignJWT({ ...final }).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(key);
  };

  const authorize = (query: URLSearchParams, response: ServerResponse): void => {
    asked.push(query);
    const redirectUri = query.get('redirect_uri') ?? '';
    if (query.get('client_id') !== CLIENT_ID || !registered.has(redirectUri) || query.get('response_type') !== 'code') {
      return send(response, 400, { error: 'invalid_request', error_description: 'redirect_uri is not registered' });
    }
    const back = new URL(redirectUri);
    back.searchParams.set('state', behaviour.state ?? query.get('state') ?? '');
    if (behaviour.refuse) {
      for (const [name, value] of Object.entries(behaviour.refuse)) back.searchParams.set(name, value);
    } else {
      const code = randomBytes(16).toString('hex');
      const challenge = query.get('code_challenge_method') === 'S256' ? query.get('code_challenge') : null;
      grants.set(code, { redirectUri, challenge, nonce: query.get('nonce'), account: behaviour.account });
      back.searchParams.set('code', code);
    }
    response.writeHead(302, { location: back.href }).end();
  };

  const redeem = (body: URLSearchParams): Grant | undefined => {
    const code = body.get('code') ?? '';
    const grant = grants.get(code);
    if (behaviour.reusableCodes !== true) grants.delete(code);
    const hash = createHash('sha256')
      .update(body.get('code_verifier') ?? '')
      .digest('base64url');
    const bound = grant !== undefined && grant.redirectUri === body.get('redirect_uri');
    const proven = grant !== undefined && (grant.challenge === null || grant.challenge === hash);
    const known = body.get('client_id') === CLIENT_ID && body.get('client_secret') === CLIENT_SECRET;
    return known && bound && proven && body.get('grant_type') === 'authorization_code' ? grant : undefined;
  };

  const token = async (request: IncomingMessage, response: ServerResponse, withIdToken: boolean): Promise<void> => {
    const grant = redeem(new URLSearchParams(await readText(request)));
    if (behaviour.tokenAnswer) return send(response, behaviour.tokenAnswer.status, behaviour.tokenAnswer.body);
    if (!grant) return send(response, 400, { error: 'invalid_grant' });
    redeemed++;
    const accessToken = randomBytes(16).toString('hex');
    accessTokens.set(accessToken, grant.account);
    const answer = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: `refresh-${accessToken}`,
    };
    const { sub, email, verified, name, more } = grant.account;
    const nonce = grant.nonce === null ? {} : { nonce: grant.nonce };
    const claims = {
      sub,
      email,
      email_verified: verified,
      name,
      picture: 'https://pic.example/p.png',
      ...more,
      ...nonce,
    };
    send(response, 200, withIdToken ? { ...answer, id_token: await idToken(claims) } : answer);
  };

  const discordUser = (request: IncomingMessage, response: ServerResponse): void => {
    const account = accessTokens.get((request.headers.authorization ?? '').replace(/^Bearer /, ''));
    if (!account) return send(response, 401, { message: '401: Unauthorized', code: 0 });
    const { sub, email, verified, name, more } = account;
    send(response, 200, { id: sub, username: name, discriminator: '0', avatar: null, email, verified, ...more });
  };

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    const issuer = `${url}/google`;
    if (pathname === '/google/.well-known/openid-configuration') {
      send(response, 200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        code_challenge_methods_supported: ['plain', 'S256'],
      });
    } else if (pathname === '/google/jwks') send(response, 200, { keys: [jwk] });
    else if (pathname.endsWith('/authorize')) authorize(searchParams, response);
    else if (pathname.endsWith('/token'))
      token(request, response, pathname.startsWith('/google')).catch(() => response.destroy());
    else if (pathname === '/discord/users/@me') discordUser(request, response);
    else send(response, 404, { message: 'not found' });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    google: `${url}/google`,
    discord: `${url}/discord`,
    behaviour,
    asked,
    registered,
    redeemed: () => redeemed,
    idToken,
    reset() {
      for (const name of Object.keys(behaviour)) Reflect.deleteProperty(behaviour, name);
      behaviour.account = NOBODY;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
