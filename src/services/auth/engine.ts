import { assertAdmitted, requireAdmin, requireUser } from './access.ts';
import { parseBody } from './body.ts';
import { assertWithin } from './limits.ts';
import type { AuthContext } from './context.ts';
import { adminUserRoutes } from './endpoints/admin-users.ts';
import { adminLinkRoutes } from './endpoints/admin-links.ts';
import { disabledRoutes } from './endpoints/disabled.ts';
import { factorRoutes } from './endpoints/factors.ts';
import { identityRoutes } from './endpoints/identities.ts';
import { letterRoutes } from './endpoints/letters.ts';
import { logoutRoutes } from './endpoints/logout.ts';
import { oauthRoutes } from './endpoints/oauth.ts';
import { serviceRoutes } from './endpoints/service.ts';
import { signupRoutes } from './endpoints/signup.ts';
import { testMailRoutes } from './endpoints/test-mail.ts';
import { tokenRoutes } from './endpoints/token.ts';
import { userRoutes } from './endpoints/user.ts';
import { verifyRoutes } from './endpoints/verify.ts';
import { errorResponse, json } from './error-response.ts';
import { AuthError } from './errors.ts';
import type { AuthRequest, AuthResponse, Reply } from './message.ts';
import { databaseFields, explain } from './pg-errors.ts';
import { findRoute, type Call, type Route } from './router.ts';

/** Answers a request. Never throws: what is no client's doing is reported and answered with 5xx. */
export type AuthEngine = (request: AuthRequest) => Promise<AuthResponse>;

/** One group of endpoints a line. The first route that matches wins; `disabledRoutes` has wildcards and comes last. */
const ROUTES: readonly Route[] = [
  ...serviceRoutes,
  ...signupRoutes,
  ...tokenRoutes,
  ...logoutRoutes,
  ...userRoutes,
  ...letterRoutes,
  ...verifyRoutes,
  ...oauthRoutes,
  ...identityRoutes,
  ...factorRoutes,
  ...adminUserRoutes,
  ...adminLinkRoutes,
  ...testMailRoutes,
  ...disabledRoutes,
];

export function makeAuthEngine(context: AuthContext): AuthEngine {
  return async (request) => {
    try {
      const { status, body, html, headers = [], refusal } = await answer(request, context);
      if (refusal) throw refusal;
      if (html !== undefined)
        return { status, headers: [['Content-Type', 'text/html; charset=utf-8'], ...headers], body: html };
      return body === undefined ? { status, headers, body: '' } : json(status, body, headers);
    } catch (error) {
      return refuse(error, request, context);
    }
  };
}

async function answer(request: AuthRequest, context: AuthContext): Promise<Reply> {
  const { route, params } = findRoute(ROUTES, request.method, request.path);
  if (route.access !== 'open') assertAdmitted(request);
  if (route.limit) await assertWithin(route.limit, request, context);
  const call: Call = {
    request,
    params,
    query: new URLSearchParams(request.query),
    body: () => parseBody(request.body),
  };
  switch (route.access) {
    case 'user':
      return route.handle(await requireUser(call, context), context);
    case 'admin':
      return route.handle(await requireAdmin(call, context), context);
    case 'key':
    case 'open':
      return route.handle(call, context);
  }
}

function refuse(error: unknown, request: AuthRequest, { report }: AuthContext): AuthResponse {
  const known = explain(error, request.headers['x-supabase-api-version'] !== undefined);
  const refusal =
    known ??
    new AuthError('unexpected_failure', 'Unexpected failure, please check server logs for more information', {
      cause: error,
    });
  if (refusal instanceof AuthError && refusal.status >= 500) {
    report('auth failed', {
      requestId: request.id,
      path: request.path,
      cause: refusal.cause,
      ...databaseFields(refusal),
    });
  }
  return errorResponse(refusal, request);
}
