import { createHash } from 'node:crypto';
import { isSame } from './digest.ts';
import { AuthError } from './errors.ts';

export interface Challenge {
  readonly value: string;
  readonly method: 's256' | 'plain';
}

/**
 * What a page sent to prove later that it is the one that began. Undefined: it sent nothing, the flow is implicit.
 *
 * @param target where the browser will be sent back to. Pages on plain http have no WebCrypto and send `plain`, which
 *   protects nothing against whoever reads the address: taken from this very machine alone.
 * @throws AuthError validation_failed
 */
export function readChallenge(
  value: string | undefined | null,
  method: string | undefined | null,
  target: string,
): Challenge | undefined {
  if (!value && !method) return undefined;
  if (!value || !method) {
    throw invalid('PKCE flow requires code_challenge_method and code_challenge');
  }
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(value)) {
    throw invalid('code challenge has to be between 43 and 128 characters long and hold A-Z a-z 0-9 - . _ ~ alone');
  }
  const named = method.toLowerCase();
  if (named === 's256') return { value, method: 's256' };
  if (named === 'plain' && isLoopback(target)) return { value, method: 'plain' };
  throw invalid(named === 'plain' ? 'code_challenge_method has to be s256' : 'unsupported code_challenge_method');
}

export function answersChallenge(verifier: string, { value, method }: Challenge): boolean {
  const answer = method === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url');
  return isSame(answer, value);
}

function isLoopback(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && (hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname));
}

function invalid(message: string): AuthError {
  return new AuthError('validation_failed', message);
}
