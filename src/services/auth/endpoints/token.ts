import type { AuthContext } from '../context.ts';
import { AuthError, OAuthError } from '../errors.ts';
import { idTokenGrant } from '../id-token-grant.ts';
import { LIMITS } from '../limits.ts';
import type { Reply } from '../message.ts';
import { passwordGrant } from '../password-grant.ts';
import { pkceGrant } from '../pkce-grant.ts';
import { refreshGrant } from '../refresh-grant.ts';
import { keyed, type Call, type Route } from '../router.ts';

/** By `grant_type`; each in a file of its own. */
const GRANTS: Readonly<Record<string, (call: Call, context: AuthContext) => Promise<Reply>>> = {
  password: passwordGrant,
  refresh_token: refreshGrant,
  pkce: pkceGrant,
  id_token: idTokenGrant,
  web3: async () => {
    throw new AuthError('web3_provider_disabled', 'Web3 sign-ins are disabled');
  },
};

export const tokenRoutes: readonly Route[] = [
  keyed(
    'POST',
    '/token',
    async (call, context) => {
      const name = call.query.get('grant_type') ?? '';
      const grant = Object.hasOwn(GRANTS, name) ? GRANTS[name] : undefined;
      if (!grant) throw new OAuthError('unsupported_grant_type', `grant type "${name}" is not supported`);
      return grant(call, context);
    },
    LIMITS.token,
  ),
];
