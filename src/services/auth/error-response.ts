import { AuthError, OAuthError } from './errors.ts';
import type { AuthRequest, AuthResponse } from './message.ts';
import type { DatabaseRefusal } from './pg-errors.ts';

/** The one version that has another body for errors: a `code` that is text. */
const API_VERSION = '2024-01-01';
const VERSION_HEADER = 'X-Supabase-Api-Version';

/** One error, in the shape of the API version that the client asked for. */
export function errorResponse(
  error: AuthError | OAuthError | DatabaseRefusal,
  request: Pick<AuthRequest, 'headers' | 'id'>,
): AuthResponse {
  const asked = request.headers['x-supabase-api-version'] ?? '';
  const modern = /^\d{4}-\d{2}-\d{2}$/.test(asked) && asked >= API_VERSION;
  const echo = modern ? ([[VERSION_HEADER, API_VERSION]] as const) : [];
  if (error instanceof OAuthError) {
    return json(400, { error: error.error, error_description: error.message }, echo);
  }
  if (!(error instanceof AuthError)) return json(error.status, error.body, echo);
  const { status, code, message, reasons, headers } = error;
  const weak = code === 'weak_password' ? { weak_password: { reasons } } : {};
  const id = status >= 500 ? { error_id: request.id } : {};
  const body = modern ? { code, message, ...weak } : { code: status, error_code: code, msg: message, ...id, ...weak };
  return json(status, body, [['x-sb-error-code', code], ...echo, ...headers]);
}

export function json(
  status: number,
  body: unknown,
  headers: ReadonlyArray<readonly [name: string, value: string]> = [],
): AuthResponse {
  return { status, headers: [['Content-Type', 'application/json'], ...headers], body: JSON.stringify(body) };
}
