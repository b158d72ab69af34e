import type { JobContext } from '../../foundation/core/observe.ts';
import { withResources } from '../../foundation/core/release.ts';
import { messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { beforeAnything, noRun, StatementError } from './errors.ts';
import { LEDGER_SCHEMA, lockTarget, readRun, readSteps, type LedgerRun, type LedgerStep } from './ledger.ts';
import type { MigrateObservation } from './observations.ts';
import type { PlannedObject } from './plan/model.ts';
import { restoreSequences } from './rows/sequences.ts';
import { openTarget } from './ends/target.ts';
import { withTableOpen } from './rows/table-open.ts';

export interface AbortResult {
  readonly runId: string;
  readonly dropped: number;
  readonly emptied: readonly string[];
  /** Roles that stay, as other databases of the same server lean on them. */
  readonly kept: readonly string[];
}

/**
 * Takes back what a migration made on the target, and only that; the source is never touched. In one transaction, so a
 * kill leaves the run as it was.
 *
 * Objects go in the reverse of the order they were made in, without CASCADE: if something of yours was built on them
 * since, the abort fails by naming it rather than take it along. Tables of auth and storage that were there before are
 * emptied (they were empty, or the run would not have begun).
 */
export async function abortMigration(
  target: DatabaseAddress,
  ctx: JobContext<MigrateObservation>,
): Promise<AbortResult> {
  return beforeAnything(ctx.signal, async () =>
    withResources(async (scope) => {
      const session = scope.add(await openTarget(target), async (opened) => opened.close());
      await lockTarget(session);
      const run = await readRun(session);
      if (!run) throw noRun();
      const steps = await readSteps(session, run.runId);
      const made = madeSoFar(run, steps);
      const emptied = filledSoFar(run, steps);
      const kept: string[] = [];
      ctx.observe({ event: 'migrate.step.started', id: 'abort' });
      const started = ctx.clock.now();
      await inTransaction(session, async () => {
        for (const table of emptied)
          await withTableOpen(session, table, async () => session.script(`delete from only ${table}`));
        for (const object of made) if ((await undo(session, object)) === 'needed elsewhere') kept.push(object.key);
        await expectNoneLeftBehind(session, emptied);
        if (steps.has('sequences')) await restoreSequences(session, run.plan.sequencesBefore);
        await session.script(`drop schema ${LEDGER_SCHEMA} cascade`);
      });
      ctx.observe({ event: 'migrate.step.finished', id: 'abort', ms: ctx.clock.now() - started });
      return { runId: run.runId, dropped: made.length - kept.length, emptied, kept };
    }),
  );
}

/** SQLSTATEs of "does not exist": the operator has taken it away already, or with something else. */
const GONE = ['42P01', '42703', '42704', '42883', '3F000'];
const STILL_NEEDED = '2BP01';
const OTHER_DATABASE = /^\d+ objects? in database /;

/** @throws MIGRATE_ABORT_BLOCKED */
async function undo(
  session: Session,
  { key, undo: statements }: PlannedObject,
): Promise<'undone' | 'needed elsewhere'> {
  for (const statement of statements) {
    await session.script('savepoint object');
    try {
      await session.script(`${statement}; release savepoint object`);
    } catch (error) {
      const detail = (error as { detail?: string }).detail ?? '';
      const elsewhere = key.startsWith('role ') && detail.split('\n').every((line) => OTHER_DATABASE.test(line));
      if (isSqlState(error, STILL_NEEDED) && !elsewhere) throw inTheWay(messageOf(error), detail);
      if (!isSqlState(error, STILL_NEEDED, ...GONE)) throw new StatementError(key, error);
      await session.script('rollback to savepoint object');
      if (isSqlState(error, STILL_NEEDED)) return 'needed elsewhere';
    }
  }
  return 'undone';
}

/** Triggers are off, foreign keys with them: rows of other tables may still point at those that were emptied. */
async function expectNoneLeftBehind(session: Session, emptied: readonly string[]): Promise<void> {
  const keys = await session.rows<{ name: string; table: string; filled: string }>(
    `select quote_ident(conname) as name, format('%I.%I', n.nspname, c.relname) as table,
       (select string_agg(format('%I is not null', attname), ' and ')
        from pg_attribute where attrelid = conrelid and attnum = any (conkey)) as filled
     from pg_constraint k join pg_class c on c.oid = conrelid join pg_namespace n on n.oid = c.relnamespace
     where contype = 'f' and confrelid = any (select json_array_elements_text($1::json)::regclass)`,
    [JSON.stringify(emptied)],
  );
  for (const { name, table, filled } of keys) {
    const [row] = await session.rows(`select 1 from only ${table} where ${filled} limit 1`);
    if (row) throw inTheWay(`rows of ${table} refer to rows that came with the migration`, `foreign key ${name}`);
  }
}

function inTheWay(why: string, detail: string): VectabaseError {
  return new VectabaseError('MIGRATE_ABORT_BLOCKED', {
    message: `${why}${detail === '' ? '' : `: ${detail.replaceAll('\n', '; ')}`}`,
    hint: 'Nothing was changed. Drop or move what was built on top, then run the same command again.',
  });
}

/** Objects whose step has a line in the ledger, last made first. */
function madeSoFar(run: LedgerRun, steps: ReadonlyMap<string, LedgerStep>): PlannedObject[] {
  const done = new Set(
    run.plan.steps.flatMap((step) =>
      step.kind === 'ddl' && steps.has(step.id) ? step.statements.map(({ key }) => key) : [],
    ),
  );
  return run.plan.made.filter(({ key }) => done.has(key)).toReversed();
}

function filledSoFar(run: LedgerRun, steps: ReadonlyMap<string, LedgerStep>): string[] {
  return run.plan.tables
    .filter((table) => table.managed && table.parts.some(({ stepId }) => steps.has(stepId)))
    .map(({ identity }) => identity);
}
