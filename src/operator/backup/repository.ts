import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';

const SEALED = z.object({
  object: z.string(),
  plainBytes: z.number(),
  plainSha256: z.string(),
  sealedBytes: z.number(),
  sealedSha256: z.string(),
});
const POSITION = z.object({ lsn: z.string(), timeline: z.number() });

const ENTRY = z.object({
  version: z.literal(1),
  /** `20261122T030000Z`: when it was begun, so that names sort by age. */
  label: z.string(),
  systemId: z.string(),
  postgres: z.string(),
  /** ISO 8601. */
  startedAt: z.string(),
  finishedAt: z.string(),
  start: POSITION,
  end: POSITION,
  objects: z.array(SEALED),
});

/** A finished backup. Its file is written last: a backup without one never happened. */
export type BackupEntry = z.output<typeof ENTRY>;

/** Where backups are kept: `<dir>/backups`, or a directory of the owner's. */
export interface Repository {
  readonly directory: string;
}

export function backupDirectory({ directory }: Repository, label: string): string {
  return path.join(directory, 'base', label);
}

export async function openBackupDirectory(repository: Repository, label: string): Promise<string> {
  const directory = backupDirectory(repository, label);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return directory;
}

export async function addEntry(repository: Repository, entry: BackupEntry): Promise<void> {
  const file = path.join(backupDirectory(repository, entry.label), ENTRY_FILE);
  await writeDurably(file, `${JSON.stringify(entry, null, 2)}\n`);
}

const ENTRY_FILE = 'backup.json';

/** Finished backups, newest first. */
export async function listEntries(repository: Repository): Promise<BackupEntry[]> {
  const labels = await readdir(path.join(repository.directory, 'base')).catch(() => []);
  const entries = await Promise.all(labels.map(async (label) => readEntry(repository, label)));
  return entries.filter((entry) => entry !== undefined).toSorted((one, two) => (one.label < two.label ? 1 : -1));
}

/**
 * One backup by its label, or the newest.
 *
 * @throws VectabaseError BACKUP_MISSING
 */
export async function findEntry(repository: Repository, label: string | undefined): Promise<BackupEntry> {
  const entries = await listEntries(repository);
  const entry = label === undefined ? entries[0] : entries.find((each) => each.label === label);
  if (entry) return entry;
  throw new VectabaseError('BACKUP_MISSING', {
    message: label === undefined ? `${repository.directory} holds no backup` : `there is no backup ${label}`,
    hint: label === undefined ? 'Run vectabase backup create.' : 'Run vectabase backup list to see which there are.',
    details: { directory: repository.directory },
  });
}

async function readEntry(repository: Repository, label: string): Promise<BackupEntry | undefined> {
  const file = path.join(backupDirectory(repository, label), ENTRY_FILE);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined; // was not finished
  const entry = ENTRY.safeParse(parse(text));
  return entry.success && entry.data.label === label ? entry.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
