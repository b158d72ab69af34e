import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';

/** An Ed25519 key (RFC 8032) that signs. */
export interface Signer {
  /** The public half as people see it: `ed25519:` and 32 bytes in base64url. */
  readonly publicKey: string;
  /** 64 bytes in base64url. */
  sign(text: string): string;
}

/** A new private key, PKCS #8 in PEM. */
export function newSigningPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** @returns undefined for a text that is no Ed25519 private key */
export function openSigner(pem: string): Signer | undefined {
  const key = attempt(() => createPrivateKey(pem));
  if (key?.asymmetricKeyType !== 'ed25519') return undefined;
  return { publicKey: publicText(key), sign: (text) => sign(null, Buffer.from(text), key).toString('base64url') };
}

/** False for a signature of another text or key, and for what is no key or signature at all. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const key = publicKeyOf(publicKey);
  return key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'));
}

export function isPublicKey(text: string): boolean {
  return publicKeyOf(text) !== undefined;
}

const PREFIX = 'ed25519:';

function publicText(key: KeyObject): string {
  return PREFIX + (createPublicKey(key).export({ format: 'jwk' }).x ?? '');
}

function publicKeyOf(text: string): KeyObject | undefined {
  if (!/^ed25519:[\w-]{43}$/.test(text)) return undefined;
  const x = text.slice(PREFIX.length);
  return attempt(() => createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
