import type { IncomingMessage, ServerResponse } from 'node:http';

const EXPOSED =
  'content-encoding, content-location, content-range, content-type, date, link, location, preference-applied, proxy-status, retry-after, sb-auth-session-id, sb-auth-user-id, server-timing, x-request-id, x-sb-error-code, x-supabase-api-version, x-total-count';

/**
 * Lets pages of the allowed origins call. Answers a preflight by itself.
 *
 * @returns true when the request was a preflight and is answered
 */
export function allowOrigin(
  allowed: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
  preflightStatus: 200 | 204,
): boolean {
  const headers = originHeaders(allowed, request);
  if (headers.length === 0) return false;
  for (const [name, value] of headers) response.setHeader(name, value);
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
  const asked = request.headers['access-control-request-headers']?.split(',').map((name) => name.trim()) ?? [];
  response.setHeader('access-control-allow-methods', 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD');
  response.setHeader('access-control-allow-headers', ['Authorization', ...asked].join(', '));
  response.setHeader('access-control-max-age', '86400');
  response.statusCode = preflightStatus;
  response.end();
  return true;
}

/** What every answer to a page of an allowed origin carries. */
export function originHeaders(
  allowed: readonly string[],
  { headers: { origin } }: IncomingMessage,
): ReadonlyArray<readonly [name: string, value: string]> {
  if (origin === undefined) return [];
  const all = allowed.includes('*');
  if (!all && !allowed.includes(origin)) return [];
  return [
    ['access-control-allow-origin', all ? '*' : origin],
    // A page of any origin must not act with the cookies of this one; a page that was named may.
    ...(all ? [] : [['access-control-allow-credentials', 'true'] as const]),
    ['access-control-expose-headers', EXPOSED],
  ];
}
