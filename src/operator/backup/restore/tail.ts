import { open, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import { FIRST_PAGE_BYTES, foreignSegment, readFirstPage } from '../archive/wal-page.ts';
import { formatWalFile, parseWalFile, walObject } from '../names.ts';
import { readControlFile } from './control-file.ts';
import { parseHistory, type Timeline } from './timelines.ts';

/**
 * The WAL that a stopped server left in its data directory, by object. Postgres renames old files for what it will write
 * next, so a file is one of it only when its first page says so.
 *
 * @returns nothing for a data directory of another cluster, or one that cannot be read: then it is lost
 */
export async function readTail(data: string, systemId: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const control = await readControlFile(data).catch(() => undefined);
  if (control?.systemId.toString() !== systemId) return found;
  const { segmentBytes } = control;
  const directory = path.join(data, 'pg_wal');
  for (const name of await readdir(directory).catch(() => [])) {
    const file = parseWalFile(name);
    if (file?.kind !== 'segment') continue;
    const page = await firstPage(path.join(directory, name)).catch(() => undefined);
    if (foreignSegment(file, page, { systemId, segmentBytes }) === undefined) found.set(walObject(file), segmentBytes);
  }
  return found;
}

/**
 * The timeline that a data directory is on, running or not.
 *
 * @returns undefined for a data directory of another cluster, or one that cannot be read
 */
export async function readOwnTimeline(data: string, systemId: string): Promise<Timeline | undefined> {
  const control = await readControlFile(data).catch(() => undefined);
  if (control?.systemId.toString() !== systemId) return undefined;
  const { timeline: id } = control;
  if (id === 1) return { id, ancestors: [], bornAt: 0 };
  const file = path.join(data, 'pg_wal', formatWalFile({ kind: 'history', timeline: id }));
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const ancestors = text === undefined ? undefined : parseHistory(id, text);
  return ancestors && { id, ancestors, bornAt: (await stat(file)).mtimeMs };
}

async function firstPage(file: string) {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_PAGE_BYTES), 0, FIRST_PAGE_BYTES, 0);
    return readFirstPage(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/** Milliseconds that a working archive needs at most for one file; one that does not work is not waited for longer. */
const PATIENCE = 20_000;

/**
 * Lets a running server archive what it wrote until now.
 *
 * @returns false where it does not archive, or its archive does not work
 */
export async function archiveNow(address: DatabaseAddress, signal: AbortSignal): Promise<boolean> {
  const session = await Session.open(address, { applicationName: 'vectabase restore' });
  try {
    const [row] = await session.rows<{ name: string }>(
      `select pg_walfile_name(pg_switch_wal()) as name from pg_settings where name = 'archive_mode' and setting <> 'off'`,
    );
    if (!row) return false;
    for (const until = performance.now() + PATIENCE; performance.now() < until;) {
      const [last] = await session.rows<{ name: string | null }>(
        'select last_archived_wal as name from pg_stat_archiver',
      );
      if ((last?.name ?? '').slice(0, 24) >= row.name) return true;
      await sleep(100, signal);
    }
    return false;
  } finally {
    await session.close();
  }
}

/** Fingerprints of the keys that sealed what lies in a spool: the catalogue hears of a key with its first upload. */
export async function spoolKeys(spool: string, systemId: string): Promise<Set<string>> {
  const root = path.join(spool, 'receipts', systemId);
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const texts = names
    .filter((name) => name.endsWith('.ndjson'))
    .map(async (name) => readFile(path.join(root, name), 'utf8'));
  const keys = (await Promise.all(texts)).flatMap((text) => [...text.matchAll(/"fingerprint":"([0-9a-f]{64})"/g)]);
  return new Set(keys.map(([, key = '']) => key));
}
