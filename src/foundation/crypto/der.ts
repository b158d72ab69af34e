/**
 * DER, as far as a certificate needs it: every value is tag, length, content (ITU-T X.690).
 * Composes only; reading is left to node:crypto, which also proves in the tests that what is composed here is right.
 */
export function sequence(...parts: readonly Buffer[]): Buffer {
  return value(0x30, ...parts);
}

export function set(...parts: readonly Buffer[]): Buffer {
  return value(0x31, ...parts);
}

/** A positive whole number, given as big-endian bytes. */
export function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? Buffer.of(0) : bytes.subarray(start);
  // A leading one bit would read as a minus sign.
  return value(0x02, ...((digits[0] ?? 0) & 0x80 ? [Buffer.of(0), digits] : [digits]));
}

/** `2.5.29.17` */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return value(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

export function boolean(truth: boolean): Buffer {
  return value(0x01, Buffer.of(truth ? 0xff : 0));
}

export function octets(content: Buffer): Buffer {
  return value(0x04, content);
}

/** @param unused bits at the end of the last byte that do not count */
export function bits(content: Buffer, unused = 0): Buffer {
  return value(0x03, Buffer.of(unused), content);
}

export function utf8(text: string): Buffer {
  return value(0x0c, Buffer.from(text));
}

/** A year of two digits until 2049 and of four from 2050 on, as RFC 5280 wants it. */
export function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? value(0x17, Buffer.from(digits.slice(2)))
    : value(0x18, Buffer.from(digits));
}

/** Context-specific tag `[number]`: with parts inside, or around plain content. */
export function tagged(number: number, kind: 'constructed' | 'plain', content: Buffer): Buffer {
  return value((kind === 'constructed' ? 0xa0 : 0x80) | number, content);
}

function value(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), length(content.length), content]);
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.of(bytes);
  if (bytes < 0x100) return Buffer.of(0x81, bytes);
  return Buffer.of(0x82, bytes >> 8, bytes & 0xff);
}

function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}
