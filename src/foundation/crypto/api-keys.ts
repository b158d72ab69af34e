import { createHash, randomBytes, randomInt } from 'node:crypto';
import jwt from 'jsonwebtoken';

/** What clients and services of one installation authenticate with. */
export interface ApiKeys {
  /** Twenty lower-case letters, as a hosted project has. */
  readonly ref: string;
  /** HS256 key that the two keys below are signed with: 48 random bytes in base64, 64 characters. */
  readonly jwtSecret: string;
  readonly anonKey: string;
  readonly serviceRoleKey: string;
}

export type OpaqueKind = 'publishable' | 'secret';

/** A key that says nothing by itself. Times are ISO 8601. */
export interface OpaqueKey {
  /** To name it without showing it: lower-case letters, digits and underscores. */
  readonly name: string;
  readonly kind: OpaqueKind;
  readonly key: string;
  readonly createdAt: string;
  /** From then on it is refused. Absent: until it is revoked. */
  readonly notAfter?: string | undefined;
}

const TEN_YEARS = 10 * 365 * 24 * 60 * 60;

/** @param now milliseconds since the epoch */
export function newApiKeys(now: number): ApiKeys {
  const ref = Array.from({ length: 20 }, () => String.fromCharCode(97 + randomInt(26))).join('');
  return { ref, ...legacyKeys(randomBytes(48).toString('base64'), ref, now) };
}

/** The two keys of a project with this secret. */
export function legacyKeys(jwtSecret: string, ref: string, now: number): Omit<ApiKeys, 'ref'> {
  return {
    jwtSecret,
    anonKey: apiKey(jwtSecret, ref, 'anon', now),
    serviceRoleKey: apiKey(jwtSecret, ref, 'service_role', now),
  };
}

/** The claims, in this order, are those of a key from the Supabase dashboard. */
function apiKey(secret: string, ref: string, role: string, now: number): string {
  const iat = Math.floor(now / 1000);
  return jwt.sign({ iss: 'supabase', ref, role, iat, exp: iat + TEN_YEARS }, secret, { algorithm: 'HS256' });
}

/** 132 random bits and a checksum, in the hosted form: secret scanners know it. */
export function newOpaqueKey(kind: OpaqueKind, ref: string, name: string, now: number): OpaqueKey {
  const start = `sb_${kind}_${randomBytes(17).toString('base64url').slice(0, 22)}`;
  const checksum = createHash('sha256').update(`${ref}|${start}`).digest('base64url').slice(0, 8);
  return { name, kind, key: `${start}_${checksum}`, createdAt: new Date(now).toISOString() };
}

export function isOpaque(key: string): boolean {
  return key.startsWith('sb_');
}

/** Its kind; undefined for a text that is no such key. */
export function opaqueKindOf(key: string): OpaqueKind | undefined {
  return /^sb_(publishable|secret)_[\w-]{16,200}$/.exec(key)?.[1] as OpaqueKind | undefined;
}

/** What the database sees of a request with such a key alone. */
export function roleOfKind(kind: OpaqueKind): 'anon' | 'service_role' {
  return kind === 'secret' ? 'service_role' : 'anon';
}
