import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { AgeIdentity } from '../../../foundation/crypto/age-keys.ts';
import { entriesOf, prunedFrom } from '../catalog/view.ts';
import { openSealed } from '../container.ts';
import { openWith } from '../epochs.ts';
import { storeKey } from '../names.ts';
import { readCatalogues, type Repository } from '../repository.ts';
import type { RowCounts } from '../restore/proof.ts';
import type { RestoreTarget } from '../restore/target.ts';

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
}

export function compareCounts(dump: DumpCounts, counts: RowCounts): CountsComparison {
  const tables = Object.entries(dump.counts);
  return {
    with: dump.label,
    at: dump.at,
    tables: tables.length,
    same: tables.filter(([name, rows]) => counts[name] === rows).length,
    missing: tables.flatMap(([name]) => (counts[name] === undefined ? [name] : [])),
    emptied: tables.flatMap(([name, rows]) => (rows > 0 && counts[name] === 0 ? [name] : [])),
  };
}

const BY_TABLE = z.record(z.string(), z.int());

/** The counts of the dump that was made nearest to a target; undefined where there is none to open. */
export async function nearestCounts(
  repository: Repository,
  of: { readonly systemId: string; readonly identities: readonly AgeIdentity[]; readonly target: RestoreTarget },
  signal: AbortSignal,
): Promise<DumpCounts | undefined> {
  const { store } = repository;
  const { systemId, identities, target } = of;
  const catalogues = await readCatalogues({ ...repository, systemId }, signal);
  const documents = catalogues.flatMap((catalogue) => catalogue.documents);
  const gone = prunedFrom(documents, store.url);
  const at = target.kind === 'time' ? target.micros / 1000 : Number.MAX_SAFE_INTEGER;
  const distance = (startedAt: string): number => Math.abs(Date.parse(startedAt) - at);
  const [nearest] = entriesOf(documents, 'dump')
    .map(({ entry }) => entry)
    .filter(
      ({ label, objects }) => !gone.has(`dump/${label}`) && objects.some((each) => each.object === countsObject(label)),
    )
    .toSorted((one, two) => distance(one.startedAt) - distance(two.startedAt));
  if (!nearest) return undefined;
  const object = countsObject(nearest.label);
  const key = storeKey(systemId, object);
  const source = await store.get(key, { signal });
  const name = `${store.url}/${key}`;
  const opened = await openSealed(source, { name, opener: openWith(identities), expect: { object, systemId } });
  let json = '';
  await opened.read(async (plain) => {
    json = await text(plain);
  });
  return { label: nearest.label, at: nearest.startedAt, counts: BY_TABLE.parse(JSON.parse(json)) };
}

/** The part of a dump that holds them. */
export const COUNTS = 'counts.json';

function countsObject(label: string): string {
  return `dump/${label}/${COUNTS}`;
}
