import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ident } from '../../../foundation/postgres/sql.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import type { PlannedPart, PlannedTable } from '../plan/model.ts';
import type { Throttle } from './throttle.ts';

/**
 * Pumps one part of one table from source to target, undecoded, inside the caller's transaction on either side.
 *
 * Memory stays flat whatever the size of a row: both streams hand on network chunks, not rows.
 * @returns rows as the target counted them, and bytes as they travelled
 */
export async function copyPart(options: {
  source: Session;
  target: Session;
  table: PlannedTable;
  part: PlannedPart;
  throttle: Throttle;
  searchPath: string;
  onBytes: (bytes: number) => void;
  signal: AbortSignal;
}): Promise<{ rows: number; bytes: number }> {
  const { table, part } = options;
  const fresh = !table.managed && part.by === 'whole';
  await takeOwnersRights(options.target, table, options.searchPath);
  // In the transaction that empties a table, COPY may write its rows frozen: no later vacuum has to touch them again.
  if (fresh) await options.target.script(`truncate only ${table.identity}`);
  const input = options.target.copyIn(copyInStatement(table, fresh));
  const output = options.source.copyOut(copyOutStatement(table, part));
  let bytes = 0;
  const brake = makeBrake(options.throttle);
  const moved = brake
    ? pipeline(output, brake, input, { signal: options.signal })
    : pipeline(output, input, { signal: options.signal });
  // A listener beside the pipe costs less than a stage in it.
  output.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    options.onBytes(chunk.length);
  });
  await moved;
  await options.target.script(`reset role; set local search_path = ''`);
  return { rows: (input as unknown as { rowCount: number }).rowCount, bytes };
}

/** Holds chunks back as the throttle says; undefined where there is none. */
function makeBrake(throttle: Throttle): Transform | undefined {
  if (throttle.open) return undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const wait = throttle.take(chunk.length);
      if (wait === 0) done(null, chunk);
      else setTimeout(() => done(null, chunk), wait);
    },
  });
}

/**
 * Generated columns and checks call functions of the source while rows land: with the owner's rights and the path they
 * were written for.
 */
async function takeOwnersRights(target: Session, table: PlannedTable, searchPath: string): Promise<void> {
  if (table.owner === null) return;
  await target.script(`set local role ${ident(table.owner)}`);
  await target.rows(`select set_config('search_path', $1, true)`, [searchPath]);
}

function copyOutStatement(table: PlannedTable, part: PlannedPart): string {
  const columns = copiedColumns(table);
  const format = `with (format ${table.format})`;
  if (part.where === null) return `copy ${table.identity}${columns === '' ? '' : ` (${columns})`} to stdout ${format}`;
  return `copy (select ${columns} from only ${table.identity} t where ${part.where}) to stdout ${format}`;
}

function copyInStatement(table: PlannedTable, freeze: boolean): string {
  const columns = copiedColumns(table);
  return `copy ${table.identity}${columns === '' ? '' : ` (${columns})`} from stdin with (format ${table.format}${freeze ? ', freeze' : ''})`;
}

/** Generated columns are computed by the target. A table without columns has no list: COPY then moves empty rows. */
function copiedColumns(table: PlannedTable): string {
  return table.columns
    .filter((column) => !column.generated)
    .map((column) => ident(column.name))
    .join(', ');
}
