import { isIP } from 'node:net';
import type { Bucket } from '../../foundation/postgres/rate-limiter.ts';
import type { AuthContext } from './context.ts';
import { AuthError } from './errors.ts';
import type { AuthRequest } from './message.ts';

export type Limit = (context: AuthContext) => Bucket | undefined;

const FIVE_MINUTES = 300;
const HOUR = 3_600;
/** What may come at once, whatever the rate. */
const BURST = 30;

/** What each group of endpoints allows to one address; the last one, to one account. */
export const LIMITS = {
  token: ({ config }) => bucket('auth.token', config.limitToken, FIVE_MINUTES),
  verify: ({ config }) => bucket('auth.verify', config.limitVerify, FIVE_MINUTES),
  /** Whatever sends mail or makes accounts: sign-up, otp, recover, resend, magic link, changes of a user. */
  otp: ({ config }) => bucket('auth.otp', config.limitOtp, FIVE_MINUTES),
  anonymous: ({ config }) => bucket('auth.anonymous', config.limitAnonymous, HOUR),
  mfa: ({ config }) => bucket('auth.mfa', config.limitMfa, 60),
  account: ({ config }) => bucket('auth.account', config.limitAccount, FIVE_MINUTES),
} satisfies Record<string, Limit>;

/**
 * Counts one request of this address, or of whoever `who` names.
 *
 * @throws AuthError over_request_rate_limit
 */
export async function assertWithin(
  limit: Limit,
  { ip, network }: Pick<AuthRequest, 'ip' | 'network'>,
  context: AuthContext,
  who = network,
): Promise<void> {
  const rule = limit(context);
  if (!rule) return;
  const wide = isOwnMachine(ip)
    ? { ...rule, capacity: rule.capacity * LOCAL, perSecond: rule.perSecond * LOCAL }
    : rule;
  const { ok, retryAfterSeconds } = await context.limiter.take(wide, who);
  if (ok) return;
  const headers = [['Retry-After', String(retryAfterSeconds)]] as const;
  throw new AuthError('over_request_rate_limit', 'Request rate limit reached', { headers });
}

/**
 * Behind an address of the machine itself is a developer, a test, or a proxy that nobody has named in
 * `api.trustedProxies` yet: many people then share it, and a limit meant for one would lock all of them out.
 */
const LOCAL = 20;

function isOwnMachine(ip: string): boolean {
  return ip === '::1' || (isIP(ip) === 4 && ip.startsWith('127.'));
}

function bucket(name: string, limit: number, seconds: number): Bucket | undefined {
  return limit === 0 ? undefined : { name, capacity: Math.min(limit, BURST), perSecond: limit / seconds };
}
