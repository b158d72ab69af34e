import { createHash } from 'node:crypto';
import { isOpaque } from './api-keys.ts';
import { TokenError, type Claims, type VerifyToken } from './tokens.ts';

export interface ApiKey {
  readonly key: string;
  readonly role: string;
  /** ISO 8601; from then on it is refused. */
  readonly notAfter?: string | undefined;
}

export interface GatewayKeys {
  /** Undefined: no key is asked for, as PostgREST does alone. */
  readonly keys: readonly ApiKey[] | undefined;
  /** Whether tokens of the roles anon and service_role count as keys; they are checked with this. */
  readonly verifyLegacy: VerifyToken | undefined;
}

export interface Knock {
  /** Header `apikey`, or the parameter of that name in the URL. */
  readonly apikey: string | undefined;
  readonly authorization: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * What a request may come in as. `keyId` names the key without giving it away: rate limits count by it.
 * `token`: whoever the token says, once it is verified; `role` is that of the key, if there was one.
 */
export type Admission =
  | {
      readonly as: 'token';
      readonly token: string;
      readonly role: string | undefined;
      readonly keyId: string | undefined;
    }
  | { readonly as: 'role'; readonly role: string; readonly keyId: string }
  | { readonly as: 'anonymous'; readonly keyId: undefined }
  | { readonly as: 'refused'; readonly message: string; readonly hint: string };

export type Gateway = (knock: Knock) => Promise<Admission>;

/**
 * The rules for `apikey` and `Authorization`, the same for every service:
 *
 * | apikey | Authorization | comes in as |
 * |---|---|---|
 * | known key | another token | that token, never replaced |
 * | known legacy key | none, or the same | the key's own token |
 * | known opaque key | none, or the same | the key's role |
 * | known key | another opaque key | nobody: 401 |
 * | unknown, or none | anything, or nothing | nobody: 401 |
 *
 * Where no keys are configured there is the token alone, or the anonymous role.
 */
export function makeGateway({ keys, verifyLegacy }: GatewayKeys): Gateway {
  // Looked up by digest, so that the time of a look-up says nothing about a key.
  const known = keys && new Map(keys.map((each) => [keyIdOf(each.key), each]));
  // A digest costs more than the rest; only keys that passed are remembered, so there are few.
  const passed = new Map<string, string>();
  const idOf = (apikey: string): string => passed.get(apikey) ?? keyIdOf(apikey);
  const find = async (apikey: string, now: number): Promise<string | undefined> => {
    const id = idOf(apikey);
    const found = known?.get(id);
    if (found) passed.set(apikey, id);
    if (found) return found.notAfter === undefined || now < Date.parse(found.notAfter) ? found.role : undefined;
    return isOpaque(apikey) ? undefined : legacyRole(apikey, verifyLegacy, now);
  };
  return async ({ apikey, authorization, now }) => {
    const bearer = bearerOf(authorization);
    if (!known) {
      if (bearer !== undefined) return { as: 'token', token: bearer, role: undefined, keyId: undefined };
      return { as: 'anonymous', keyId: undefined };
    }
    if (apikey === undefined || apikey === '') {
      return refused(bearer !== undefined && isOpaque(bearer) ? BAD_KEY : NO_KEY);
    }
    const role = await find(apikey, now);
    if (role === undefined) return refused(BAD_KEY);
    const keyId = idOf(apikey);
    if (bearer !== undefined && bearer !== apikey) {
      return isOpaque(bearer) ? refused(BAD_KEY) : { as: 'token', token: bearer, role, keyId };
    }
    return isOpaque(apikey) ? { as: 'role', role, keyId } : { as: 'token', token: apikey, role, keyId };
  };
}

/** 128 bits of its digest. */
export function keyIdOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}

/** The parameter `apikey` of a query string, for those who cannot set headers. */
export function apiKeyOfQuery(query: string): string | undefined {
  return query.includes('apikey=') ? (new URLSearchParams(query).get('apikey') ?? undefined) : undefined;
}

/** The token of a header `Bearer …`; undefined for no header and for other schemes. */
export function bearerOf(header: string | undefined): string | undefined {
  const match = /^bearer(?: +(.*))?$/i.exec(header?.trim() ?? '');
  return match ? (match[1] ?? '').trim() : undefined;
}

const NO_KEY = {
  message: 'No API key found in request',
  hint: 'No `apikey` request header or url param was found.',
};
const BAD_KEY = { message: 'Invalid API key', hint: 'Double check your Supabase `anon` or `service_role` API key.' };

function refused(why: { message: string; hint: string }): Admission {
  return { as: 'refused', ...why };
}

async function legacyRole(token: string, verify: VerifyToken | undefined, now: number): Promise<string | undefined> {
  try {
    return verify && legacyRoleOf(await verify(token, now));
  } catch (error) {
    if (error instanceof TokenError) return undefined;
    throw error;
  }
}

/** A user's token has a subject, and its issuer is a URL: it opens no door that asks for a key. */
export function legacyRoleOf({ iss, role, sub, session_id: session }: Claims): 'anon' | 'service_role' | undefined {
  const isKey = (iss === 'supabase' || iss === 'supabase-demo') && sub === undefined && session === undefined;
  return isKey && (role === 'anon' || role === 'service_role') ? role : undefined;
}
