import type { JobContext } from '../../foundation/core/observe.ts';
import { messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import { errorCode, isConnectionLost } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { applyTemplates } from '../../foundation/postgres/templates.ts';
import { buildPartitioned } from './build-partitioned.ts';
import type { ActionOutcome, DatabaseObservation, IndexAction, SpareIndex } from './model.ts';

export type Context = JobContext<DatabaseObservation>;

/** A spare index as an action: DROP INDEX CONCURRENTLY. */
export function dropAction(spare: SpareIndex): IndexAction {
  return {
    action: 'drop',
    schema: spare.schema,
    table: spare.table,
    index: spare.index,
    columns: [],
    partitioned: false,
    reasons: [spare.instead === null ? 'unused' : `${spare.instead} does the same`],
    tableRows: null,
    tableBytes: 0,
    bytes: spare.bytes,
    statement: `drop index concurrently ${ident(spare.schema, spare.index)}`,
  };
}

/**
 * Does one action after the other; writers of the tables are never blocked. An action that Postgres refuses is told and
 * the next one begins. What was intended is on record before it begins, so a kill at any point leaves either nothing or
 * an INVALID index, which the next plan rebuilds.
 *
 * @param definitions of indexes that are dropped, by `schema.index`
 * @throws VectabaseError INDEXES_STOPPED when interrupted or the connection is lost
 */
export async function applyActions(
  session: Session,
  actions: readonly IndexAction[],
  definitions: ReadonlyMap<string, string>,
  context: Context,
): Promise<ActionOutcome[]> {
  await applyTemplates(session, 'advise');
  const outcomes: ActionOutcome[] = [];
  for (const action of actions) {
    outcomes.push(
      await measured(session, action, context, async () => {
        const definition =
          action.action === 'drop' ? definitions.get(`${action.schema}.${action.index}`) : action.statement;
        // Rebuilding changes nothing that could be undone, nor does sweeping up after a killed rebuild.
        const kept = action.action !== 'rebuild' && definition !== undefined;
        if (kept) await begin(session, action, definition);
        if (action.partitioned) await buildPartitioned(session, action);
        else await session.script(action.statement);
        if (kept || action.action === 'rebuild') await finish(session, action);
      }),
    );
  }
  return outcomes;
}

/** Runs `work` for one index and tells how it went. @throws VectabaseError INDEXES_STOPPED */
export async function measured(
  session: Session,
  { action, schema, index }: Pick<IndexAction, 'action' | 'schema' | 'index'>,
  context: Context,
  work: () => Promise<void>,
  again = '--apply',
): Promise<ActionOutcome> {
  const id = `${schema}.${index}`;
  const began = context.clock.now();
  if (context.signal.aborted) throw stopped(id, again);
  const cancel = (): void => session.cancel();
  context.signal.addEventListener('abort', cancel, { once: true });
  context.observe({ event: 'database.index.started', id, action });
  try {
    await work();
    const bytes = await sizeOf(session, schema, index);
    const ms = context.clock.now() - began;
    context.observe({ event: 'database.index.finished', id, action, ms, ...(bytes === null ? {} : { bytes }) });
    return { action, index: id, done: true, ms, bytes, error: null };
  } catch (cause) {
    if (context.signal.aborted || isConnectionLost(cause)) throw stopped(id, again, cause);
    const code = errorCode(cause);
    if (code === undefined) throw cause;
    context.observe({ event: 'database.index.failed', id, action, code });
    return {
      action,
      index: id,
      done: false,
      ms: context.clock.now() - began,
      bytes: null,
      error: { code, message: messageOf(cause) },
    };
  } finally {
    context.signal.removeEventListener('abort', cancel);
  }
}

async function begin(
  session: Session,
  { action, schema, table, index }: IndexAction,
  definition: string,
): Promise<void> {
  await session.rows(
    `insert into vectabase.advised_indexes (action, schema_name, table_name, index_name, definition)
     values ($1, $2, $3, $4, $5)
     on conflict (action, schema_name, index_name) do update set definition = excluded.definition, done_at = null`,
    [action, schema, table, index, definition],
  );
}

async function finish(session: Session, { action, schema, index }: IndexAction): Promise<void> {
  await session.rows(
    `update vectabase.advised_indexes set done_at = clock_timestamp()
     where action = $1 and schema_name = $2 and index_name = $3`,
    [action === 'rebuild' ? 'create' : action, schema, index],
  );
}

async function sizeOf(session: Session, schema: string, index: string): Promise<number | null> {
  const [row] = await session.rows<{ bytes: string | null }>(
    `select coalesce(sum(pg_catalog.pg_relation_size(relid)), pg_catalog.pg_relation_size(to_regclass($1)))::text as bytes
     from pg_catalog.pg_partition_tree(to_regclass($1))`,
    [ident(schema, index)],
  );
  return row === undefined || row.bytes === null ? null : Number(row.bytes);
}

function stopped(index: string, again: string, cause?: unknown): VectabaseError {
  return new VectabaseError('INDEXES_STOPPED', {
    message: `stopped at ${index}; what was done before is kept`,
    hint: `Run vectabase db advise ${again} again: it goes on from here, and rebuilds what was left half-built.`,
    details: { index },
    cause,
  });
}
