import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 random bits in hexadecimal digits: for links and codes that nobody types. */
export function newSecret(): string {
  return randomBytes(32).toString('hex');
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** GoTrue's digest of links and codes. */
export function sha224(text: string): string {
  return createHash('sha224').update(text).digest('hex');
}

/** Takes the same time wherever they differ. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(one)), Buffer.from(sha256(other)));
}
