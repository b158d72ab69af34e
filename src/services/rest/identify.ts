import { createHash } from 'node:crypto';
import { TokenError, type Claims } from '../../foundation/crypto/tokens.ts';
import { RestError } from './errors.ts';
import type { Identity, RestRequest } from './message.ts';

export interface GatewayOptions {
  /** Role of each API key. Undefined: none is asked for, as PostgREST does alone. */
  readonly apiKeys: ReadonlyMap<string, string> | undefined;
  readonly anonRole: string | undefined;
  /** Path of the role in the claims: `.role`, `$.app.role`, `."https://x/role"`. */
  readonly roleClaim: string;
  /** Undefined when the server has no key to check tokens with. */
  readonly verifyToken: ((token: string, now: number) => Promise<Claims>) | undefined;
}

/** Who asks. A user's token always wins; an opaque key stands for its role; neither is the anonymous role. */
export function makeIdentify(options: GatewayOptions): (request: RestRequest) => Promise<Identity> {
  // Looked up by digest, so that the time of a look-up says nothing about a key.
  const roles = options.apiKeys && new Map([...options.apiKeys].map(([key, role]) => [digest(key), role]));
  const path = claimPath(options.roleClaim);
  return async (request) => {
    const bearer = bearerOf(request.headers['authorization']);
    const apiKey = request.headers['apikey'] ?? apiKeyOf(request.query);
    const keyRole = roles && roleOfKey(apiKey, bearer, roles);
    if (bearer !== undefined && isOpaque(bearer)) {
      if (keyRole !== undefined && bearer === apiKey) return { role: keyRole, claims: { role: keyRole } };
      throw unauthorized('Invalid API key', KEY_HINT);
    }
    const token = bearer ?? (keyRole !== undefined && apiKey !== undefined && !isOpaque(apiKey) ? apiKey : undefined);
    if (token !== undefined) return fromToken(token, path, options);
    const role = keyRole ?? options.anonRole;
    if (role === undefined) throw tokenRequired();
    return { role, claims: { role } };
  };
}

const KEY_HINT = 'Double check your Supabase `anon` or `service_role` API key.';

/** @throws RestError 401 for a key that nobody gave out, and for neither key nor token */
function roleOfKey(
  apiKey: string | undefined,
  bearer: string | undefined,
  roles: ReadonlyMap<string, string>,
): string | undefined {
  if (apiKey === undefined) {
    if (bearer !== undefined) return undefined;
    throw unauthorized('No API key found in request', 'No `apikey` request header or url param was found.');
  }
  const role = roles.get(digest(apiKey));
  if (role === undefined) throw unauthorized('Invalid API key', KEY_HINT);
  return role;
}

async function fromToken(token: string, path: readonly string[], options: GatewayOptions): Promise<Identity> {
  const { verifyToken, anonRole } = options;
  if (!verifyToken) throw new RestError({ status: 500, code: 'PGRST300', message: 'Server lacks JWT secret' });
  let claims: Claims;
  try {
    claims = await verifyToken(token, Date.now());
  } catch (error) {
    throw error instanceof TokenError ? tokenRefused(error) : error;
  }
  const claimed = path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], claims);
  const role = typeof claimed === 'string' ? claimed : anonRole;
  if (role === undefined) throw tokenRequired();
  return { role, claims: { ...claims, role } };
}

function tokenRefused({ kind, message, details }: TokenError): RestError {
  return new RestError({
    status: 401,
    code: kind === 'signature' ? 'PGRST301' : 'PGRST303',
    message,
    details,
    headers: [['WWW-Authenticate', `Bearer error="invalid_token", error_description=${JSON.stringify(message)}`]],
  });
}

function tokenRequired(): RestError {
  const headers = [['WWW-Authenticate', 'Bearer']] as const;
  return new RestError({ status: 401, code: 'PGRST302', message: 'Anonymous access is disabled', headers });
}

function unauthorized(message: string, hint: string): RestError {
  return new RestError({ status: 401, code: 'PGRST301', message, hint });
}

function bearerOf(header: string | undefined): string | undefined {
  const match = /^bearer(?: +(.*))?$/i.exec(header?.trim() ?? '');
  return match ? (match[1] ?? '').trim() : undefined;
}

function apiKeyOf(query: string): string | undefined {
  return query.includes('apikey=') ? (new URLSearchParams(query).get('apikey') ?? undefined) : undefined;
}

function isOpaque(key: string): boolean {
  return key.startsWith('sb_');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

function claimPath(text: string): string[] {
  const steps = text.match(/"[^"]*"|'[^']*'|[^.[\]$]+/g) ?? [];
  return steps.map((step) => step.replace(/^(["'])(.*)\1$/s, '$2'));
}
