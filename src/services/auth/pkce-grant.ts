import { text } from './body.ts';
import type { AuthContext } from './context.ts';
import { sha256 } from './digest.ts';
import { AuthError } from './errors.ts';
import type { Reply } from './message.ts';
import { answersChallenge } from './pkce.ts';
import type { Call } from './router.ts';
import { signIn } from './session.ts';
import type { AuthenticationMethod } from './store/amr.ts';
import { audit } from './store/audit.ts';
import { takeFlowByCode, type FlowRow } from './store/flow-state.ts';
import { millis } from './store/rows.ts';
import { findUser, isBanned } from './store/users.ts';

/** Milliseconds in which a code is to be redeemed: it went straight to a page that is waiting for it. */
const CODE_LIFE = 300_000;

/**
 * Redeems the code that a page was sent back with. The code is used up in the same transaction: of any number of
 * requests with it, one is answered.
 */
export async function pkceGrant(call: Call, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const [code, verifier] = [text(body, 'auth_code') ?? '', text(body, 'code_verifier') ?? ''];
  if (code === '' || verifier === '') {
    throw new AuthError('validation_failed', 'invalid request: both auth code and code verifier should be non-empty');
  }
  return context.database.transaction(async (tx) => {
    const flow = await takeFlowByCode(tx, sha256(code));
    if (!flow?.user_id || !flow.code_challenge || !flow.code_challenge_method) {
      throw new AuthError('flow_state_not_found', 'invalid flow state, no valid flow state found');
    }
    if (context.now() - millis(flow.auth_code_issued_at ?? '') > CODE_LIFE) {
      throw new AuthError('flow_state_expired', 'invalid flow state, flow state has expired');
    }
    if (!answersChallenge(verifier, { value: flow.code_challenge, method: flow.code_challenge_method })) {
      throw new AuthError('bad_code_verifier', 'code challenge does not match previously saved code verifier');
    }
    const user = await findUser(tx, flow.user_id);
    if (!user) throw new AuthError('user_not_found', 'User not found');
    if (isBanned(user, context.now())) throw new AuthError('user_banned', 'User is banned');
    const traits = { provider: flow.provider_type, provider_type: flow.provider_type };
    await audit(tx, 'login', { actor: user, ip: call.request.ip, traits }, context.now());
    return signIn(tx, user, flow.authentication_method as AuthenticationMethod, call.request, context, tokensOf(flow));
  });
}

function tokensOf({ provider_access_token, provider_refresh_token }: FlowRow): Record<string, string> {
  return {
    ...(provider_access_token && { provider_token: provider_access_token }),
    ...(provider_refresh_token && { provider_refresh_token }),
  };
}
