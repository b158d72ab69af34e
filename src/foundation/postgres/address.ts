import { readFileSync } from 'node:fs';
import { VectabaseError } from '../core/errors.ts';

/** TLS wish, in libpq's words and with libpq's meaning: `require` encrypts, only `verify-*` checks who answers. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
const SSL_MODES: readonly string[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** Where a database is and who asks. `host` that starts with `/` is a directory of unix sockets. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly sslMode: SslMode;
  /** PEM text of the authority that `verify-*` trusts. */
  readonly rootCertificate: string | undefined;
}

/**
 * Reads a `postgres://` URL. Takes what libpq takes, as far as it matters here: `sslmode`, `sslrootcert` (a file),
 * `host` as a query parameter for socket directories. Never repeats the text in an error: it holds a password.
 */
export function parseDatabaseUrl(text: string, describe = 'the connection string'): DatabaseAddress {
  const url = toUrl(text.trim(), describe);
  const host = url.searchParams.get('host') ?? decoded(url.hostname, describe).replace(/^\[|\]$/g, '');
  const user = decoded(url.username, describe);
  const database = decoded(url.pathname.slice(1), describe) || user;
  const sslMode = url.searchParams.get('sslmode') ?? (isLocal(host) ? 'prefer' : 'require');
  if (host === '' || user === '') throw invalid(`${describe} lacks a ${host === '' ? 'host' : 'user'}`);
  if (!SSL_MODES.includes(sslMode))
    throw invalid(`${describe} has an unknown sslmode; known are ${SSL_MODES.join(', ')}`);
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password: url.password === '' ? undefined : decoded(url.password, describe),
    database,
    sslMode: sslMode as SslMode,
    rootCertificate: readCertificate(url.searchParams.get('sslrootcert')),
  };
}

/** `user@host:port/database`: an address for people, without its password. */
export function describeAddress({ user, host, port, database }: DatabaseAddress): string {
  return `${user}@${host}:${port}/${database}`;
}

/** The URL form of an address. With `password: false` it can be shown. */
export function formatDatabaseUrl(address: DatabaseAddress, options: { password: boolean }): string {
  const secret = options.password && address.password !== undefined ? `:${encodeURIComponent(address.password)}` : '';
  const socket = address.host.startsWith('/');
  const query = new URLSearchParams();
  if (socket) query.set('host', address.host);
  else query.set('sslmode', address.sslMode);
  const host = socket ? 'localhost' : address.host.includes(':') ? `[${address.host}]` : address.host;
  const database = encodeURIComponent(address.database);
  return `postgresql://${encodeURIComponent(address.user)}${secret}@${host}:${address.port}/${database}?${query.toString()}`;
}

export function isLocal(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host.startsWith('127.') || host === '::1';
}

const ENCODED = '"#", "/", "?" or "@" inside the password, which must be written as %23, %2F, %3F, %40';

function toUrl(text: string, describe: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid(`${describe} is not a URL; a ${ENCODED}`);
  }
  // A raw # or / ends the password for the URL's reader; what follows would be taken for a host, printed and looked up.
  if (url.hash !== '' || url.pathname.includes('@') || url.search.includes('@'))
    throw invalid(`${describe} holds a raw ${ENCODED}`);
  if (/\[YOUR-PASSWORD\]|%5BYOUR-PASSWORD%5D/i.test(url.password))
    throw invalid(`${describe} still holds [YOUR-PASSWORD] where the password belongs`);
  if (!/^postgres(ql)?:$/.test(url.protocol)) throw invalid(`${describe} does not start with postgresql://`);
  return url;
}

/** A `%` that was meant as itself, most likely in a password. */
function decoded(part: string, describe: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`${describe} has a "%" that must be written as %25`);
  }
}

function readCertificate(file: string | null): string | undefined {
  if (file === null || file === 'system') return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new VectabaseError('CONNECTION_STRING_INVALID', { message: `sslrootcert ${file} cannot be read`, cause });
  }
}

function invalid(message: string): VectabaseError {
  return new VectabaseError('CONNECTION_STRING_INVALID', {
    message,
    hint: 'Copy it from the Supabase dashboard: Connect → Direct connection or Session pooler (port 5432).',
  });
}
