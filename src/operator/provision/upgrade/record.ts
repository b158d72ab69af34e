import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { writeDurably } from '../../../foundation/core/durable-file.ts';

/**
 * Forward `begun → configured → installed → done`; back, from anywhere, `returning → unconfigured → returned`. Each phase
 * is on disk before the work of the next one begins, so a killed upgrade goes on where it was.
 */
const RECORD = z.strictObject({
  version: z.literal(1),
  /** Directories of releases. */
  from: z.string(),
  to: z.string(),
  phase: z.enum(['begun', 'configured', 'installed', 'done', 'returning', 'unconfigured', 'returned']),
  /** Numbers of changes to vectabase.yml that were begun, in their order. */
  migrations: z.array(z.int()),
  /** Why it went back. */
  reason: z.string().nullable(),
  /** ISO 8601. */
  startedAt: z.string(),
});

export type UpgradeRecord = z.output<typeof RECORD>;

export function recordFile(directory: string = INSTALLED.journal): string {
  return path.join(directory, 'upgrade.json');
}

/** Undefined before the first upgrade. */
export async function readRecord(file = recordFile()): Promise<UpgradeRecord | undefined> {
  try {
    return RECORD.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeRecord(record: UpgradeRecord, file = recordFile()): Promise<void> {
  await writeDurably(file, `${JSON.stringify(RECORD.parse(record), null, 2)}\n`);
}

export function isFinished({ phase }: UpgradeRecord): boolean {
  return phase === 'done' || phase === 'returned';
}
