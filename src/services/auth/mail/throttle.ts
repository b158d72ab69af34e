import type { AuthContext } from '../context.ts';
import { AuthError } from '../errors.ts';

/**
 * Counts one letter of this kind to this address, before anybody looks whether it has an account: being refused says
 * nothing about that either.
 *
 * @throws AuthError over_email_send_rate_limit
 */
export async function countLetter(
  address: string,
  kind: string,
  { limiter, config }: Pick<AuthContext, 'limiter' | 'config'>,
): Promise<void> {
  const { gapSeconds, perHour } = config.mail;
  const gap = { name: `auth.mail.${kind}`, capacity: 1, perSecond: 1 / gapSeconds };
  const wait = gapSeconds === 0 ? 0 : (await limiter.take(gap, address)).retryAfterSeconds;
  if (wait > 0) throw tooMany(`For security purposes, you can only request this after ${wait} seconds.`, wait);
  const all = { name: 'auth.mail', capacity: perHour, perSecond: perHour / 3_600 };
  const pause = perHour === 0 ? 0 : (await limiter.take(all, 'all')).retryAfterSeconds;
  if (pause > 0) throw tooMany('email rate limit exceeded', pause);
}

function tooMany(message: string, seconds: number): AuthError {
  return new AuthError('over_email_send_rate_limit', message, { headers: [['Retry-After', String(seconds)]] });
}
