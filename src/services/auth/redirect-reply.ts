import { AuthError, OAuthError } from './errors.ts';
import type { Reply } from './message.ts';

/** By this name in the fragment auth-js knows that tokens or errors are meant for it, and not for the page. */
const MARKER = 'sb';

/** The session of an implicit flow: in the fragment, which no server sees. */
export function redirectWithSession(
  target: string,
  session: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, string | undefined>> = {},
): Reply {
  const { access_token, expires_at, expires_in, refresh_token, token_type } = session;
  const fields = { access_token, expires_at, expires_in, refresh_token, token_type, ...more };
  return redirect(withFragment(target, fields));
}

/** A code that the page redeems with the verifier it kept. */
export function redirectWithCode(target: string, code: string): Reply {
  return redirect(withQuery(target, { code }));
}

export function redirectWithMessage(target: string, message: string): Reply {
  return redirect(withFragment(target, { message }));
}

/** @param status of the redirect: 303 turns a POST into a GET */
export function redirect(location: string, status: 302 | 303 = 303): Reply {
  return { status, headers: [['Location', location]] };
}

/** An error for the page: in the query for whoever serves it, in the fragment for auth-js. */
export function redirectWithError(target: string, error: AuthError | OAuthError): Reply {
  const fields = errorFields(error);
  return redirect(withFragment(withQuery(target, fields), fields));
}

const OAUTH_WORDS: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthorized_client',
  403: 'access_denied',
  500: 'server_error',
  503: 'temporarily_unavailable',
};
const DENIED = new Set(['signup_disabled', 'user_banned', 'provider_email_needs_verification']);

function errorFields(error: AuthError | OAuthError): Record<string, string> {
  if (error instanceof OAuthError) return { error: error.error, error_description: harmless(error.message) };
  const word = DENIED.has(error.code) ? 'access_denied' : (OAUTH_WORDS[error.status] ?? 'server_error');
  return { error: word, error_code: error.code, error_description: harmless(error.message) };
}

/** Pages show this text, some of them as HTML. */
export function harmless(text: string): string {
  return text.replaceAll(/[<>\p{Cc}]/gu, ' ').slice(0, 300);
}

function withQuery(target: string, fields: Readonly<Record<string, unknown>>): string {
  const [base = '', fragment] = target.split('#', 2);
  const query = encode(fields);
  return `${base}${base.includes('?') ? '&' : '?'}${query}${fragment === undefined ? '' : `#${fragment}`}`;
}

function withFragment(target: string, fields: Readonly<Record<string, unknown>>): string {
  return `${target.split('#', 1)[0] ?? ''}#${encode({ ...fields, [MARKER]: '' })}`;
}

function encode(fields: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return new URLSearchParams(entries.map(([name, value]): [string, string] => [name, String(value)])).toString();
}
