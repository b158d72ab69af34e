import { compactVerify, createLocalJWKSet, errors, importJWK, type JSONWebKeySet } from 'jose';

export interface TokenKeys {
  /** HS256 key, as text. */
  readonly secret: string | undefined;
  /** Public keys by `kid`; symmetric ones may stand among them. */
  readonly jwks: JSONWebKeySet | undefined;
  readonly audience: string | undefined;
}

export type Claims = Readonly<Record<string, unknown>>;

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
const SYMMETRIC = ['HS256'];
const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA', 'Ed25519'];

/**
 * Checks signatures once per token, and times at every use.
 *
 * The algorithm follows from the key that is configured, never from the token alone: a public key cannot be used as
 * an HMAC secret.
 */
export function makeTokenVerifier(keys: TokenKeys): (token: string, now: number) => Promise<Claims> {
  const known = new Map<string, Claims>();
  const findKey = keyFinder(keys);
  const algorithms = [
    ...(keys.secret !== undefined || hasSymmetric(keys.jwks) ? SYMMETRIC : []),
    ...(keys.jwks ? ASYMMETRIC : []),
  ];
  return async (token, now) => {
    let claims = known.get(token);
    if (!claims) {
      claims = await readSigned(token, findKey, algorithms);
      if (known.size >= CACHED) known.delete(known.keys().next().value ?? '');
      known.set(token, claims);
    }
    assertTimely(claims, Math.floor(now / 1000));
    assertAudience(claims, keys.audience);
    return claims;
  };
}

type FindKey = Parameters<typeof compactVerify>[1];

async function readSigned(token: string, findKey: FindKey, algorithms: string[]): Promise<Claims> {
  const parts = token.split('.').length;
  if (token === '') throw new TokenError('signature', 'Empty JWT is sent in Authorization header');
  if (parts !== 3) throw new TokenError('signature', `Expected 3 parts in JWT; got ${parts}`);
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(token, findKey as never, { algorithms }));
  } catch (error) {
    throw explain(error);
  }
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

function explain(error: unknown): TokenError {
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return new TokenError('signature', 'Wrong or unsupported encoding algorithm', error.message);
  }
  if (error instanceof errors.JWSInvalid) return new TokenError('signature', 'JWT cryptographic operation failed');
  const details = 'None of the keys was able to decode the JWT';
  return new TokenError('signature', 'No suitable key or wrong key type', details);
}

function keyFinder({ secret, jwks }: TokenKeys): FindKey {
  const symmetric = jwks?.keys.filter(({ kty }) => kty === 'oct') ?? [];
  const asymmetric = jwks ? createLocalJWKSet({ keys: jwks.keys.filter(({ kty }) => kty !== 'oct') }) : undefined;
  const find = async (header: { alg?: string; kid?: string }, token: never) => {
    if (header.alg === 'HS256') {
      const matching = symmetric.filter(
        ({ kid }) => header.kid === undefined || kid === undefined || kid === header.kid,
      );
      const [only] =
        secret === undefined || matching.some(({ kid }) => kid !== undefined && kid === header.kid) ? matching : [];
      if (only) return importJWK(only, 'HS256');
      if (secret !== undefined) return new TextEncoder().encode(secret);
    } else if (asymmetric) return asymmetric(header, token);
    throw new errors.JWKSNoMatchingKey();
  };
  return find as unknown as FindKey;
}

function hasSymmetric(jwks: JSONWebKeySet | undefined): boolean {
  return jwks?.keys.some(({ kty }) => kty === 'oct') ?? false;
}

function assertTimely(claims: Claims, now: number): void {
  const time = (name: 'exp' | 'nbf' | 'iat'): number | undefined => {
    const value = claims[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'number') throw new TokenError('claims', `The JWT '${name}' claim must be a number`);
    return value;
  };
  const [exp, nbf, iat] = [time('exp'), time('nbf'), time('iat')];
  if (exp !== undefined && now - SKEW >= exp) throw new TokenError('claims', 'JWT expired');
  if (nbf !== undefined && now + SKEW < nbf) throw new TokenError('claims', 'JWT not yet valid');
  if (iat !== undefined && now + SKEW < iat) throw new TokenError('claims', 'JWT issued at future');
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
