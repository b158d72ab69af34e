import { createHash } from 'node:crypto';
import { isTooLong, MAX_PASSWORD_BYTES } from '../../foundation/crypto/password-hash.ts';
import { messageOf } from '../../foundation/core/errors.ts';
import type { AuthConfig } from './config.ts';
import type { AuthContext } from './context.ts';
import { AuthError, type WeakPasswordReason } from './errors.ts';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const SYMBOLS = '!@#$%^&*()_+-=[]{};\'\\:"|<>?,./`~';

/** One character of each set; the names are those of a hosted project's settings. */
const REQUIRED: Readonly<Record<AuthConfig['passwordRequirements'], readonly string[]>> = {
  none: [],
  letters_digits: [LOWER + UPPER, DIGITS],
  lower_upper_letters_digits: [LOWER, UPPER, DIGITS],
  lower_upper_letters_digits_symbols: [LOWER, UPPER, DIGITS, SYMBOLS],
};

export interface Weakness {
  readonly message: string;
  readonly reasons: readonly WeakPasswordReason[];
}

/**
 * A password that somebody wants to have from now on.
 *
 * @throws AuthError weak_password, validation_failed
 */
export async function assertGoodPassword(password: string, context: AuthContext): Promise<void> {
  assertShortEnough(password);
  const weak = weaknessOf(password, context.config) ?? (await findBreach(password, context));
  if (weak) throw new AuthError('weak_password', weak.message, { reasons: weak.reasons });
}

/** @throws AuthError validation_failed */
export function assertShortEnough(password: string): void {
  if (!isTooLong(password)) return;
  throw new AuthError('validation_failed', `Password cannot be longer than ${MAX_PASSWORD_BYTES} characters`);
}

/** What can be said without asking anybody. */
export function weaknessOf(password: string, config: AuthConfig): Weakness | undefined {
  const { passwordMinLength: min } = config;
  const missing = REQUIRED[config.passwordRequirements].filter((set) => !holdsOneOf(password, set));
  const found: Array<readonly [WeakPasswordReason, string]> = [];
  if (Array.from(password).length < min) found.push(['length', `Password should be at least ${min} characters.`]);
  if (missing.length > 0) {
    const message = `Password should contain at least one character of each: ${missing.join(', ')}.`;
    found.push(['characters', message]);
  }
  if (found.length === 0) return undefined;
  return { reasons: found.map(([reason]) => reason), message: found.map(([, message]) => message).join(' ') };
}

function holdsOneOf(password: string, set: string): boolean {
  return Array.from(password).some((character) => set.includes(character));
}

const PATIENCE = 5_000;

/** Only the first five hexadecimal digits of its SHA-1 leave the machine: https://haveibeenpwned.com/API/v3#PwnedPasswords */
async function findBreach(password: string, { config, report }: AuthContext): Promise<Weakness | undefined> {
  if (!config.breachedPasswords) return undefined;
  const digest = createHash('sha1').update(password).digest('hex').toUpperCase();
  try {
    const url = `${config.breachedPasswordsUrl.replace(/\/$/, '')}/${digest.slice(0, 5)}`;
    const response = await fetch(url, { headers: { 'Add-Padding': 'true' }, signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const lines = (await response.text()).split('\n').map((line) => line.trim().split(':'));
    if (!lines.some(([suffix, count]) => suffix === digest.slice(5) && Number(count) > 0)) return undefined;
  } catch (error) {
    report('breached passwords cannot be checked', { reason: messageOf(error) });
    if (!config.breachedPasswordsFailClosed) return undefined;
    throw new AuthError('unexpected_failure', 'The password cannot be checked now; try again', { status: 503 });
  }
  const message = 'Password is known to be weak and easy to guess, please choose a different one.';
  return { reasons: ['pwned'], message };
}
