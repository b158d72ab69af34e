import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A hosted project's second kind of refresh token: session and counter, signed with a key of the session. */
export interface SignedToken {
  readonly sessionId: string;
  readonly counter: number;
  /** Was it signed with this key? */
  isSignedWith(key: string): boolean;
}

const CHECKSUM = 4;
const SIGNATURE = 16;

/**
 * Reads the layout: a zero byte, 16 of the session's id, the counter as an unsigned varint, 16 of an HMAC-SHA-256 over
 * all that, 4 of a SHA-256 over all before them; in base64url without padding. `undefined` for anything else.
 */
export function parseSignedToken(token: string): SignedToken | undefined {
  if (!/^[\w-]{50,80}$/.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length < 1 + 16 + 1 + SIGNATURE + CHECKSUM || bytes[0] !== 0) return undefined;
  const body = bytes.subarray(0, -CHECKSUM);
  if (!checksum(body).equals(bytes.subarray(-CHECKSUM))) return undefined;
  const signed = body.subarray(0, -SIGNATURE);
  const counter = readVarint(signed.subarray(17));
  if (counter === undefined) return undefined;
  return {
    sessionId: uuidOf(signed.subarray(1, 17)),
    counter,
    isSignedWith: (key) => timingSafeEqual(signature(key, signed), body.subarray(-SIGNATURE)),
  };
}

/** The token with this counter, as the project would have written it. */
export function signedToken(sessionId: string, counter: number, key: string): string {
  const id = Buffer.from(sessionId.replaceAll('-', ''), 'hex');
  const signed = Buffer.concat([Buffer.of(0), id, writeVarint(counter)]);
  const body = Buffer.concat([signed, signature(key, signed)]);
  return Buffer.concat([body, checksum(body)]).toString('base64url');
}

function signature(key: string, signed: Buffer): Buffer {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(signed).digest().subarray(0, SIGNATURE);
}

function checksum(body: Buffer): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECKSUM);
}

/** All of the bytes, or nothing. */
function readVarint(bytes: Buffer): number | undefined {
  let value = 0;
  for (const [at, byte] of bytes.entries()) {
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return at === bytes.length - 1 && Number.isSafeInteger(value) ? value : undefined;
  }
  return undefined;
}

function writeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
