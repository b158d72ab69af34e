import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../foundation/core/observe.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { isPlatformSchema } from '../../foundation/postgres/managed.ts';
import type { Catalog } from './catalog/model.ts';
import type { MigrateChoices } from './options.ts';
import type { MigrationPlan } from './plan/model.ts';

export interface Estimate {
  readonly dataBytes: number;
  readonly indexBytes: number;
  /** Measured by reading up to 8 MB of the largest table; null where there is nothing to read. */
  readonly bytesPerSecond: number | null;
  /** Seconds for rows at that rate (or --max-rate), indexes and proof. */
  readonly seconds: number | null;
}

const SAMPLE_BYTES = 8 * 1024 ** 2;
/** Building indexes and proving the copy took 0.8 of the copy's time on the reference data; the tail is what cannot overlap. */
const TAIL_FACTOR = 0.5;

/** A guess with a measurement in it. A small or burstable source is slower over hours than over a second. */
export async function estimate(
  source: Session,
  plan: MigrationPlan,
  catalog: Catalog,
  choices: MigrateChoices,
  clock: Clock,
): Promise<Estimate> {
  const tables = plan.tables.filter(({ excluded }) => !excluded);
  const dataBytes = tables.reduce((sum, table) => sum + table.dataBytes, 0);
  const indexBytes = catalog.tables
    .filter(({ schema }) => !isPlatformSchema(schema))
    .reduce((sum, table) => sum + table.indexBytes, 0);
  const largest = tables.toSorted((a, b) => b.dataBytes - a.dataBytes)[0];
  if (!largest || largest.dataBytes < 64 * 1024) return { dataBytes, indexBytes, bytesPerSecond: null, seconds: null };
  const measured = await sampleRate(source, largest.identity, clock);
  const rate = Math.min(measured * choices.jobs, choices.maxRate ?? Infinity);
  return {
    dataBytes,
    indexBytes,
    bytesPerSecond: Math.round(measured),
    seconds: Math.ceil((dataBytes / rate) * (1 + TAIL_FACTOR)),
  };
}

async function sampleRate(source: Session, table: string, clock: Clock): Promise<number> {
  const [pages] = await source.rows<{ n: string }>(
    `select greatest(1, ${SAMPLE_BYTES} / current_setting('block_size')::int)::text as n`,
  );
  const started = clock.now();
  let bytes = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done();
    },
  });
  await pipeline(
    source.copyOut(`copy (select * from only ${table} t where t.ctid < '(${pages?.n ?? 1},0)'::tid) to stdout`),
    sink,
  );
  return bytes / Math.max(0.001, (clock.now() - started) / 1000);
}
