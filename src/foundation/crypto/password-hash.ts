import { createCipheriv, scryptSync, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import bcrypt from 'bcrypt';

/** Requirement 4.4. A quarter of a second on the machines of 2026. */
export const BCRYPT_COST = 12;
/** bcrypt looks at no more, so a longer password would be cut without a word. */
export const MAX_PASSWORD_BYTES = 72;

/** What a stored hash is. `other` is one that nothing here can check: nobody signs in with it. */
export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly cost: number }
  | { readonly kind: 'argon2' }
  | { readonly kind: 'fbscrypt'; readonly parameters: FirebaseParameters }
  | { readonly kind: 'other' };

/** Firebase's own scrypt: the password's key encrypts the project's key, and the result is what is stored. */
interface FirebaseParameters {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
  readonly saltSeparator: Buffer;
  readonly signerKey: Buffer;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Takes a quarter second of this thread: a server calls it in `HashThreads`. The caller has checked the length. */
export function hashPassword(password: string, cost = BCRYPT_COST): string {
  return bcrypt.hashSync(password, cost);
}

export function isTooLong(password: string): boolean {
  return Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
}

/** As slow as `hashPassword`. False too for a hash that cannot be read. */
export function verifyPassword(stored: string, password: string): boolean {
  const hash = parsePasswordHash(stored);
  switch (hash.kind) {
    case 'bcrypt':
      return !isTooLong(password) && bcrypt.compareSync(password, ownName(stored));
    case 'argon2':
      return isArgon2Of(stored, password);
    case 'fbscrypt':
      return verifyFirebase(hash.parameters, password);
    case 'other':
      return false;
  }
}

/** `hashPassword` outside this thread, in the pool that Node has for files and names. */
export async function hashPasswordInPool(password: string, cost: number): Promise<string> {
  return bcrypt.hash(password, cost);
}

/** The same for `verifyPassword`; hashes of other kinds, which are replaced at the first sign-in, keep this thread busy. */
export async function verifyPasswordInPool(stored: string, password: string): Promise<boolean> {
  if (parsePasswordHash(stored).kind !== 'bcrypt') return verifyPassword(stored, password);
  return !isTooLong(password) && bcrypt.compare(password, ownName(stored));
}

/** The same algorithm under the name that PHP gave it. */
function ownName(stored: string): string {
  return stored.replace(/^\$2y/, '$2b');
}

export function parsePasswordHash(stored: string): PasswordHash {
  const cost = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/.exec(stored)?.[1];
  if (cost !== undefined) return { kind: 'bcrypt', cost: Number(cost) };
  if (isArgon2(stored)) return { kind: 'argon2' };
  const parameters = parseFirebase(stored);
  return parameters ? { kind: 'fbscrypt', parameters } : { kind: 'other' };
}

/** KiB that one check may take: an imported hash must not be able to empty the machine's memory. */
const MAX_ARGON2_MEMORY = 256 * 1024;

function isArgon2(stored: string): boolean {
  const memory = /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,7}),t=\d{1,3},p=\d{1,2}\$[\w+/-]+={0,2}\$[\w+/-]+={0,2}$/.exec(
    stored,
  )?.[1];
  return memory !== undefined && Number(memory) <= MAX_ARGON2_MEMORY;
}

function isArgon2Of(stored: string, password: string): boolean {
  try {
    // Few have such hashes, and it would cost all 5 MB.
    const argon2 = createRequire(import.meta.url)('@node-rs/argon2') as typeof import('@node-rs/argon2');
    return argon2.verifySync(stored, password);
  } catch {
    return false; // of the right shape, with parameters that the algorithm does not take
  }
}

/** `$fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`, the last four in base64. */
function parseFirebase(stored: string): FirebaseParameters | undefined {
  const match =
    /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,2}),p=(\d),ss=([\w+/-]*=*),sk=([\w+/-]+=*)\$([\w+/-]+=*)\$([\w+/-]+=*)$/.exec(
      stored,
    );
  if (!match) return undefined;
  const [, n = '', r = '', p = '', separator = '', signer = '', salt = '', hash = ''] = match;
  const parameters = { log2N: Number(n), r: Number(r), p: Number(p) };
  const { log2N } = parameters;
  if (log2N < 1 || log2N > 20 || parameters.r < 1 || parameters.p < 1) return undefined;
  const decode = (text: string): Buffer => Buffer.from(text, 'base64');
  return {
    ...parameters,
    saltSeparator: decode(separator),
    signerKey: decode(signer),
    salt: decode(salt),
    hash: decode(hash),
  };
}

function verifyFirebase(from: FirebaseParameters, password: string): boolean {
  const N = 2 ** from.log2N;
  const { r, p } = from;
  const salt = Buffer.concat([from.salt, from.saltSeparator]);
  const key = scryptSync(password, salt, 32, { N, r, p, maxmem: 128 * N * r * p + 2 ** 20 });
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const mine = Buffer.concat([cipher.update(from.signerKey), cipher.final()]);
  return mine.length === from.hash.length && timingSafeEqual(mine, from.hash);
}
