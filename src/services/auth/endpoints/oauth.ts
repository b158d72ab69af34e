import { redirectOf } from '../confirmation.ts';
import type { AuthContext } from '../context.ts';
import { newSecret, sha256 } from '../digest.ts';
import { AuthError, OAuthError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Reply } from '../message.ts';
import { ProviderError } from '../oauth/account.ts';
import { bindingCookie, isSameBrowser } from '../oauth/browser-binding.ts';
import { reasonOf } from '../oauth/client.ts';
import { passedOn, type Provider } from '../oauth/provider.ts';
import { signInAccount } from '../oauth/sign-in-account.ts';
import { readChallenge } from '../pkce.ts';
import { explain } from '../pg-errors.ts';
import { harmless, redirect, redirectWithCode, redirectWithError, redirectWithSession } from '../redirect-reply.ts';
import { open, type Call, type Route } from '../router.ts';
import { signIn } from '../session.ts';
import { audit } from '../store/audit.ts';
import {
  deleteFlow,
  findFlow,
  insertClientState,
  insertFlow,
  issueCode,
  takeClientState,
  type FlowRow,
} from '../store/flow-state.ts';
import { millis } from '../store/rows.ts';
import { isUuid } from '../body.ts';

export const oauthRoutes: readonly Route[] = [
  open('GET', '/authorize', authorize, LIMITS.token),
  open('GET', '/callback', comeBack, LIMITS.token),
  open('POST', '/callback', comeBackByPost),
];

async function authorize(call: Call, context: AuthContext): Promise<Reply> {
  const { url, state } = await beginFlow(call, context);
  const cookie = bindingCookie(state, `${context.config.externalUrl}/callback`);
  const { status, headers = [] } = redirect(url, 302);
  return { status, headers: [...headers, ['Set-Cookie', cookie]] };
}

/** Some providers post their answer. As a GET it is a navigation of our own again. */
async function comeBackByPost({ request }: Call): Promise<Reply> {
  const answer = new URLSearchParams(request.body.toString('utf8'));
  const kept = [...answer].filter(([name]) => ['state', 'code', 'iss', 'error', 'error_description'].includes(name));
  return redirect(`callback?${new URLSearchParams(kept).toString()}`);
}

/** Milliseconds in which somebody is to be back from the provider. */
const FLOW_LIFE = 600_000;

/**
 * Begins a sign-in at a provider.
 *
 * @param linkTo the user who wants to add the account, if that is what it is about
 * @returns where to send the browser, and the state that it will come back with
 * @throws AuthError validation_failed
 */
export async function beginFlow(
  call: Call,
  context: AuthContext,
  linkTo?: string,
): Promise<{ readonly url: string; readonly state: string }> {
  const { query } = call;
  const provider = providerOf(query.get('provider') ?? '', context);
  const target = redirectOf(call, context);
  const challenge = readChallenge(query.get('code_challenge'), query.get('code_challenge_method'), target);
  const codeVerifier = newSecret();
  const state = await context.database.transaction(async (tx) => {
    const now = context.now();
    const clientState = await insertClientState(tx, { provider: provider.name, codeVerifier }, now);
    return insertFlow(
      tx,
      {
        provider_type: provider.name,
        authentication_method: 'oauth',
        referrer: target,
        code_challenge: challenge?.value ?? null,
        code_challenge_method: challenge?.method ?? null,
        invite_token: query.get('invite_token') || null,
        oauth_client_state_id: clientState,
        linking_target_id: linkTo ?? null,
      },
      now,
    );
  });
  try {
    const scopes = query.get('scopes') ?? undefined;
    const url = await provider.authorizeUrl({ state, codeVerifier, scopes, extra: passedOn(query) });
    return { url, state };
  } catch (error) {
    throw providerFailed(error, provider, context);
  }
}

function providerOf(name: string, { providers }: AuthContext): Provider {
  const provider = providers.get(name);
  if (provider) return provider;
  const message = 'Unsupported provider: provider is not enabled';
  throw new AuthError('validation_failed', name === '' ? 'Unsupported provider: missing provider' : message);
}

/** The browser is back from the provider. It leaves for a page of the site, whatever happened. */
async function comeBack(call: Call, context: AuthContext): Promise<Reply> {
  let target = context.redirects.siteUrl;
  try {
    const flow = await findOpenFlow(call.query.get('state') ?? '', context);
    target = context.redirects.choose(flow.referrer ?? undefined);
    return await finish(flow, target, call, context);
  } catch (error) {
    const known = explain(error, true);
    if (known instanceof AuthError && known.status >= 500) context.report('sign-in failed', { cause: error });
    if (known instanceof AuthError || known instanceof OAuthError) return redirectWithError(target, known);
    throw error;
  }
}

/** @throws AuthError bad_oauth_state, bad_oauth_callback, flow_state_expired */
async function findOpenFlow(state: string, context: AuthContext): Promise<FlowRow> {
  if (state === '') throw new AuthError('bad_oauth_callback', 'OAuth state parameter missing');
  const flow = isUuid(state) ? await context.database.transaction((tx) => findFlow(tx, state)) : undefined;
  if (!flow || flow.authentication_method !== 'oauth') {
    throw new AuthError('bad_oauth_state', 'OAuth callback with invalid state');
  }
  if (context.now() - millis(flow.created_at ?? '') > FLOW_LIFE) {
    throw new AuthError('flow_state_expired', 'OAuth state has expired');
  }
  return flow;
}

async function finish(flow: FlowRow, target: string, call: Call, context: AuthContext): Promise<Reply> {
  // First of all, so that a state comes back once, whatever it comes back with.
  const mine = await context.database.transaction((tx) => takeClientState(tx, flow.oauth_client_state_id ?? flow.id));
  if (!mine) throw new AuthError('flow_state_already_used', 'OAuth state has already been used');
  const provider = providerOf(flow.provider_type, context);
  // A page that is to prove itself, a user who is linked, a callback elsewhere: these need or have no cookie of ours.
  const bound = flow.code_challenge === null && flow.linking_target_id === null && isHere(provider, context);
  if (bound && !isSameBrowser(flow.id, call.request)) {
    throw new AuthError('bad_oauth_state', 'OAuth state belongs to another browser');
  }
  const { query } = call;
  const refusal = query.get('error');
  if (refusal !== null) throw new OAuthError(harmless(refusal), query.get('error_description') ?? '');
  if ((query.get('code') ?? '') === '')
    throw new AuthError('bad_oauth_callback', 'OAuth callback with missing authorization code missing');
  const { account, tokens } = await provider.redeem(query, mine.codeVerifier).catch((error: unknown) => {
    throw providerFailed(error, provider, context);
  });
  const arrived = {
    provider: provider.name,
    account,
    inviteToken: flow.invite_token ?? undefined,
    linkTo: flow.linking_target_id ?? undefined,
  };
  const reply = await context.database.transaction(async (tx) => {
    const now = context.now();
    const signed = await signInAccount(tx, arrived, call, context);
    if ('refusal' in signed) return redirectWithError(target, signed.refusal);
    const { user } = signed;
    if (flow.code_challenge !== null) {
      const code = newSecret();
      const issued = { digest: sha256(code), userId: user.id, ...tokens };
      await issueCode(tx, flow.id, issued, now);
      return redirectWithCode(target, code);
    }
    await deleteFlow(tx, flow.id);
    await audit(tx, 'login', { actor: user, ip: call.request.ip, traits: { provider: provider.name } }, now);
    const { body } = await signIn(tx, user, 'oauth', call.request, context);
    return redirectWithSession(target, body as Record<string, unknown>, {
      provider_token: tokens.accessToken,
      provider_refresh_token: tokens.refreshToken,
    });
  });
  context.mail.wake();
  return reply;
}

function isHere({ redirectUri }: Provider, { config }: AuthContext): boolean {
  return new URL(redirectUri).host === new URL(config.externalUrl).host;
}

function providerFailed(error: unknown, { name }: Provider, { report }: AuthContext): unknown {
  if (!(error instanceof ProviderError)) return error;
  report('provider failed', { provider: name, reason: reasonOf(error) });
  return new AuthError('unexpected_failure', error.message, { cause: error });
}
