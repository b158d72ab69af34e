import { AuthError } from './errors.ts';

/**
 * An e-mail address in lower case, the form in which accounts are found and letters addressed: what two people spell
 * differently can never be one account for one and another for the other.
 *
 * @throws AuthError validation_failed
 */
export function readEmail(given: string): string {
  const email = given.trim().toLowerCase();
  const ok = email.length <= 255 && /^[^\s@"(),:;<>[\\\]\p{Cc}]{1,64}@[^\s@"(),:;<>[\\\]\p{Cc}]+$/u.test(email);
  if (ok && /^(?!-)[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)*$/u.test(email.slice(email.lastIndexOf('@') + 1))) return email;
  throw new AuthError('validation_failed', 'Unable to validate email address: invalid format');
}

/** @throws AuthError validation_failed */
export function readPhone(given: string): string {
  const phone = given.replaceAll(/[\s+]/g, '');
  if (/^[1-9]\d{1,14}$/.test(phone)) return phone;
  throw new AuthError('validation_failed', 'Invalid phone number format (E.164 required)');
}
