import { importJWK, SignJWT } from 'jose';
import { activeKey, type SigningKey } from './signing-keys.ts';
import type { Claims } from './tokens.ts';

export type SignToken = (claims: Claims) => Promise<string>;

/**
 * Signs with the active key. Its `kid` goes into the header, except for the shared secret of a project, whose tokens
 * never had one. Claims are taken as they are: `iat` and `exp` are the caller's.
 *
 * @throws Error when no key is active
 */
export function makeTokenSigner(keys: readonly SigningKey[]): SignToken {
  const key = activeKey(keys);
  if (!key?.privateJwk) throw new Error('no signing key is active');
  const header = { alg: key.alg, typ: 'JWT', ...(key.legacy ? {} : { kid: key.kid }) };
  const imported = importJWK(key.privateJwk, key.alg);
  imported.catch(() => undefined); // told to whoever signs
  return async (claims) => new SignJWT({ ...claims }).setProtectedHeader(header).sign(await imported);
}
