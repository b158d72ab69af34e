import { messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import { errorCode, isConnectionLost, isSqlState } from '../../foundation/postgres/errors.ts';
import { LEDGER_SCHEMA } from './ledger.ts';
import type { Finding } from './preflight/finding.ts';
import { BARE_WORDS, withSubcommand } from './render/claims.ts';
import type { MigrationReport } from './report.ts';

/** A statement of the plan failed: which object it was to make. */
export class StatementError extends Error {
  readonly key: string;

  constructor(key: string, cause: unknown) {
    super(`${key}: ${messageOf(cause)}`, { cause });
    this.key = key;
  }
}

/** The words of a command line that go on with what is here, e.g. `vectabase migrate --resume --dir /srv/vb`. */
export interface CommandWords {
  readonly resume: string;
  readonly abort: string;
  readonly migrate: string;
}

/**
 * What a failure during a run means to the operator. Everything that was committed is in the ledger, so the answer to
 * nearly all of them is the same command; only the cause has to be named.
 */
export function stopped(thrown: unknown, words: CommandWords): VectabaseError {
  const cause = thrown instanceof StatementError ? thrown.cause : thrown;
  const { why, fix, reason } = explain(thrown, cause);
  return new VectabaseError('MIGRATE_STOPPED', {
    message: `the migration stopped part-way: ${why}`,
    hint: `${fix}What is copied is kept, and the source is unchanged. Continue with:\n${words.resume}`,
    details: {
      reason,
      object: thrown instanceof StatementError ? thrown.key : null,
      sqlState: errorCode(cause) ?? null,
    },
    cause: thrown,
  });
}

/** The same for a failure before anything was written (or of a command that only reads): run it again when it is mended. */
export function notBegun(thrown: unknown): unknown {
  if (thrown instanceof VectabaseError) return thrown;
  const cause = thrown instanceof StatementError ? thrown.cause : thrown;
  const details = { sqlState: errorCode(cause) ?? null };
  if (isConnectionLost(cause)) {
    return new VectabaseError('DATABASE_UNREACHABLE', {
      message: `a connection was lost: ${messageOf(cause)}`,
      hint: 'Nothing was changed. Run the same command again.',
      details,
      cause: thrown,
    });
  }
  if (isSqlState(cause, '42501')) {
    return new VectabaseError('DATABASE_PERMISSION', {
      message: `a right is missing: ${messageOf(thrown)}`,
      hint: 'Connect as postgres, or give the role that right. Nothing was changed.',
      details,
      cause: thrown,
    });
  }
  if (isSqlState(cause, '55P03')) {
    return new VectabaseError('MIGRATE_BLOCKED', {
      message: `a table of the source is locked, probably by an ALTER TABLE or TRUNCATE: ${messageOf(thrown)}`,
      hint: 'Wait for it to end and run the same command again. Nothing was changed.',
      details,
      cause: thrown,
    });
  }
  return thrown;
}

/** Runs the part of a command that leaves nothing behind when it fails. What `signal` cut short fails with its reason. */
export async function beforeAnything<T>(signal: AbortSignal | null, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw notBegun(signal?.aborted ? signal.reason : error);
  }
}

function explain(thrown: unknown, cause: unknown): { why: string; fix: string; reason: string } {
  if (thrown instanceof VectabaseError && thrown.code === 'INTERRUPTED')
    return { why: thrown.message, fix: '', reason: 'interrupted' };
  if (thrown instanceof VectabaseError && thrown.code !== 'DATABASE_UNREACHABLE') {
    const fix = thrown.hint === undefined ? '' : `${thrown.hint}\n`;
    return { why: thrown.message, fix, reason: thrown.code };
  }
  if (isSqlState(cause, '53100')) {
    return {
      why: `the disk of the target is full (${messageOf(cause)})`,
      fix: 'Free space on the target or enlarge its disk. ',
      reason: 'disk full',
    };
  }
  if (isConnectionLost(cause))
    return { why: `a connection was lost (${messageOf(cause)})`, fix: '', reason: 'connection lost' };
  if (isSqlState(cause, '42501')) {
    return {
      why: `a right is missing (${messageOf(thrown)})`,
      fix: 'Give the role that right. ',
      reason: 'permission',
    };
  }
  if (isSqlState(cause, '23503')) {
    return {
      why: messageOf(thrown),
      fix: 'Rows of the source break this key, as they came while its triggers were off. Mend them there. ',
      reason: 'foreign key broken on the source',
    };
  }
  return { why: messageOf(thrown), fix: '', reason: 'statement failed' };
}

export function noRun(): VectabaseError {
  return new VectabaseError('MIGRATE_NO_RUN', {
    message: 'the target holds no migration',
    hint: 'Start one with `vectabase migrate`.',
    details: { schema: LEDGER_SCHEMA },
  });
}

export function runExists(state: string, words: CommandWords): VectabaseError {
  const finished = state === 'finished';
  return new VectabaseError('MIGRATE_RUN_EXISTS', {
    message: finished ? 'the target holds a finished migration' : 'the target holds an unfinished migration',
    hint: finished
      ? `Check it with ${withSubcommand(words, 'verify')}\n To move anew, take it back first: ${words.abort}`
      : `Continue it with ${words.resume}\nor take back what it made with ${words.abort}`,
    details: { state },
  });
}

/** What stands in the way, each with its fix. Nothing was written yet. */
export function blocked(blockers: readonly Finding[]): VectabaseError {
  const full = blockers.every(({ id }) => id === 'target-not-empty' || id === 'target-has-rows');
  return new VectabaseError(full ? 'MIGRATE_TARGET_NOT_EMPTY' : 'MIGRATE_BLOCKED', {
    message: blockers.map(({ what }) => what).join('; '),
    hint: [...blockers.flatMap(({ fix }) => fix ?? []), 'Nothing was changed on either side.'].join('\n'),
    details: { blockers },
  });
}

/** The copy is whole and not equal: which tables and objects. */
export function differences(report: MigrationReport, words: CommandWords = BARE_WORDS): VectabaseError {
  const tables = report.tables.filter(({ status }) => status === 'differs').map(({ table }) => table);
  const objects = report.catalogue?.different.map(({ key }) => key) ?? [];
  const behind = report.sequences?.behind.map((sequence) => `sequence ${sequence}`) ?? [];
  const names = [...tables, ...objects, ...behind];
  return new VectabaseError('MIGRATE_DIFFERENCES', {
    message: `source and target differ in ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`,
    hint: `Both sides are left as they are; the report shows each difference. If rows were written on either side since the copy, compare again once writing has stopped:\n${withSubcommand(words, 'verify')}\nor take the copy back and move anew:\n${words.abort}`,
    details: { tables, objects, sequences: report.sequences?.behind ?? [] },
  });
}
