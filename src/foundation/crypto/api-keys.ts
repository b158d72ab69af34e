import { randomBytes, randomInt } from 'node:crypto';
import jwt from 'jsonwebtoken';

/** What clients and services of one installation authenticate with. */
export interface ApiKeys {
  /** Twenty lower-case letters, as a hosted project has. */
  readonly ref: string;
  /** HS256 key of all tokens: 48 random bytes in base64, 64 characters. */
  readonly jwtSecret: string;
  readonly anonKey: string;
  readonly serviceRoleKey: string;
}

const TEN_YEARS = 10 * 365 * 24 * 60 * 60;

/** @param now milliseconds since the epoch */
export function newApiKeys(now: number): ApiKeys {
  const ref = Array.from({ length: 20 }, () => String.fromCharCode(97 + randomInt(26))).join('');
  const jwtSecret = randomBytes(48).toString('base64');
  return {
    ref,
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
