import { randomBytes, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from 'jose';

export const SIGNING_ALGORITHMS = ['HS256', 'ES256', 'RS256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

export const SIGNING_STATUSES = ['active', 'standby', 'previous', 'verify-only'] as const;
/**
 * `active` signs; exactly one does. `standby` is published and signs next: nothing is accepted from it yet.
 * `previous` signed until `retiredAt`. `verify-only` belongs to others.
 */
export type SigningStatus = (typeof SIGNING_STATUSES)[number];

/** A key of tokens. Times are ISO 8601. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly status: SigningStatus;
  readonly createdAt: string;
  /** When it stopped to sign. */
  readonly retiredAt?: string | undefined;
  /** From then on nothing is accepted from it. Absent: until it is revoked. */
  readonly notAfter?: string | undefined;
  /** The shared secret of a project: its tokens name no `kid`, and those that name any are tried with it too. */
  readonly legacy?: true | undefined;
  /** Symmetric keys are private. */
  readonly privateJwk?: JWK | undefined;
  readonly publicJwk?: JWK | undefined;
}

/** @param now milliseconds since the epoch */
export async function newSigningKey(alg: SigningAlgorithm, status: SigningStatus, now: number): Promise<SigningKey> {
  const kid = randomUUID();
  const common = { kid, alg, status, createdAt: new Date(now).toISOString() };
  const named = { kid, alg, use: 'sig' };
  if (alg === 'HS256') {
    const k = randomBytes(48).toString('base64url');
    return { ...common, privateJwk: { kty: 'oct', k, ...named } };
  }
  const pair = await generateKeyPair(alg, { extractable: true });
  return {
    ...common,
    privateJwk: { ...(await exportJWK(pair.privateKey)), ...named },
    publicJwk: { ...(await exportJWK(pair.publicKey)), ...named },
  };
}

/** @param secret the text as the dashboard shows it: its characters are the key, whatever they look like */
export function legacySigningKey(secret: string, status: SigningStatus, now: number, kid = 'jwt-secret'): SigningKey {
  const k = Buffer.from(secret).toString('base64url');
  return {
    kid,
    alg: 'HS256',
    status,
    createdAt: new Date(now).toISOString(),
    legacy: true,
    privateJwk: { kty: 'oct', k, alg: 'HS256' },
  };
}

/** The secret of a legacy key as text. */
export function legacySecretOf({ privateJwk }: SigningKey): string {
  return Buffer.from(privateJwk?.k ?? '', 'base64url').toString();
}

export function activeKey(keys: readonly SigningKey[]): SigningKey | undefined {
  return keys.find(({ status, privateJwk }) => status === 'active' && privateJwk !== undefined);
}

/** Is anything accepted from it at this time (milliseconds)? */
export function verifies({ status, notAfter }: SigningKey, now: number): boolean {
  return status !== 'standby' && (notAfter === undefined || now < Date.parse(notAfter));
}

/**
 * What may be published. Never a symmetric key, and never more of a key than its public members, whatever the file
 * says. A standby key stands in it so that those who cache the set know it before it signs.
 */
export function publicKeySet(keys: readonly SigningKey[], now: number): JSONWebKeySet {
  const shown = keys.filter((key) => key.status === 'standby' || verifies(key, now));
  return { keys: shown.flatMap(({ publicJwk, kid, alg }) => publicPart(publicJwk, kid, alg) ?? []) };
}

/** The members of a key that anybody may know; undefined for a key that has none, or lacks one. */
export function publicPart(jwk: JWK | undefined, kid: string, alg: string): JWK | undefined {
  if (jwk?.kty === 'RSA' && jwk.n && jwk.e) return { kty: 'RSA', n: jwk.n, e: jwk.e, kid, alg, ...USE };
  if (jwk?.kty === 'OKP' && jwk.crv && jwk.x) return { kty: 'OKP', crv: jwk.crv, x: jwk.x, kid, alg, ...USE };
  if (jwk?.kty !== 'EC' || !jwk.crv || !jwk.x || !jwk.y) return undefined;
  return { kty: 'EC', crv: jwk.crv, x: jwk.x, y: jwk.y, kid, alg, ...USE };
}

const USE = { use: 'sig', key_ops: ['verify'] };

/** The algorithm of a foreign key; undefined for one that we do not take. */
export function algorithmOf({ kty, crv, alg }: JWK): SigningAlgorithm | undefined {
  const fitting = FITTING[kty ?? ''];
  if (fitting === undefined || (kty === 'EC' && crv !== 'P-256') || (kty === 'OKP' && crv !== 'Ed25519'))
    return undefined;
  if (alg === undefined || alg === fitting || (fitting === 'EdDSA' && alg === 'Ed25519')) return fitting;
  return undefined;
}

const FITTING: Readonly<Record<string, SigningAlgorithm>> = { oct: 'HS256', RSA: 'RS256', EC: 'ES256', OKP: 'EdDSA' };
