import type { ProviderAccount, ProviderTokens } from './account.ts';

/** One entry of the setting `auth.external`, with its secret read. */
export interface ProviderSettings {
  readonly enabled?: boolean | undefined;
  readonly clientId: string;
  readonly secret?: string | undefined;
  /** Address of the provider: required for names that we do not know. */
  readonly issuer?: string | undefined;
  /** Asked for besides the ones that an identity needs. */
  readonly scopes?: readonly string[] | undefined;
  readonly redirectUri?: string | undefined;
  /** Client ids of the owner's apps: id_tokens may be made out to them. */
  readonly extraClientIds?: readonly string[] | undefined;
}

export interface AuthorizeRequest {
  readonly state: string;
  /** Of ours towards the provider: its hash goes out with the browser, it stays here. */
  readonly codeVerifier: string;
  /** Separated by blanks or commas. */
  readonly scopes: string | undefined;
  /** What the page wants the provider to know: `prompt`, `access_type`. */
  readonly extra: URLSearchParams;
}

export interface Provider {
  readonly name: string;
  /** Where the owner must have registered us to be called back. */
  readonly redirectUri: string;
  /** @throws ProviderError when the provider cannot be reached */
  authorizeUrl(request: AuthorizeRequest): Promise<string>;
  /**
   * Redeems the code that came back.
   *
   * @param parameters everything that the provider sent with it
   * @throws ProviderError
   */
  redeem(
    parameters: URLSearchParams,
    codeVerifier: string,
  ): Promise<{ readonly account: ProviderAccount; readonly tokens: ProviderTokens }>;
  /**
   * Reads an id_token that an app was given by the provider itself. Undefined for providers that have none.
   *
   * @param issued what else the app was given; `at_hash` and `nonce` in the token are held against it
   * @throws ProviderError
   */
  readonly readIdToken:
    | ((
        token: string,
        issued: { readonly accessToken: string | undefined; readonly nonce: string | undefined },
      ) => Promise<ProviderAccount>)
    | undefined;
}

/**
 * Parameters of the protocol: a page may not choose them. The names are compared in lower case, since some providers
 * read them so.
 */
const RESERVED = new Set([
  'client_id',
  'client_secret',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'scopes',
  'state',
  'nonce',
  'code',
  'code_verifier',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
  'id_token_hint',
  // Our own.
  'provider',
  'redirect_to',
  'invite_token',
  'skip_http_redirect',
  'flow_type',
  'apikey',
  'grant_type',
  'email_optional',
]);

/** What of a page's parameters is passed on to the provider. */
export function passedOn(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => !RESERVED.has(name.trim().toLowerCase())));
}
