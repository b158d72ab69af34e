import { z } from 'zod';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { AgeIdentity } from '../../../foundation/crypto/age-keys.ts';
import type { Repository } from '../repository.ts';
import type { RowCounts } from '../restore/proof.ts';
import type { RestoreTarget } from '../restore/target.ts';
import { openDumpPart, listDumps } from './find.ts';

/** What a dump counted in the snapshot that it was made of. */
export interface DumpCounts {
  readonly label: string;
  /** ISO 8601: when its snapshot was taken. */
  readonly at: string;
  readonly counts: RowCounts;
}

/** How a copy differs from a dump of about that time. Rows come and go; a table that is gone asks for a reason. */
export interface CountsComparison {
  /** Label of the dump, and when it was made. */
  readonly with: string;
  readonly at: string;
  readonly tables: number;
  /** With the same number of rows. */
  readonly same: number;
  /** In the dump and not in the copy. */
  readonly missing: readonly string[];
  /** With rows in the dump and without any in the copy. */
  readonly emptied: readonly string[];
  /** Whether something was committed in the copy after the dump: then its owner may have removed those rows. */
  readonly later: boolean;
}

/** @param copy what it holds, and when its last commit was (ISO 8601) */
export function compareCounts(
  dump: DumpCounts,
  { counts, lastCommit }: { readonly counts: RowCounts; readonly lastCommit: string | null },
): CountsComparison {
  const tables = Object.entries(dump.counts);
  return {
    with: dump.label,
    at: dump.at,
    tables: tables.length,
    same: tables.filter(([name, rows]) => counts[name] === rows).length,
    missing: tables.flatMap(([name]) => (counts[name] === undefined ? [name] : [])),
    emptied: tables.flatMap(([name, rows]) => (rows > 0 && counts[name] === 0 ? [name] : [])),
    later: lastCommit !== null && Date.parse(lastCommit) > Date.parse(dump.at),
  };
}

/** Tables that the copy should have and has not: those that are gone, and those without rows that nobody removed. */
export function lostTables({ missing, emptied, later }: CountsComparison): readonly string[] {
  return later ? missing : [...missing, ...emptied];
}

const BY_TABLE = z.record(z.string(), z.int());
/** A million tables. A few kB of Brotli can unpack to more than there is memory. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The counts of the dump that was made nearest to a target; undefined where there is none to open. */
export async function nearestCounts(
  repository: Repository,
  of: { readonly systemId: string; readonly identities: readonly AgeIdentity[]; readonly target: RestoreTarget },
  signal: AbortSignal,
): Promise<DumpCounts | undefined> {
  const { systemId, identities, target } = of;
  const dumps = await listDumps({ ...repository, systemId }, signal);
  const at = target.kind === 'time' ? target.micros / 1000 : Number.MAX_SAFE_INTEGER;
  const distance = (startedAt: string): number => Math.abs(Date.parse(startedAt) - at);
  const [nearest] = dumps
    .filter(({ label, objects }) => objects.some(({ object }) => object === countsObject(label)))
    .toSorted((one, two) => distance(one.startedAt) - distance(two.startedAt));
  if (!nearest) return undefined;
  const counts = await readCounts(repository, nearest, identities, signal);
  return { label: nearest.label, at: nearest.startedAt, counts };
}

/** @throws VectabaseError BACKUP_DAMAGED for what is not the catalogued one, or longer than any of ours */
export async function readCounts(
  repository: Repository,
  entry: Parameters<typeof openDumpPart>[1],
  identities: readonly AgeIdentity[],
  signal: AbortSignal,
): Promise<RowCounts> {
  const read = await openDumpPart(repository, entry, { part: COUNTS, identities, signal });
  const chunks: Buffer[] = [];
  let bytes = 0;
  const collect = async (plain: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of plain) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw new Error('it has no end');
      chunks.push(chunk);
    }
  };
  try {
    await read(async (plain) => collect(plain));
  } catch (error) {
    throw bytes > MOST_BYTES ? notCounts(entry.label, `has more than ${MOST_BYTES} bytes`, error) : error;
  }
  try {
    return BY_TABLE.parse(JSON.parse(Buffer.concat(chunks).toString()));
  } catch (error) {
    throw notCounts(entry.label, 'does not count rows', error);
  }
}

function notCounts(label: string, what: string, cause?: unknown): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${COUNTS} of dump ${label} ${what}`,
    hint: 'Make a new dump: vectabase backup create --kind dump.',
    details: { object: countsObject(label) },
    cause,
  });
}

/** The part of a dump that holds them. */
export const COUNTS = 'counts.json';

function countsObject(label: string): string {
  return `dump/${label}/${COUNTS}`;
}
