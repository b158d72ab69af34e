import { compactVerify, decodeProtectedHeader, errors, importJWK, type ProtectedHeaderParameters } from 'jose';
import { verifies, type SigningKey } from './signing-keys.ts';

export interface VerifyOptions {
  /** Must be among a token's audiences, when it names any. */
  readonly audience?: string | undefined;
  /** Must hold a token's issuer, when it names one; empty for any. */
  readonly issuers?: readonly string[] | undefined;
  /** Whether a token without an end is refused. */
  readonly requireExpiry?: boolean | undefined;
}

export type Claims = Readonly<Record<string, unknown>>;

/** @param now milliseconds since the epoch */
export type VerifyToken = (token: string, now: number) => Promise<Claims>;

/** `signature`: the token is not ours. `claims`: it was, and does not hold now or here. */
export class TokenError extends Error {
  readonly kind: 'signature' | 'claims';
  readonly details: string | null;

  constructor(kind: 'signature' | 'claims', message: string, details: string | null = null) {
    super(message);
    this.kind = kind;
    this.details = details;
  }
}

/** Seconds that two clocks may differ. */
const SKEW = 30;
const CACHED = 2_000;

interface Known {
  readonly claims: Claims;
  readonly by: SigningKey;
}

/**
 * Checks signatures once per token; times, and whether the key still counts, at every use.
 *
 * The algorithm is that of the configured key, never the token's own: a public key cannot be used as an HMAC secret.
 *
 * @throws (the returned function) TokenError
 */
export function makeTokenVerifier(keys: readonly SigningKey[], options: VerifyOptions = {}): VerifyToken {
  const cache = new Map<string, Known>();
  const candidates = keys.map((key) => ({ key, material: memoize(() => importKey(key)) }));
  return async (token, now) => {
    let known = cache.get(token);
    if (!known || !verifies(known.by, now)) {
      known = await readSigned(token, candidates, now);
      if (cache.size >= CACHED) cache.delete(cache.keys().next().value ?? '');
      cache.set(token, known);
    }
    assertTimely(known.claims, Math.floor(now / 1000), options.requireExpiry === true);
    assertAudience(known.claims, options.audience);
    assertIssuer(known.claims, options.issuers ?? []);
    return known.claims;
  };
}

type Material = Awaited<ReturnType<typeof importJWK>>;

interface Candidate {
  readonly key: SigningKey;
  readonly material: () => Promise<Material | undefined>;
}

/** A key of others that cannot be used (too short, a point off its curve) verifies nothing; the rest go on. */
async function importKey({ privateJwk, publicJwk, alg }: SigningKey): Promise<Material | undefined> {
  const jwk = alg === 'HS256' ? privateJwk : publicJwk;
  return jwk && importJWK(jwk, alg).catch(() => undefined);
}

async function readSigned(token: string, candidates: readonly Candidate[], now: number): Promise<Known> {
  const header = readHeader(token);
  const usable = candidates.filter(({ key }) => verifies(key, now));
  if (!usable.some(({ key }) => fitsAlgorithm(key, header))) {
    throw new TokenError('signature', 'Wrong or unsupported encoding algorithm');
  }
  for (const { key, material } of usable) {
    if (!fitsAlgorithm(key, header) || !fitsKid(key, header)) continue;
    const payload = await verifiedBy(token, header.alg ?? '', await material());
    if (payload) return { claims: parseClaims(payload), by: key };
  }
  throw new TokenError('signature', 'No suitable key or wrong key type', 'None of the keys was able to decode the JWT');
}

function readHeader(token: string): ProtectedHeaderParameters {
  const parts = token.split('.').length;
  if (token === '') throw new TokenError('signature', 'Empty JWT is sent in Authorization header');
  if (parts !== 3) throw new TokenError('signature', `Expected 3 parts in JWT; got ${parts}`);
  // Decoders skip blanks and the like: a token would then have many spellings.
  if (!/^[\w-]+\.[\w-]*\.[\w-]*$/.test(token) || token.indexOf('.') > MAX_HEADER) {
    throw new TokenError('signature', 'JWT cryptographic operation failed');
  }
  let header: ProtectedHeaderParameters;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw new TokenError('signature', 'JWT cryptographic operation failed');
  }
  if (typeof header.alg !== 'string' || header.alg === '') {
    throw new TokenError('signature', 'JWT cryptographic operation failed');
  }
  return header;
}

/** Characters. The header is parsed before anything is verified, and half a megabyte of brackets takes 400 ms. */
const MAX_HEADER = 8_192;

/** `Ed25519` is RFC 9864's name of what was EdDSA. */
function fitsAlgorithm({ alg }: SigningKey, header: ProtectedHeaderParameters): boolean {
  return header.alg === alg || (alg === 'EdDSA' && header.alg === 'Ed25519');
}

function fitsKid({ kid, legacy }: SigningKey, header: ProtectedHeaderParameters): boolean {
  return header.kid === undefined || legacy === true || header.kid === kid;
}

async function verifiedBy(token: string, alg: string, key: Material | undefined): Promise<Uint8Array | undefined> {
  if (!key) return undefined;
  try {
    return (await compactVerify(token, key, { algorithms: [alg] })).payload;
  } catch (error) {
    if (error instanceof errors.JWSInvalid) {
      throw new TokenError('signature', 'JWT cryptographic operation failed');
    }
    return undefined;
  }
}

function parseClaims(payload: Uint8Array): Claims {
  let claims: unknown;
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    claims = undefined;
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw new TokenError('claims', 'Parsing claims failed');
  }
  return claims as Claims;
}

function assertTimely(claims: Claims, now: number, requireExpiry: boolean): void {
  const time = (name: 'exp' | 'nbf' | 'iat'): number | undefined => {
    const value = claims[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'number' || Math.abs(value) > LAST_SECOND) {
      throw new TokenError('claims', `The JWT '${name}' claim must be a number`);
    }
    return value;
  };
  const [exp, nbf, iat] = [time('exp'), time('nbf'), time('iat')];
  if (exp === undefined && requireExpiry) throw new TokenError('claims', 'JWT has no expiry');
  if (exp !== undefined && now - SKEW >= exp) throw new TokenError('claims', 'JWT expired');
  if (nbf !== undefined && now + SKEW < nbf) throw new TokenError('claims', 'JWT not yet valid');
  if (iat !== undefined && now + SKEW < iat) throw new TokenError('claims', 'JWT issued at future');
}

/** Of the year 9999, the last that a date can show: what lies beyond is no time. */
const LAST_SECOND = 253_402_300_799;

function assertIssuer({ iss }: Claims, issuers: readonly string[]): void {
  if (iss === undefined || iss === null || issuers.length === 0) return;
  if (typeof iss !== 'string' || !issuers.includes(iss)) throw new TokenError('claims', 'JWT not from a known issuer');
}

function assertAudience({ aud }: Claims, audience: string | undefined): void {
  if (aud === undefined || aud === null) return;
  const list: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!list.every((each) => typeof each === 'string')) {
    throw new TokenError('claims', "The JWT 'aud' claim must be a string or an array of strings");
  }
  if (audience !== undefined && list.length > 0 && !list.includes(audience)) {
    throw new TokenError('claims', 'JWT not in audience');
  }
}

function memoize<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
