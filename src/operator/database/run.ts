import { VectabaseError } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { advise } from './advise.ts';
import { applyActions, dropAction, type Context } from './apply.ts';
import { readFacts } from './facts.ts';
import type { Advice, AdviceReport, IndexAction, SpareIndex } from './model.ts';
import { undoAdvice, type UndoReport } from './undo.ts';

export interface AdviseInput {
  readonly target: DatabaseAddress;
  /** Columns that get an index wherever they occur. */
  readonly columns: readonly string[];
}

/** Kinds of spare indexes that the operator asked to drop. */
export type Drops = ReadonlySet<SpareIndex['why']>;

/** Reads the catalogue and says what is wanted. Changes nothing. */
export async function adviseIndexes({ target, columns }: AdviseInput): Promise<Advice> {
  return withSession(target, async (session) => advise(await readFacts(session), target.database, columns));
}

/** What `applyAdvice` would do, in its order: what is wanted first, then what is asked to go. */
export function actionsOf(advice: Advice, drops: Drops): IndexAction[] {
  return [
    ...advice.wanted,
    ...advice.spare.filter(({ why, droppable }) => droppable && drops.has(why)).map(dropAction),
  ];
}

/**
 * Makes the indexes that are wanted, and drops those of `drops`.
 *
 * @throws VectabaseError LOCK_HELD, INDEXES_STOPPED, DATABASE_PERMISSION
 */
export async function applyAdvice(
  { target, columns }: AdviseInput,
  drops: Drops,
  context: Context,
): Promise<AdviceReport> {
  return withSession(target, async (session) => {
    await takeTurn(session);
    const advice = advise(await readFacts(session), target.database, columns);
    const definitions = new Map(
      advice.spare.map(({ schema, index, definition }) => [`${schema}.${index}`, definition]),
    );
    return { ...advice, applied: await applyActions(session, actionsOf(advice, drops), definitions, context) };
  });
}

/** Takes back what `applyAdvice` did. */
export async function undoAppliedAdvice(target: DatabaseAddress, context: Context): Promise<UndoReport> {
  return withSession(target, async (session) => {
    await takeTurn(session);
    return undoAdvice(session, target.database, context);
  });
}

/** 'vectaidx' as a number. Of the session, as concurrent builds commit in between. */
const LOCK = '8531334420624925816';

async function takeTurn(session: Session): Promise<void> {
  const [lock] = await session.rows<{ taken: boolean }>(`select pg_catalog.pg_try_advisory_lock(${LOCK}) as taken`);
  if (lock?.taken === true) return;
  throw new VectabaseError('LOCK_HELD', {
    message: `another vectabase db advise works on database ${session.address.database}`,
    hint: 'Wait until it is done, then run the command again.',
  });
}

async function withSession<T>(target: DatabaseAddress, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(target, {
    applicationName: 'vectabase db advise',
    // A build takes as long as it takes; it blocks no writer.
    settings: { statement_timeout: '0', lock_timeout: '0', search_path: 'pg_catalog' },
  });
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}
