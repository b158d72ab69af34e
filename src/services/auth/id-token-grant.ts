import { requireUser } from './access.ts';
import { flag, text } from './body.ts';
import type { AuthContext } from './context.ts';
import { AuthError, OAuthError } from './errors.ts';
import type { Reply } from './message.ts';
import { ProviderError, type ProviderAccount } from './oauth/account.ts';
import { reasonOf } from './oauth/client.ts';
import { signInAccount } from './oauth/sign-in-account.ts';
import type { Call } from './router.ts';
import { signIn } from './session.ts';
import { audit } from './store/audit.ts';

/** Signs in with an id_token that an app was given by the provider's own SDK. */
export async function idTokenGrant(call: Call, context: AuthContext): Promise<Reply> {
  const body = call.body();
  const [name, token] = [text(body, 'provider') ?? '', text(body, 'id_token') ?? ''];
  if (token === '' || name === '') {
    throw new OAuthError('invalid request', 'id_token and provider or client_id and issuer required');
  }
  const provider = context.providers.get(name);
  if (!provider?.readIdToken) {
    throw new AuthError('provider_disabled', `Provider (issuer "${name.slice(0, 100)}") is not enabled`);
  }
  const linkTo = flag(body, 'link_identity') ? await whoLinks(call, context) : undefined;
  let account: ProviderAccount;
  try {
    account = await provider.readIdToken(token, {
      accessToken: text(body, 'access_token') || undefined,
      nonce: text(body, 'nonce') || undefined,
    });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    context.report('id_token refused', { provider: name, reason: reasonOf(error) });
    throw new OAuthError('invalid_request', error.message);
  }
  return context.database.transaction(async (tx) => {
    const signed = await signInAccount(tx, { provider: name, account, linkTo }, call, context);
    if ('refusal' in signed) return signed;
    const { user } = signed;
    await audit(tx, 'login', { actor: user, ip: call.request.ip, traits: { provider: name } }, context.now());
    return signIn(tx, user, 'oauth', call.request, context);
  });
}

/** @throws AuthError manual_linking_disabled, no_authorization, … */
async function whoLinks(call: Call, context: AuthContext): Promise<string> {
  if (!context.config.manualLinking) throw new AuthError('manual_linking_disabled', 'Manual linking is disabled');
  return (await requireUser(call, context)).user.id;
}
