import path from 'node:path';
import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import { formatLsn, parseLsn } from '../names.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import { lastLines } from '../../../foundation/postgres/embedded/log.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import type { BackupObservation } from '../observations.ts';
import { readControlFile } from './control-file.ts';
import { startScratch, type Scratch, type ScratchOptions } from './scratch.ts';
import { assertStoppedRight, readStopLine, type Expected, type StopPoint } from './stop-point.ts';
import { targetSettings, targetText, type RestoreTarget } from './target.ts';

export interface ReplayInput extends Omit<ScratchOptions, 'signal' | 'settings' | 'recovery'>, Expected {
  /** Names the replay in what is observed. */
  readonly id: string;
  readonly target: RestoreTarget;
  readonly timeline: number;
  /** Fetches a file of WAL: 0 it is there, 1 it is proved absent, 200 anything else. */
  readonly restoreCommand: string;
  /** Milliseconds without a new record after which a replay to the latest commit is given up; 120 000 unless told. */
  readonly stuckMs?: number;
}

/**
 * Replays WAL on a restored base up to the target and rests there, read-only, the stop point proved.
 *
 * @throws VectabaseError RESTORE_UNREACHABLE when the WAL ends before the target, RESTORE_UNPROVEN when it came to rest
 *   elsewhere, BACKUP_DAMAGED when a file of WAL is missing or does not open
 */
export async function replay(
  input: ReplayInput,
  ctx: JobContext<BackupObservation>,
): Promise<{ scratch: Scratch; stop: StopPoint }> {
  const { data, target } = input;
  const { limits } = await readControlFile(data);
  ctx.observe({ event: 'backup.replay.started', id: input.id });
  const began = ctx.clock.now();
  const settings = {
    ...enough(limits),
    ...targetSettings(target),
    recovery_target_timeline: String(input.timeline),
    recovery_target_action: 'pause',
    restore_command: input.restoreCommand,
    wal_retrieve_retry_interval: '200ms',
  };
  const logFile = path.join(input.home, 'postgres.log');
  // A standby goes on asking for WAL at the end of it, where a recovery would become a primary that nobody wanted.
  const recovery = target.kind === 'latest' ? 'standby.signal' : 'recovery.signal';
  const scratch = await startScratch({ ...input, recovery, settings, signal: ctx.signal }).catch(
    async (error: unknown) => {
      throw ctx.signal.aborted ? ctx.signal.reason : explain(error, await lastLines(logFile, LOG_LINES), target);
    },
  );
  try {
    const stop = await untilAtRest(scratch, input, ctx);
    assertStoppedRight(target, stop, input);
    ctx.observe({
      event: 'backup.replay.finished',
      id: input.id,
      ms: ctx.clock.now() - began,
      lsn: formatLsn(stop.lsn),
    });
    return { scratch, stop };
  } catch (error) {
    await scratch.stop().catch(() => undefined);
    throw error;
  }
}

/** Ends the replay for good: the copy becomes a primary on a timeline of its own. */
export async function promote(scratch: Scratch, signal: AbortSignal): Promise<void> {
  await scratch.ask('postgres', async (session) => {
    await session.rows('select pg_promote(true, 600)');
    for (;;) {
      const [row] = await session.rows<{ recovering: boolean }>('select pg_is_in_recovery() as recovering');
      if (row?.recovering === false) return;
      await sleep(50, signal);
    }
  });
}

function enough(limits: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(Math.max(value, 10))]));
}

const LOG_LINES = 200;
const POLL_MS = 50;
/** Without a new record for so long the WAL is at its end, if that can be: Postgres asks again every 200 ms. */
const STILL_MS = 1_000;
/** And if not, something is wrong. A segment of 16 MB takes a minute by a line of 2 Mbit/s. */
const STUCK_MS = 120_000;

interface Progress {
  readonly state: string;
  readonly lsn: string | null;
  readonly micros: string | null;
}

async function untilAtRest(
  scratch: Scratch,
  input: ReplayInput,
  ctx: JobContext<BackupObservation>,
): Promise<StopPoint> {
  const { logFile, server } = scratch;
  const ended = server.exited.then(() => 'ended' as const);
  const watch = scratch.ask('postgres', async (session) => {
    for (let before = -1n, moved = 0; ;) {
      const progress = await look(session);
      const lsn = parseLsn(progress.lsn ?? '') ?? 0n;
      const now = ctx.clock.now();
      if (lsn !== before) moved = now;
      before = lsn;
      // Stuck: what keeps a standby from going on, a file cut short for one, it does not say. It asks again and again.
      const stuck = now - moved > (input.stuckMs ?? STUCK_MS);
      if (progress.state === 'paused' || (input.target.kind === 'latest' && stuck)) return { progress, lsn };
      // What a crashed server had not archived yet comes after the end that is known of.
      if (input.target.kind === 'latest' && lsn >= (input.expectedEnd ?? 0n) && now - moved > STILL_MS) {
        await session.rows('select pg_wal_replay_pause()');
      }
      ctx.observe({ event: 'backup.replay.progress', id: input.id, lsn: formatLsn(lsn) });
      await sleep(POLL_MS, ctx.signal);
    }
  });
  watch.catch(() => undefined);
  try {
    const rest = await Promise.race([watch, ended]);
    if (rest === 'ended') throw new Error('the scratch server ended');
    const log = await lastLines(logFile, LOG_LINES);
    const line = readStopLine(log);
    if (input.target.kind !== 'latest' && line === undefined) throw new Error('the replay paused before its target');
    const { micros } = rest.progress;
    return {
      lsn: rest.lsn,
      lastCommit: micros === null ? undefined : Number(micros),
      nextCommit: line?.nextCommit,
    };
  } catch (error) {
    if (ctx.signal.aborted) throw ctx.signal.reason;
    // The connection breaks some milliseconds before the server has said why it ends.
    await Promise.race([server.exited, sleep(2_000)]);
    throw explain(error, await lastLines(logFile, LOG_LINES), input.target);
  }
}

async function look(session: Session): Promise<Progress> {
  const [row] = await session.rows<Progress & Record<string, unknown>>(
    `select case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() else 'promoted' end as state,
            pg_last_wal_replay_lsn()::text as lsn,
            (extract(epoch from pg_last_xact_replay_timestamp()) * 1000000)::bigint::text as micros`,
  );
  if (row?.state === 'promoted') throw new Error('the replay ran past its target');
  return row ?? { state: '', lsn: null, micros: null };
}

/** Why a replay ended, in words that lead on. */
function explain(error: unknown, log: readonly string[], target: RestoreTarget): VectabaseError {
  const find = (what: RegExp): RegExpExecArray | null => log.map((line) => what.exec(line)).findLast(Boolean) ?? null;
  const lost = find(/could not restore file "([^"]+)" from archive/);
  if (lost) {
    return new VectabaseError('BACKUP_DAMAGED', {
      message: `the WAL file ${lost[1] ?? ''} is missing from the archive or does not open`,
      hint: 'Nothing was touched. Restore to a moment before it, or bring that file back from another copy.',
      details: { file: lost[1] ?? '' },
      cause: error,
    });
  }
  if (find(/recovery ended before configured recovery target was reached/)) {
    const last = find(/last completed transaction was at log time (.+)$/)?.[1];
    return new VectabaseError('RESTORE_UNREACHABLE', {
      message: `the WAL ends before ${targetText(target)}${last === undefined ? '' : `: the last commit in it is of ${last}`}`,
      hint: 'For the last commit that there is: vectabase backup restore --latest',
      details: { lastCommit: last ?? null },
      cause: error,
    });
  }
  const said = find(/FATAL: {2}(.*)/)?.[1];
  if (said === undefined) return asVectabaseError(error);
  return new VectabaseError('RESTORE_UNPROVEN', {
    message: `the replay to ${targetText(target)} failed: ${said}`,
    hint: 'Nothing of the running installation was touched. Try an earlier backup: vectabase backup list.',
    details: { log: log.slice(-20) },
    cause: error,
  });
}
