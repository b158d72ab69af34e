import { open, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { SecretsPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import { withLock } from '../../foundation/process/wait-lock.ts';
import { currentActor } from '../../foundation/process/who.ts';
import { NO_LINE, readLine, sealLine, type AuditKey, type AuditRecord } from './audit-line.ts';

/** What an operation says about itself; who, when and the seals are added here. */
export type AuditEntry = Pick<AuditRecord, 'operation' | 'environment' | 'names' | 'reason' | 'to'>;

/** Where the log ends, sealed: without it, nobody would miss lines cut off at the end. */
export interface AuditHead {
  readonly count: number;
  readonly bytes: number;
  readonly hash: string;
  readonly key: string;
  readonly mac: string;
}

export interface AuditFiles {
  readonly log: string;
  readonly head: string;
  readonly lock: string;
}

export function auditFiles({ audit }: Pick<SecretsPaths, 'audit'>): AuditFiles {
  return { log: path.join(audit, 'log.jsonl'), head: path.join(audit, 'head.json'), lock: path.join(audit, 'lock') };
}

/**
 * Adds a line, on disk before this returns. Called before a value is handed out: no line, no value.
 *
 * A log that was tampered with is continued all the same, as a payment server must start; the new line says what was
 * found, and `secrets audit` will show it ever after.
 *
 * @throws VectabaseError SECRETS_AUDIT_FAILED
 */
export async function appendAudit(files: AuditFiles, key: AuditKey, entry: AuditEntry, now: number): Promise<void> {
  try {
    await withLock(files.lock, async () => {
      const end = await findEnd(files, key);
      const record: AuditRecord = {
        n: end.count + 1,
        at: new Date(now).toISOString(),
        ...entry,
        who: currentActor(),
        host: hostname(),
        damage: end.damage,
        key: key.id,
        prev: end.hash,
      };
      const line = sealLine(record, key);
      const bytes = await appendLine(files.log, end.keep, line.text);
      const head = { count: record.n, bytes, hash: line.hash, key: key.id };
      await writeBeside(files.head, `${JSON.stringify({ ...head, mac: key.mac(headText(head)) })}\n`);
    });
  } catch (error) {
    throw new VectabaseError('SECRETS_AUDIT_FAILED', {
      message: `the access cannot be written to ${files.log}, so it is refused: ${messageOf(error)}`,
      hint: `Make ${path.dirname(files.log)} writable for this user (disk full? other owner?), and run the command again.`,
      details: { file: files.log },
    });
  }
}

export function headText({ count, bytes, hash }: Pick<AuditHead, 'count' | 'bytes' | 'hash'>): string {
  return `head ${count} ${bytes} ${hash}`;
}

/** Undefined when there is none; `invalid` when it cannot be read as one. */
export async function readHead(file: string): Promise<AuditHead | 'invalid' | undefined> {
  try {
    const head = JSON.parse(await readFile(file, 'utf8')) as AuditHead;
    return Number.isSafeInteger(head.count) && typeof head.mac === 'string' ? head : 'invalid';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'invalid';
  }
}

interface LogEnd {
  readonly count: number;
  readonly hash: string;
  /** Bytes that stay: a line that a crash left half written is cut off, as its access was never granted. */
  readonly keep: number;
  readonly damage: string | undefined;
}

async function findEnd(files: AuditFiles, key: AuditKey): Promise<LogEnd> {
  const head = await readHead(files.head);
  const size = (await stat(files.log).catch(() => undefined))?.size;
  if (size === undefined) {
    const damage = head === undefined ? undefined : 'the log was gone';
    const known = head !== undefined && head !== 'invalid' ? head : { count: 0, hash: NO_LINE };
    return { count: known.count, hash: known.hash, keep: 0, damage };
  }
  const good =
    head !== undefined && head !== 'invalid' && (head.key !== key.id || head.mac === key.mac(headText(head)));
  if (good && size === head.bytes) return { count: head.count, hash: head.hash, keep: size, damage: undefined };
  return searchEnd(await readFile(files.log), good ? head : undefined);
}

/** The head does not fit: a crash came between line and head, or somebody was here. */
function searchEnd(log: Buffer, head: AuditHead | undefined): LogEnd {
  const keep = log.lastIndexOf('\n') + 1;
  const lines = log.subarray(0, keep).toString('utf8').split('\n').slice(0, -1);
  const last = readLine(lines.at(-1) ?? '');
  const count = Math.max(head?.count ?? 0, last?.record.n ?? 0);
  const damage =
    head === undefined
      ? 'the head of the log was gone or not sealed by its key'
      : log.length < head.bytes
        ? `the log ended before line ${head.count}`
        : undefined;
  return { count, hash: last?.rightHash ?? NO_LINE, keep, damage };
}

/** @returns the size of the log afterwards */
async function appendLine(file: string, keep: number, text: string): Promise<number> {
  const handle = await open(file, 'a', 0o600);
  try {
    if ((await handle.stat()).size > keep) await handle.truncate(keep);
    if (keep === 0) await ownAsDirectory(file, handle);
    await handle.writeFile(text);
    await handle.sync();
    return keep + Buffer.byteLength(text);
  } finally {
    await handle.close();
  }
}

/** Root and the daemon's user both write here: what root makes belongs to whom the directory belongs to. */
async function ownAsDirectory(file: string, handle: { chown(uid: number, gid: number): Promise<void> }): Promise<void> {
  const owner = await directoryOwner(file);
  if (owner) await handle.chown(owner.uid, owner.gid);
}

async function writeBeside(file: string, text: string): Promise<void> {
  await writeDurably(file, text, { owner: await directoryOwner(file) });
}

async function directoryOwner(file: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(path.dirname(file));
  return { uid, gid };
}
