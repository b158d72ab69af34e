import { randomBytes, timingSafeEqual } from 'node:crypto';

/** Without I, L, O and U, which are misread. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LETTERS = 32;
const WHOLE = new RegExp(`^[${ALPHABET}]{${LETTERS}}$`);

/** 160 random bits, as `4F7K-…` in eight groups: what a person keeps on paper. */
export function newRecoveryKey(): string {
  const letters = [...randomBytes(LETTERS)].map((byte) => ALPHABET[byte % ALPHABET.length] ?? '');
  return grouped(letters.join(''));
}

/** As it was shown, however it was typed; undefined when it cannot be one. */
export function readRecoveryKey(typed: string): string | undefined {
  const line = typed.trim().split('\n').at(-1) ?? ''; // what the file says above it is for people
  const letters = line.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return WHOLE.test(letters) ? grouped(letters) : undefined;
}

export function sameRecoveryKey(typed: string, key: string): boolean {
  const given = readRecoveryKey(typed);
  return given !== undefined && timingSafeEqual(Buffer.from(given), Buffer.from(key));
}

function grouped(letters: string): string {
  return (letters.match(/.{4}/g) ?? []).join('-');
}
