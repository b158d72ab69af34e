import type { JWK } from 'jose';
import { z } from 'zod';
import type { OpaqueKey } from './api-keys.ts';
import { algorithmOf, publicPart, SIGNING_ALGORITHMS, SIGNING_STATUSES, type SigningKey } from './signing-keys.ts';

const when = z.iso.datetime();
const jwk = z.record(z.string(), z.unknown()).transform((value) => value as JWK);

const SIGNING_KEY = z.object({
  kid: z.string(),
  alg: z.enum(SIGNING_ALGORITHMS),
  status: z.enum(SIGNING_STATUSES),
  createdAt: when,
  retiredAt: when.optional(),
  notAfter: when.optional(),
  legacy: z.literal(true).optional(),
  privateJwk: jwk.optional(),
  publicJwk: jwk.optional(),
});

const OPAQUE_KEY = z.object({
  name: z.string().min(1),
  kind: z.enum(['publishable', 'secret']),
  key: z.string().min(1),
  createdAt: when,
  notAfter: when.optional(),
});

const KEY_SET = z.object({
  signingKeys: z.array(SIGNING_KEY),
  opaqueKeys: z.array(OPAQUE_KEY),
  legacyApiKeys: z.enum(['accepted', 'refused']),
});

/** The keys of the API: what a daemon signs, checks and lets in with. A part of `keys.json`, and a file of its own. */
export interface KeySet {
  readonly signingKeys: readonly SigningKey[];
  readonly opaqueKeys: readonly OpaqueKey[];
  /** Tokens of the roles anon and service_role that stand for a key, as projects had them first. */
  readonly legacyApiKeys: 'accepted' | 'refused';
}

/** Reads a key file; members that it does not know are passed over. Undefined when it is none. */
export function parseKeySet(text: string): KeySet | undefined {
  const result = KEY_SET.safeParse(parseJson(text));
  return result.success ? result.data : undefined;
}

export function formatKeySet({ signingKeys, opaqueKeys, legacyApiKeys }: KeySet): string {
  return `${JSON.stringify({ version: 1, signingKeys, opaqueKeys, legacyApiKeys }, null, 2)}\n`;
}

/**
 * Reads a JSON Web Key Set of others, as keys that only verify. Keys of kinds that we do not take are left out, private
 * members too. Undefined when the text is no set.
 *
 * @param life.notAfter ISO 8601; absent for as long as it is configured
 */
export function parseForeignKeys(
  text: string,
  life: { createdAt: string; notAfter?: string | undefined },
): SigningKey[] | undefined {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return undefined;
  return (value.keys as unknown[]).flatMap((each) => {
    const key = jwk.safeParse(each);
    const alg = key.success ? algorithmOf(key.data) : undefined;
    if (!key.success || alg === undefined) return [];
    const { kid } = key.data;
    const publicJwk = publicPart(key.data, kid ?? '', alg);
    if (alg !== 'HS256' && !publicJwk) return [];
    const material = alg === 'HS256' ? { privateJwk: key.data } : { publicJwk };
    // A key without a name is tried with every token, as the shared secret is.
    const name = kid === undefined ? { kid: '', legacy: true as const } : { kid };
    return [{ ...name, alg, status: 'verify-only' as const, ...life, ...material }];
  });
}

/** A parser's message would quote the file. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
