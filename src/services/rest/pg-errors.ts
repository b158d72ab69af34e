import { isPoolTrouble, PoolTimeout } from '../../foundation/postgres/pool.ts';
import { errorCode, isConnectionLost } from '../../foundation/postgres/errors.ts';
import { RestError } from './errors.ts';

/** First match decides; a code is exact, a class ends in `*`. */
const STATUS: ReadonlyArray<readonly [state: string, status: number]> = [
  ['08*', 503],
  ['09*', 500],
  ['0L*', 403],
  ['0P*', 403],
  ['23503', 409],
  ['23505', 409],
  ['25006', 405],
  ['25*', 500],
  ['28*', 403],
  ['2D*', 500],
  ['38*', 500],
  ['39*', 500],
  ['3B*', 500],
  ['40*', 500],
  ['53400', 500],
  ['53*', 503],
  ['54*', 500],
  ['55*', 500],
  ['57P01', 503],
  ['57*', 500],
  ['58*', 500],
  ['F0*', 500],
  ['HV*', 500],
  ['P0001', 400],
  ['P0*', 500],
  ['XX*', 500],
  ['42P01', 404],
  ['42P17', 500],
];

interface ServerError extends Error {
  readonly code: string;
  readonly detail?: string;
  readonly hint?: string;
}

/**
 * An error from the database as a client may read it.
 *
 * @param anonymous a refusal then asks for a login (401) instead of forbidding (403)
 * @returns what was thrown, when it is no error of the database
 */
export function fromDatabase(error: unknown, anonymous: boolean): unknown {
  if (error instanceof RestError) return error;
  if (error instanceof PoolTimeout) {
    const message = 'Timed out acquiring connection from connection pool.';
    return new RestError({ status: 504, code: 'PGRST003', message });
  }
  if (isPoolTrouble(error) || (isConnectionLost(error) && !isServerError(error))) return unreachable();
  if (!isServerError(error)) return error;
  if (error.code === 'PGRST') return raisedResponse(error);
  const { code, message, detail = null, hint = null } = error;
  const status = statusOf(error, anonymous);
  const headers: Array<[string, string]> =
    status === 401 ? [['WWW-Authenticate', 'Bearer']] : status === 503 ? [['Retry-After', '1']] : [];
  return new RestError({ status, code, message, details: detail, hint, headers });
}

export function unreachable(): RestError {
  return new RestError({
    status: 503,
    code: 'PGRST000',
    message: 'Database connection error. Retrying the connection.',
    headers: [['Retry-After', '1']],
  });
}

function statusOf({ code, message }: ServerError, anonymous: boolean): number {
  if (code === '42501') return anonymous ? 401 : 403;
  if (code === '21000') return message.endsWith('requires a WHERE clause') ? 400 : 500;
  if (code === '22023') return /^role .* does not exist$/s.test(message) ? 401 : 400;
  if (code === '42883') return message.startsWith('function xmlagg(') ? 406 : 404;
  const own = /^PT(\d{3})$/.exec(code);
  if (code.startsWith('PT')) return own && Number(own[1]) >= 200 ? Number(own[1]) : 500;
  return (
    STATUS.find(([state]) => (state.endsWith('*') ? code.startsWith(state.slice(0, -1)) : code === state))?.[1] ?? 400
  );
}

/** `RAISE SQLSTATE 'PGRST'`: the message is the body, the detail holds status and headers. */
function raisedResponse({ message, detail }: ServerError): RestError {
  const body = asObject(message);
  if (!body || typeof body['code'] !== 'string' || typeof body['message'] !== 'string') {
    return badRaise(
      `Invalid JSON value for MESSAGE: '${message}'`,
      "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
    );
  }
  const hint =
    "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";
  if (detail === undefined) return badRaise('DETAIL is missing in the RAISE statement', hint);
  const control = asObject(detail);
  const status = control?.['status'];
  const headers = asObject(control?.['headers']);
  if (typeof status !== 'number' || status < 200 || status > 599 || !headers) {
    return badRaise(`Invalid JSON value for DETAIL: '${detail}'`, hint);
  }
  return new RestError({
    status,
    code: body['code'],
    message: body['message'],
    details: body['details'] ?? null,
    hint: typeof body['hint'] === 'string' ? body['hint'] : null,
    headers: Object.entries(headers).map(([name, value]) => [name, String(value)] as const),
  });
}

function badRaise(details: string, hint: string): RestError {
  const message = 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error';
  return new RestError({ status: 500, code: 'PGRST121', message, details, hint });
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isServerError(error: unknown): error is ServerError {
  const code = errorCode(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && error instanceof Error && 'severity' in error;
}
