import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type CanonicalValue } from '../../../foundation/core/canonical-json.ts';
import { isSignedBy, type Signer } from '../../../foundation/crypto/signatures.ts';
import { ENTRY, type CatalogueEntry } from './entries.ts';

const ENVELOPE = z.strictObject({
  version: z.literal(1),
  /** From 1, without holes. */
  number: z.int().min(1).max(9_999_999_999),
  /** SHA-256 of the bytes of the document before; 64 zeros for the first. */
  previous: z.string().regex(/^[0-9a-f]{64}$/),
  systemId: z.string().regex(/^\d+$/),
  /** By the clock of the writer: for people. Order is by number. */
  at: z.iso.datetime(),
  /** Who signed. */
  key: z.string(),
  entry: z.unknown(),
  signature: z.string().regex(/^[\w-]{86}$/),
});

/** One document of a catalogue, with the hash that the next one names. */
export interface CatalogueDocument {
  readonly number: number;
  readonly previous: string;
  readonly systemId: string;
  readonly at: string;
  readonly key: string;
  readonly entry: CatalogueEntry;
  readonly sha256: string;
}

export const NO_PREVIOUS = '0'.repeat(64);

export function documentKey(systemId: string, number: number): string {
  return `${systemId}/catalog/${String(number).padStart(10, '0')}.json`;
}

/** The bytes of a document, signed: canonical JSON and nothing else, so that one document has one hash. */
export function encodeDocument(document: Omit<CatalogueDocument, 'key' | 'sha256'>, signer: Signer): Buffer {
  const { number, previous, systemId, at, entry } = document;
  const unsigned = { version: 1, number, previous, systemId, at, key: signer.publicKey, entry: ENTRY.parse(entry) };
  const signature = signer.sign(signedText(unsigned));
  return Buffer.from(canonicalJson({ ...unsigned, signature }));
}

export type DecodeFailure = 'not-ours' | 'newer' | 'signature';

/** A document whose own signature holds; whether its key may be trusted, and its place in the chain, is not asked here. */
export function decodeDocument(bytes: Buffer): CatalogueDocument | DecodeFailure {
  const value = parse(bytes);
  const envelope = ENVELOPE.safeParse(value);
  if (!envelope.success) return isNewer(value) ? 'newer' : 'not-ours';
  const { signature, ...unsigned } = envelope.data;
  const signed = unsigned as typeof unsigned & { entry: CanonicalValue };
  if (!bytes.equals(Buffer.from(canonicalOf({ ...signed, signature })))) return 'not-ours';
  if (!isSignedBy(unsigned.key, signedText(signed), signature)) return 'signature';
  const entry = ENTRY.safeParse(unsigned.entry);
  if (!entry.success) return 'newer'; // its writer signed it, so it means something: not to us
  const { number, previous, systemId, at, key } = unsigned;
  return { number, previous, systemId, at, key, entry: entry.data, sha256: sha256Of(bytes) };
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What it is stands in front, so that no signature of ours over something else can be put here. */
function signedText(unsigned: { readonly [name: string]: CanonicalValue | undefined }): string {
  return `vectabase catalogue\n${canonicalJson(unsigned)}`;
}

/** Empty for what has no canonical form, which then equals nothing that was read. */
function canonicalOf(value: CanonicalValue): string {
  try {
    return canonicalJson(value);
  } catch {
    return '';
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function isNewer(value: unknown): boolean {
  const { version } = (value ?? {}) as { version?: unknown };
  return typeof version === 'number' && version > 1;
}
