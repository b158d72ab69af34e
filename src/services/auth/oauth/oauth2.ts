import * as openid from 'openid-client';
import { ProviderError, type ProviderAccount } from './account.ts';
import { authorizeUrl, isLoopback, PATIENCE, redeemCode, scopesOf, tokensOf } from './client.ts';
import type { Provider, ProviderSettings } from './provider.ts';

/** Asks the provider's API as the person who signed in; the answer is a JSON object or list. */
type Get = (url: string) => Promise<Readonly<Record<string, unknown>>>;

interface Endpoints {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** The least that an identity needs. */
  readonly scopes: readonly string[];
  readonly account: (get: Get) => Promise<ProviderAccount>;
}

/** A provider with plain OAuth 2: who it was is asked of its API. */
export function oauth2Provider(
  name: string,
  settings: ProviderSettings,
  redirectUri: string,
  endpoints: Endpoints,
): Provider {
  const configuration = new openid.Configuration(
    {
      issuer: endpoints.issuer,
      authorization_endpoint: endpoints.authorizationEndpoint,
      token_endpoint: endpoints.tokenEndpoint,
    },
    settings.clientId,
    undefined,
    openid.ClientSecretPost(settings.secret ?? ''),
  );
  configuration.timeout = PATIENCE;
  if (isLoopback(endpoints.tokenEndpoint)) openid.allowInsecureRequests(configuration);
  return {
    name,
    redirectUri,
    readIdToken: undefined,
    authorizeUrl: async (request) => {
      const url = await authorizeUrl(configuration, redirectUri, scopesOf(endpoints.scopes, settings), request);
      return url.href;
    },
    redeem: async (parameters, codeVerifier) => {
      // A provider of OAuth 2 may still send an `iss` or an id_token of its own kind; neither is ours to check here.
      const plain = new URLSearchParams({ code: parameters.get('code') ?? '' });
      const answer = await redeemCode(configuration, redirectUri, plain, { pkceCodeVerifier: codeVerifier });
      const account = await endpoints.account((url) => getJson(configuration, answer.access_token, url));
      return { account, tokens: tokensOf(answer) };
    },
  };
}

async function getJson(
  configuration: openid.Configuration,
  accessToken: string,
  url: string,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = new Headers({ accept: 'application/json', 'user-agent': 'vectabase' });
  try {
    const response = await openid.fetchProtectedResource(
      configuration,
      accessToken,
      new URL(url),
      'GET',
      null,
      headers,
    );
    const value: unknown = await response.json();
    if (response.ok && typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new ProviderError('Error getting user profile from external provider', { cause });
  }
  throw new ProviderError('Error getting user profile from external provider');
}
