import { createHash, createHmac } from 'node:crypto';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import type { Actor } from '../../foundation/process/who.ts';

/**
 * One line of the log of accesses: a JSON object that ends with two seals.
 *
 *   hash = SHA-256(hash of the line before, line feed, the object without its seals)
 *   mac  = HMAC-SHA-256(key from the identity, hash)
 *
 * The hash chains every line to all before it. The mac is what an outsider cannot make: a line with a good mac vouches
 * for everything above it, also for lines of other identities. Both are over the bytes as they stand.
 */
export interface AuditRecord {
  readonly n: number;
  /** ISO 8601. */
  readonly at: string;
  readonly operation: AuditOperation;
  readonly environment: string;
  /** Names of the secrets; empty when none was touched. Never a value. */
  readonly names: readonly string[];
  readonly reason?: string | undefined;
  /** Program or service that the values were handed to. */
  readonly to?: string | undefined;
  readonly who: Actor;
  readonly host: string;
  /** What was wrong with the log when this line was added. It stays in it for good. */
  readonly damage?: string | undefined;
  /** Which identity sealed the line: the start of a hash of its public key. */
  readonly key: string;
  readonly prev: string;
}

export type AuditOperation =
  | 'begin'
  | 'get'
  | 'list'
  | 'set'
  | 'unset'
  | 'import'
  | 'export'
  | 'edit'
  | 'diff'
  | 'check'
  | 'rotate'
  | 'rewrap'
  | 'recipients'
  | 'exec'
  | 'load';

/** What the first line follows. */
export const NO_LINE = '0'.repeat(64);

export interface AuditKey {
  readonly id: string;
  mac(hash: string): string;
}

export function auditKey({ recipient, derive }: AgeIdentity): AuditKey {
  const key = derive('audit log');
  return {
    id: createHash('sha256').update(recipient).digest('hex').slice(0, 16),
    mac: (hash) => createHmac('sha256', key).update(hash).digest('hex'),
  };
}

export interface SealedLine {
  readonly text: string;
  readonly hash: string;
}

export function sealLine(record: AuditRecord, key: AuditKey): SealedLine {
  const body = JSON.stringify(record);
  const hash = hashOf(record.prev, body);
  return { text: `${body.slice(0, -1)},"hash":"${hash}","mac":"${key.mac(hash)}"}\n`, hash };
}

export interface ReadLine {
  readonly record: AuditRecord;
  /** As the line says it, and as it should be. */
  readonly hash: string;
  readonly mac: string;
  readonly rightHash: string;
}

/** Undefined for a line that is none of ours. */
export function readLine(line: string): ReadLine | undefined {
  const match = /^(\{.*),"hash":"([0-9a-f]{64})","mac":"([0-9a-f]{64})"\}$/s.exec(line);
  if (match === null) return undefined;
  const body = `${match[1] ?? ''}}`;
  try {
    const record = JSON.parse(body) as AuditRecord;
    if (typeof record.n !== 'number' || typeof record.prev !== 'string' || !Array.isArray(record.names))
      return undefined;
    return { record, hash: match[2] ?? '', mac: match[3] ?? '', rightHash: hashOf(record.prev, body) };
  } catch {
    return undefined;
  }
}

function hashOf(prev: string, body: string): string {
  return createHash('sha256').update(`${prev}\n${body}`).digest('hex');
}
