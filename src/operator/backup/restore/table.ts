import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import { ident } from '../../../foundation/postgres/sql.ts';
import type { BackupObservation } from '../observations.ts';
import type { Scratch } from './scratch.ts';

interface BringBackInput {
  readonly scratch: Scratch;
  readonly database: string;
  /** `public.sales` */
  readonly table: string;
  readonly into: Destination;
}

type Destination =
  /** A table that is not there yet: `as`, or one in a schema that no API shows. */
  | { readonly address: DatabaseAddress; readonly as?: string | undefined }
  /** CSV with a line of names. */
  | { readonly file: string };

export interface TableReport {
  readonly table: string;
  /** The table, or the file. */
  readonly into: string;
  readonly rows: number;
}

/** Not one that PostgREST's settings name, so nobody reads by the API what was deleted for a reason. */
const SCHEMA = 'vectabase_restored';

/**
 * Copies one table off a copy at its target: most accidents need no more than that. It comes without constraints,
 * indexes and defaults, for its owner to take rows from.
 *
 * @throws VectabaseError PRECONDITION_FAILED when it is not there, or something of the new name is
 */
export async function bringBackTable(input: BringBackInput, ctx: JobContext<BackupObservation>): Promise<TableReport> {
  const { scratch, database, into } = input;
  return scratch.ask(database, async (from) => {
    const source = await describe(from, input.table);
    const { columns, name } = source;
    const list = columns.map((column) => ident(column.name)).join(', ');
    if ('file' in into) {
      const out = from.copyOut(`copy (select ${list} from ${name}) to stdout with (format csv, header)`);
      await pipeline(out, createWriteStream(into.file, { flags: 'wx', mode: 0o600 }), { signal: ctx.signal });
      return { table: input.table, into: into.file, rows: await count(from, name) };
    }
    const session = await Session.open(into.address, { applicationName: 'vectabase restore' });
    try {
      await session.script('begin');
      const target = await makeTable(session, into.as, source);
      const out = from.copyOut(`copy (select ${list} from ${name}) to stdout`);
      await pipeline(out, session.copyIn(`copy ${target} (${list}) from stdin`), { signal: ctx.signal });
      const [wanted, rows] = [await count(from, name), await count(session, target)];
      if (wanted !== rows) throw new Error(`${rows} of ${wanted} rows arrived`);
      await session.script('commit');
      return { table: input.table, into: target, rows };
    } finally {
      await session.close();
    }
  });
}

interface Described {
  /** Quoted where it must be. */
  readonly name: string;
  readonly relation: string;
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string }>;
}

async function describe(session: Session, table: string): Promise<Described> {
  const [found] = await session.rows<{ name: string; relation: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name, c.relname as relation
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = to_regclass($1) and c.relkind in ('r', 'p', 'm')`,
    [table],
  );
  if (!found) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `there was no table ${table} then`,
      hint: 'Look at what there was: the same command with --inspect instead of --table.',
      details: { table },
    });
  }
  const columns = await session.rows<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`,
    [table],
  );
  return { ...found, columns };
}

async function makeTable(session: Session, as: string | undefined, { relation, columns }: Described): Promise<string> {
  const parts = as === undefined ? [SCHEMA, relation] : as.split('.');
  const target = ident(...(parts.length === 1 ? ['public', ...parts] : parts));
  const [taken] = await session.rows('select where to_regclass($1) is not null', [target]);
  if (taken) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `there is a ${target} here already, and a restore never writes over anything`,
      hint: 'Name another one: --as SCHEMA.NAME.',
      details: { table: target },
    });
  }
  if (as === undefined) await session.script(`create schema if not exists ${SCHEMA}`);
  await session.script(`create table ${target} (${columns.map(({ name, type }) => `${ident(name)} ${type}`).join(', ')});
    alter table ${target} enable row level security`);
  return target;
}

async function count(session: Session, name: string): Promise<number> {
  const [row] = await session.rows<{ rows: string }>(`select count(*)::text as rows from ${name}`);
  return Number(row?.rows ?? 0);
}
