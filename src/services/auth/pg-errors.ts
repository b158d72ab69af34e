import { errorCode, isConnectionLost, isSqlState } from '../../foundation/postgres/errors.ts';
import { isPoolTrouble } from '../../foundation/postgres/pool.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { AuthError, OAuthError, unavailable } from './errors.ts';

/** What a trigger of the owner's raised on purpose, as a client may read it. */
export interface DatabaseRefusal {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string; readonly hint?: string; readonly detail?: string };
}

/** Names what was tried in the words that clients know, for an error of the database. Others pass through. */
export async function databaseStep<T>(message: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw isServerError(error) ? new StepFailed(message, { cause: error }) : error;
  }
}

class StepFailed extends Error {}

interface ServerError extends Error {
  readonly code: string;
  readonly severity: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
}

/**
 * Whatever was thrown, as a client may read it. `undefined` for a defect of ours.
 *
 * A database that is away is never the client's fault: 503, so that auth-js keeps the session.
 */
export function explain(thrown: unknown, modern: boolean): AuthError | OAuthError | DatabaseRefusal | undefined {
  if (thrown instanceof AuthError || thrown instanceof OAuthError) return thrown;
  const step = thrown instanceof StepFailed ? thrown.message : 'Database error';
  const error = thrown instanceof StepFailed ? thrown.cause : thrown;
  if (isAway(error)) return unavailable('The database does not answer; try again', error);
  // A lock that another request holds, a serialisation that failed: the same request may succeed.
  if (isSqlState(error, '55P03', '40001', '40P01', '57014')) return unavailable('Too busy; try again', error);
  if (!isServerError(error)) return undefined;
  const refusal = raised(error);
  if (refusal && !modern) return refusal;
  const status = refusal?.status ?? 500;
  return new AuthError('unexpected_failure', step, { status, cause: error });
}

/** Where in the database it failed: which table, constraint, trigger function. No values of rows. */
export function databaseFields(error: unknown): Record<string, string> {
  const source = error instanceof AuthError ? error.cause : error;
  if (!isServerError(source)) return {};
  const { code, schema, table, column, constraint, where } = source;
  const frames = where?.split('\n').filter((line) => /^PL|^SQL function/.test(line));
  const named = { sqlState: code, schema, table, column, constraint, in: frames?.join(' ← ') || undefined };
  return Object.fromEntries(Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function isAway(error: unknown): boolean {
  if (error instanceof VectabaseError) return error.code.startsWith('DATABASE_');
  return isPoolTrouble(error) || (isConnectionLost(error) && !isRaised(error));
}

/** Integrity errors and RAISE keep the old shape with Postgres' own code; `PTnnn` chooses its status. */
function raised(error: ServerError): DatabaseRefusal | undefined {
  const own = /^PT(\d{3})$/.exec(error.code)?.[1];
  const chosen = own === undefined ? 0 : Number(own);
  const status = chosen >= 400 && chosen < 600 ? chosen : isRaised(error) ? 500 : 0;
  if (status === 0) return undefined;
  const { code, message, hint, detail } = error;
  return { status, body: { code, message, ...(hint && { hint }), ...(detail && { detail }) } };
}

function isRaised(error: unknown): boolean {
  return isSqlState(error, 'P0001', '23000', '23001', '23502', '23503', '23505', '23514', '23P01');
}

function isServerError(error: unknown): error is ServerError {
  const code = errorCode(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && error instanceof Error && 'severity' in error;
}
