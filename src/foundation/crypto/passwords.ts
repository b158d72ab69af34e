import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** 192 random bits in letters, digits, `-` and `_`: nothing that a URL or a shell would have to quote. */
export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** Postgres' own default. */
const ITERATIONS = 4096;

/**
 * The form in which Postgres stores a password (RFC 5803). Setting this instead of the password itself keeps the
 * password out of the statement, and so out of the server's log. Only for ASCII passwords: others need SASLprep.
 */
export async function scramVerifier(
  password: string,
  salt = randomBytes(16),
  iterations = ITERATIONS,
): Promise<string> {
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/** Does the server's stored verifier belong to this password? */
export async function isScramVerifierOf(verifier: string, password: string): Promise<boolean> {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier) ?? [];
  if (iterations === undefined || salt === undefined) return false;
  const mine = Buffer.from(await scramVerifier(password, Buffer.from(salt, 'base64'), Number(iterations)));
  const theirs = Buffer.from(verifier);
  return mine.length === theirs.length && timingSafeEqual(mine, theirs);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
