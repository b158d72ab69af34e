import { createHash } from 'node:crypto';
import * as openid from 'openid-client';
import { messageOf } from '../../../foundation/core/errors.ts';
import { ProviderError, type ProviderTokens } from './account.ts';
import type { AuthorizeRequest, ProviderSettings } from './provider.ts';

/** Seconds that a provider has for each answer: a person is waiting. */
export const PATIENCE = 10;

/** Only a provider on this very machine may be talked to in clear. */
export function isLoopback(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

/** One value per flow that the provider repeats in the id_token; it follows from the verifier, so nobody has to keep it. */
export function nonceOf(codeVerifier: string): string {
  return createHash('sha256').update(`nonce ${codeVerifier}`).digest('base64url');
}

export async function authorizeUrl(
  configuration: openid.Configuration,
  redirectUri: string,
  scopes: readonly string[],
  { state, codeVerifier, scopes: more, extra }: AuthorizeRequest,
): Promise<URL> {
  const parameters = new URLSearchParams(extra);
  const scope = [...new Set([...scopes, ...(more ?? '').split(/[\s,]+/).filter((each) => each !== '')])].join(' ');
  const challenge = await openid.calculatePKCECodeChallenge(codeVerifier);
  const ours = { redirect_uri: redirectUri, scope, state, code_challenge: challenge, code_challenge_method: 'S256' };
  for (const [name, value] of Object.entries(ours)) parameters.set(name, value);
  return openid.buildAuthorizationUrl(configuration, parameters);
}

export function scopesOf(needed: readonly string[], settings: ProviderSettings): string[] {
  return [...new Set([...needed, ...(settings.scopes ?? [])])];
}

/** @throws ProviderError */
export async function redeemCode(
  configuration: openid.Configuration,
  redirectUri: string,
  parameters: URLSearchParams,
  checks: openid.AuthorizationCodeGrantChecks,
): Promise<openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers> {
  const current = new URL(redirectUri);
  for (const [name, value] of parameters) current.searchParams.append(name, value);
  try {
    return await openid.authorizationCodeGrant(configuration, current, {
      ...checks,
      expectedState: openid.skipStateCheck, // held against the flow before this, see callback.ts
    });
  } catch (error) {
    throw new ProviderError('Unable to exchange external code', { cause: error });
  }
}

export function tokensOf(answer: openid.TokenEndpointResponse): ProviderTokens {
  return { accessToken: answer.access_token, refreshToken: answer.refresh_token };
}

/** Milliseconds for which a failed discovery is not tried again would only lengthen an outage: each call tries. */
export function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw new ProviderError('the provider cannot be reached', { cause: error });
    });
    return made;
  };
}

/** For the log: what went wrong at a provider, without anything it sent. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof ProviderError ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return [messageOf(error), code, cause instanceof Error ? cause.message : undefined]
    .filter(Boolean)
    .join(': ')
    .slice(0, 300);
}
