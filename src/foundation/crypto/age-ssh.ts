import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import { Stanza, type Identity, type Recipient } from 'age-encryption';

/**
 * SSH keys as age keys, the `ssh-ed25519` stanza of the stock tool: the library leaves it to its users, and a colleague
 * mostly has such a key already. The key is moved from Edwards to Montgomery form and used as X25519; a tweak from the
 * public key binds the result to this very SSH key.
 */
const LABEL = 'age-encryption.org/v1/ssh-ed25519';

/** @param data the base64 part of `ssh-ed25519 AAAA… comment` */
export function parseSshRecipient(data: string): Recipient | undefined {
  const wire = Buffer.from(data, 'base64');
  const [type, point] = readStrings(wire);
  if (type?.toString() !== 'ssh-ed25519' || point?.length !== 32 || wire.toString('base64') !== data) return undefined;
  const publicKey = montgomeryOf(point);
  return {
    wrapFileKey(fileKey) {
      const ephemeral = randomBytes(32);
      const share = x25519(ephemeral, BASE_POINT);
      const key = wrapKey(x25519(tweakOf(wire), x25519(ephemeral, publicKey)), share, publicKey);
      const cipher = createCipheriv('chacha20-poly1305', key, NO_NONCE, { authTagLength: 16 });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [new Stanza(['ssh-ed25519', tagOf(wire), unpadded(share)], body)];
    },
  };
}

/** An unencrypted OpenSSH private key of type ed25519; undefined for any other. */
export function parseSshIdentity(pem: string): { recipient: string; identity: Identity; seed: Buffer } | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(pem)?.[1];
  const found = readPrivateKey(Buffer.from(body ?? '', 'base64'));
  if (found === undefined) return undefined;
  const { wire, seed } = found;
  const publicKey = montgomeryOf(wire.subarray(-32));
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  const identity: Identity = {
    unwrapFileKey(stanzas) {
      for (const { args, body: sealed } of stanzas) {
        if (args[0] !== 'ssh-ed25519' || args[1] !== tagOf(wire) || args.length !== 3 || sealed.length !== 32) continue;
        const share = Buffer.from(args[2] ?? '', 'base64');
        if (share.length !== 32) continue;
        const key = wrapKey(x25519(tweakOf(wire), x25519(scalar, share)), share, publicKey);
        return unseal(key, Buffer.from(sealed));
      }
      return null;
    },
  };
  return { recipient: `ssh-ed25519 ${wire.toString('base64')}`, identity, seed };
}

/** `openssh-key-v1`: cipher, kdf, kdf options, a count, public key, private part. Both checks equal: it was not locked. */
function readPrivateKey(blob: Buffer): { wire: Buffer; seed: Buffer } | undefined {
  const magic = Buffer.from('openssh-key-v1\0');
  if (!blob.subarray(0, magic.length).equals(magic)) return undefined;
  const [cipher, kdf, options] = readStrings(blob.subarray(magic.length));
  if (cipher?.toString() !== 'none' || kdf === undefined || options === undefined) return undefined;
  const start = magic.length + 12 + cipher.length + kdf.length + options.length + 4;
  const [wire, secret] = readStrings(blob.subarray(start));
  if (wire === undefined || secret === undefined) return undefined;
  const [type, , pair] = readStrings(secret.subarray(8));
  if (type?.toString() !== 'ssh-ed25519' || pair?.length !== 64) return undefined;
  return { wire, seed: pair.subarray(0, 32) };
}

/** Length-prefixed strings from the start on, as many as there are whole. */
function readStrings(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    found.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return found;
}

/** RFC 7748: u = (1 + y) / (1 - y) in the field of 2^255 - 19. */
function montgomeryOf(point: Buffer): Buffer {
  const y = fromLittleEndian(point) & ((1n << 255n) - 1n);
  const u = mod((1n + y) * power(mod(1n - y), P - 2n));
  return reversed(Buffer.from(u.toString(16).padStart(64, '0'), 'hex'));
}

const P = 2n ** 255n - 19n;
const BASE_POINT = Buffer.alloc(32, 0).fill(9, 0, 1);
const NO_NONCE = Buffer.alloc(12);

const mod = (n: bigint): bigint => ((n % P) + P) % P;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function fromLittleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${reversed(bytes).toString('hex')}`);
}

function reversed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toReversed());
}

/** Refuses what leads to an all-zero secret, as OpenSSL does. */
function x25519(scalar: Buffer, point: Buffer): Buffer {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, scalar]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, point]), format: 'der', type: 'spki' });
  return diffieHellman({ privateKey, publicKey });
}

/** RFC 8410: what stands before the 32 bytes of an X25519 key in DER. */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

function tweakOf(wire: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', new Uint8Array(), wire, LABEL, 32));
}

function wrapKey(shared: Buffer, share: Buffer, publicKey: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([share, publicKey]), LABEL, 32));
}

function unseal(key: Buffer, sealed: Buffer): Buffer | null {
  const decipher = createDecipheriv('chacha20-poly1305', key, NO_NONCE, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, 16)), decipher.final()]);
  } catch {
    return null;
  }
}

const tagOf = (wire: Buffer): string => unpadded(createHash('sha256').update(wire).digest().subarray(0, 4));
const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
