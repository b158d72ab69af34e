import { Secret, TOTP } from 'otpauth';
import { renderSVG } from 'uqr';
import { isSame } from './digest.ts';

/** Seconds that a code is shown. */
const PERIOD = 30;

export interface Enrolment {
  /** Base32, 160 bits. */
  readonly secret: string;
  readonly uri: string;
  /** The URI as a QR code: raw SVG. */
  readonly qrCode: string;
}

/** A new secret, and how an authenticator app takes it in. */
export function newTotp(issuer: string, label: string): Enrolment {
  const totp = new TOTP({
    issuer,
    label,
    algorithm: 'SHA1',
    digits: 6,
    period: PERIOD,
    secret: new Secret({ size: 20 }),
  });
  const uri = totp.toString();
  return { secret: totp.secret.base32, uri, qrCode: renderSVG(uri, { ecc: 'M', border: 2 }) };
}

/**
 * Which step of time this code belongs to: now, the one before or the one after. Undefined when to none of them, or to
 * one that is not behind `after`: a code that was accepted once is not accepted again, nor is one before it.
 *
 * @param now milliseconds since the epoch
 */
export function stepOf(
  code: string,
  secret: string,
  { now, after }: { now: number; after: number },
): number | undefined {
  const current = Math.floor(now / 1000 / PERIOD);
  let match: number | undefined;
  // All three, so that the time does not tell which one it was.
  for (const step of [current - 1, current, current + 1]) {
    const expected = TOTP.generate({
      secret: Secret.fromBase32(secret),
      timestamp: step * PERIOD * 1000,
      period: PERIOD,
    });
    if (isSame(expected, code) && step > after) match = step;
  }
  return match;
}
