import { TokenError, type Claims, type VerifyToken } from '../../foundation/crypto/tokens.ts';
import { RestError } from './errors.ts';
import type { Identity, RestRequest } from './message.ts';

export interface IdentifyOptions {
  readonly anonRole: string | undefined;
  /** Role of the connection: a token that names it would keep its rights, where it should take others. */
  readonly connectionRole: string;
  /** Path of the role in the claims: `.role`, `$.app.role`, `."https://x/role"`. */
  readonly roleClaim: string;
  /** Asked for with each request, since keys change while we run. Undefined when there is no key to check with. */
  readonly verifyToken: () => VerifyToken | undefined;
}

/** Who asks: what the gateway said, in PostgREST's words. */
export function makeIdentify(options: IdentifyOptions): (request: RestRequest) => Promise<Identity> {
  const path = claimPath(options.roleClaim);
  // The verifier gives the same claims for the same token.
  const known = new WeakMap<Claims, Identity>();
  return async ({ admission }) => {
    if (admission.as === 'refused') throw unauthorized(admission.message, admission.hint);
    if (admission.as === 'token') {
      const claims = await verify(admission.token, options);
      const identity = known.get(claims) ?? identityOf(claims, path, options);
      known.set(claims, identity);
      return identity;
    }
    const role = admission.as === 'role' ? admission.role : options.anonRole;
    if (role === undefined) throw tokenRequired();
    return { role, claims: { role } };
  };
}

async function verify(token: string, options: IdentifyOptions): Promise<Claims> {
  const verifyToken = options.verifyToken();
  if (!verifyToken) throw new RestError({ status: 500, code: 'PGRST300', message: 'Server lacks JWT secret' });
  try {
    return await verifyToken(token, Date.now());
  } catch (error) {
    throw error instanceof TokenError ? tokenRefused(error) : error;
  }
}

function identityOf(claims: Claims, path: readonly string[], options: IdentifyOptions): Identity {
  const claimed = path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], claims);
  const role = typeof claimed === 'string' ? claimed : options.anonRole;
  if (role === undefined) throw tokenRequired();
  assertRole(role, options);
  return { role, claims: { ...claims, role } };
}

/** Postgres would allow both: to be whom one is, and `none`, which means the same. In its words, as for others. */
function assertRole(role: string, { connectionRole, anonRole }: IdentifyOptions): void {
  if (role === 'none') throw new RestError({ status: 401, code: '22023', message: 'role "none" does not exist' });
  if (role === connectionRole && role !== anonRole) {
    throw new RestError({ status: 403, code: '42501', message: `permission denied to set role "${role}"` });
  }
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

function claimPath(text: string): string[] {
  const steps = text.match(/"[^"]*"|'[^']*'|[^.[\]$]+/g) ?? [];
  return steps.map((step) => step.replace(/^(["'])(.*)\1$/s, '$2'));
}
