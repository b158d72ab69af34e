import { messageOf, VectabaseError } from '../core/errors.ts';
import { describeAddress, type DatabaseAddress } from './address.ts';

/** The SQLSTATE of an error that a server raised, or the system code of a socket error. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

export function isSqlState(error: unknown, ...states: string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && states.includes(code);
}

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOENT',
]);
/** admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout, too_many_connections */
const SERVER_GONE_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '53300']);

/** True when the link or the server is gone, and the same work may succeed later on a new connection. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isConnectionLost);
  if (error instanceof VectabaseError) return error.code === 'DATABASE_UNREACHABLE';
  const code = errorCode(error);
  if (code !== undefined) return SOCKET_CODES.has(code) || SERVER_GONE_STATES.has(code) || code.startsWith('08');
  return /connection terminated|client has encountered a connection error|premature close|timeout expired|socket disconnected/i.test(
    messageOf(error),
  );
}

/** pg's words when a server answers "N" to the request for TLS. */
export function isSslRefused(error: unknown): boolean {
  return messageOf(error).includes('does not support SSL');
}

/** An error met while connecting, as an operator should read it. */
export function connectionError(error: unknown, address: DatabaseAddress): VectabaseError {
  const where = describeAddress(address);
  const details = {
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    reason: errorCode(error) ?? null,
  };
  if (isSqlState(error, '28P01', '28000')) {
    return new VectabaseError('DATABASE_AUTH_FAILED', {
      message: `${where} refused the login: ${messageOf(error)}`,
      hint: 'Check the user name and the password. On Supabase the password can be reset under Project Settings → Database; nothing else changes by that.',
      details,
      cause: error,
    });
  }
  if (messageOf(error).includes('client password must be a string')) {
    return new VectabaseError('DATABASE_AUTH_FAILED', {
      message: `${where} asks for a password, and none was given`,
      hint: 'Put the password into the connection string: postgresql://USER:PASSWORD@HOST:5432/DATABASE',
      details,
    });
  }
  if (isSqlState(error, '3D000')) {
    return new VectabaseError('CONNECTION_STRING_INVALID', {
      message: `${where}: ${messageOf(error)}`,
      hint: 'On Supabase the database is called postgres.',
      details,
      cause: error,
    });
  }
  return new VectabaseError('DATABASE_UNREACHABLE', {
    message: `no connection to ${where}: ${messageOf(error)}`,
    hint: unreachableHint(error, address),
    details,
    cause: error,
  });
}

function unreachableHint(error: unknown, address: DatabaseAddress): string {
  const directHost = /^db\.[a-z0-9]+\.supabase\.co$/.test(address.host);
  if (directHost && isUnroutable(error)) {
    return 'The direct host of a Supabase project answers on IPv6 only. Use the session pooler (dashboard → Connect → Session pooler, port 5432).';
  }
  if (isSslRefused(error))
    return 'The server does not speak TLS. If that is intended, add ?sslmode=disable to the connection string.';
  return 'Check host, port and firewall; the same command can be run again.';
}

function isUnroutable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnroutable);
  return ['ENETUNREACH', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT'].includes(errorCode(error) ?? '');
}
