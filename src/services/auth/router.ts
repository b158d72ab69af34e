import type { Claims } from '../../foundation/crypto/tokens.ts';
import { AuthError } from './errors.ts';
import type { JsonObject } from './body.ts';
import type { AuthContext } from './context.ts';
import type { Limit } from './limits.ts';
import type { AuthRequest, Reply } from './message.ts';
import type { SessionRow } from './store/sessions.ts';
import type { UserRow } from './store/users.ts';

/** One request on its way through an endpoint. */
export interface Call {
  readonly request: AuthRequest;
  /** What stands at `:name` in the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON body; an empty one is `{}`. Reading it throws AuthError bad_json. */
  body(): JsonObject;
}

/** A call with the token of a user who exists, is not banned, and whose session is alive. */
export interface UserCall extends Call {
  readonly user: UserRow;
  /** Absent in tokens that something else signed with our key. */
  readonly session: SessionRow | undefined;
  readonly claims: Claims;
}

export interface AdminCall extends Call {
  /** `service_role` or `supabase_admin`. */
  readonly role: string;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
type Handler<C extends Call> = (call: C, context: AuthContext) => Promise<Reply>;

interface RouteParts {
  readonly method: Method;
  /** `/admin/users/:id`; `*` at the end stands for anything below. */
  readonly path: string;
  /** By address, before anything else is looked at. */
  readonly limit: Limit | undefined;
}

export type Route = RouteParts &
  (
    | { readonly access: 'open' | 'key'; readonly handle: Handler<Call> }
    | { readonly access: 'user'; readonly handle: Handler<UserCall> }
    | { readonly access: 'admin'; readonly handle: Handler<AdminCall> }
  );

/** Reachable without an API key: what a browser navigates to. */
export function open(method: Method, path: string, handle: Handler<Call>, limit?: Limit): Route {
  return { access: 'open', method, path, handle, limit };
}

/** Reachable with any API key. */
export function keyed(method: Method, path: string, handle: Handler<Call>, limit?: Limit): Route {
  return { access: 'key', method, path, handle, limit };
}

/** Reachable with the access token of a user. */
export function forUser(method: Method, path: string, handle: Handler<UserCall>, limit?: Limit): Route {
  return { access: 'user', method, path, handle, limit };
}

/** Reachable with the service key. */
export function forAdmin(method: Method, path: string, handle: Handler<AdminCall>, limit?: Limit): Route {
  return { access: 'admin', method, path, handle, limit };
}

/**
 * The first route of this method and path.
 *
 * HEAD has routes of its own only: scanners of mail send it, and it must never consume what GET consumes.
 *
 * @throws AuthError 404, 405
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { readonly route: Route; readonly params: Record<string, string> } {
  const segments = path.split('/').filter((part) => part !== '');
  let known = false;
  for (const route of routes) {
    const params = match(route.path, segments);
    if (!params) continue;
    if (route.method === method) return { route, params };
    known = true;
  }
  if (known) throw new AuthError('validation_failed', `Method ${method} is not allowed here`, { status: 405 });
  throw new AuthError('validation_failed', 'There is no such endpoint', { status: 404 });
}

function match(pattern: string, segments: readonly string[]): Record<string, string> | undefined {
  const wanted = pattern.split('/').filter((part) => part !== '');
  const rest = wanted.at(-1) === '*';
  if (rest) wanted.pop();
  if (rest ? segments.length < wanted.length : segments.length !== wanted.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const segment = segments[at] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = decode(segment);
    else if (part !== segment) return undefined;
  }
  return params;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AuthError('validation_failed', 'The path is not percent-encoded properly');
  }
}
