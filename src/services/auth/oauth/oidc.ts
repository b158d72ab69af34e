import { createHash, timingSafeEqual } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose';
import * as openid from 'openid-client';
import { ProviderError } from './account.ts';
import { authorizeUrl, isLoopback, nonceOf, PATIENCE, redeemCode, remembered, scopesOf, tokensOf } from './client.ts';
import { openidAccount } from './openid.ts';
import type { Provider, ProviderSettings } from './provider.ts';

interface OpenidSettings extends ProviderSettings {
  readonly issuer: string;
  /** Other names under which the same issuer signs. */
  readonly aliases: readonly string[];
}

const ALGORITHMS = ['RS256', 'ES256', 'PS256'];

/** Any OpenID Connect provider: its endpoints and keys are found by its issuer, and its id_token says who it was. */
export function openidProvider(name: string, settings: OpenidSettings, redirectUri: string): Provider {
  const configure = remembered(() => discover(settings));
  const keys = remembered(async () => {
    const { jwks_uri } = (await configure()).serverMetadata();
    if (jwks_uri === undefined) throw new ProviderError('the provider publishes no keys');
    return createRemoteJWKSet(new URL(jwks_uri), { timeoutDuration: PATIENCE * 1000 });
  });
  return {
    name,
    redirectUri,
    authorizeUrl: async (request) => {
      const scopes = scopesOf(['openid', 'email', 'profile'], settings);
      const url = await authorizeUrl(await configure(), redirectUri, scopes, request);
      url.searchParams.set('nonce', nonceOf(request.codeVerifier));
      return url.href;
    },
    redeem: async (parameters, codeVerifier) => {
      const configuration = await configure();
      const answer = await redeemCode(configuration, redirectUri, parameters, {
        pkceCodeVerifier: codeVerifier,
        expectedNonce: nonceOf(codeVerifier),
        idTokenExpected: true,
      });
      const claims = answer.claims();
      if (claims === undefined) throw new ProviderError('the provider sent no id_token');
      const account = openidAccount({ ...(await userinfo(configuration, answer.access_token, claims)), ...claims });
      return { account, tokens: tokensOf(answer) };
    },
    readIdToken: async (token, issued) => {
      // The issuer is ours by configuration, never the token's own word (CVE-2026-31813).
      const claims = await verify(token, await keys(), settings);
      assertNonce(claims['nonce'], issued.nonce);
      assertAccessToken(claims['at_hash'], issued.accessToken);
      return openidAccount(claims);
    },
  };
}

async function discover({ issuer, clientId, secret }: OpenidSettings): Promise<openid.Configuration> {
  const insecure = isLoopback(issuer) ? [openid.allowInsecureRequests] : [];
  return openid.discovery(new URL(issuer), clientId, undefined, openid.ClientSecretPost(secret ?? ''), {
    // The signature of an id_token is checked although it comes straight from the provider.
    execute: [...insecure, openid.enableNonRepudiationChecks],
    timeout: PATIENCE,
  });
}

/** Some put only the subject into the id_token. What it does say wins over what is asked for here. */
async function userinfo(
  configuration: openid.Configuration,
  accessToken: string,
  claims: openid.IDToken,
): Promise<Readonly<Record<string, unknown>>> {
  if (claims['email'] !== undefined || configuration.serverMetadata().userinfo_endpoint === undefined) return {};
  try {
    return await openid.fetchUserInfo(configuration, accessToken, claims.sub);
  } catch (cause) {
    throw new ProviderError('Error getting user profile from external provider', { cause });
  }
}

async function verify(
  token: string,
  keys: ReturnType<typeof createRemoteJWKSet>,
  { issuer, aliases, clientId, extraClientIds = [] }: OpenidSettings,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: [issuer, ...aliases],
      audience: [clientId, ...extraClientIds],
      algorithms: ALGORITHMS,
      requiredClaims: ['sub', 'exp', 'iat'],
      clockTolerance: 30,
    });
    return payload;
  } catch (cause) {
    throw new ProviderError('Bad ID token', { cause });
  }
}

/** An app hands the provider the hash of a nonce, and us the nonce itself. */
function assertNonce(inToken: unknown, given: string | undefined): void {
  if (inToken === undefined && given === undefined) return;
  if (inToken === undefined || given === undefined) {
    throw new ProviderError('Passed nonce and nonce in id_token should either both exist or not.');
  }
  const hash = createHash('sha256').update(given).digest('hex');
  if (typeof inToken !== 'string' || !isSame(inToken, hash)) throw new ProviderError('Nonces mismatch');
}

function assertAccessToken(atHash: unknown, accessToken: string | undefined): void {
  if (atHash === undefined || accessToken === undefined) return;
  const hash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url');
  if (typeof atHash !== 'string' || !isSame(atHash, hash)) {
    throw new ProviderError('at_hash of the id_token does not belong to the access_token');
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
