import { AuthError, type AuthErrorCode } from '../errors.ts';
import { keyed, open, type Route } from '../router.ts';

/** What is not served here answers 404 with the code by which clients know that it is switched off. */
export const disabledRoutes: readonly Route[] = [
  ...off('saml_provider_disabled', 'SAML 2.0 is disabled', ['/sso', '/admin/sso/*']),
  ...offOpen('saml_provider_disabled', 'SAML 2.0 is disabled', ['/sso/saml/*']),
  ...off('passkey_disabled', 'Passkeys are disabled', ['/passkeys', '/passkeys/*', '/admin/passkeys/*']),
  ...offOpen('feature_disabled', 'OAuth server is disabled', ['/oauth/*', '/.well-known/oauth-authorization-server']),
  ...off('feature_disabled', 'OAuth server is disabled', ['/admin/oauth/*', '/user/oauth/*']),
  ...off('feature_disabled', 'Custom OAuth providers are disabled', [
    '/admin/custom-providers',
    '/admin/custom-providers/*',
  ]),
  ...off('feature_disabled', 'SCIM is disabled', ['/scim/*', '/admin/scim/*']),
  ...off('feature_disabled', 'The audit log is read with SQL: auth.audit_log_entries', ['/admin/audit']),
];

function off(code: AuthErrorCode, message: string, paths: readonly string[]): Route[] {
  return every(keyed, code, message, paths);
}

function offOpen(code: AuthErrorCode, message: string, paths: readonly string[]): Route[] {
  return every(open, code, message, paths);
}

function every(route: typeof keyed, code: AuthErrorCode, message: string, paths: readonly string[]): Route[] {
  const refuse = async (): Promise<never> => {
    throw new AuthError(code, message, { status: 404 });
  };
  return paths.flatMap((path) =>
    (['GET', 'POST', 'PUT', 'DELETE'] as const).map((method) => route(method, path, refuse)),
  );
}
