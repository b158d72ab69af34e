import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { asVectabaseError, messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import { sleep } from '../../foundation/core/sleep.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { readJobStates, type JobState } from '../../operator/backup/alerts/jobs.ts';
import type { Job, JobReport } from './job.ts';
import { startSchedule, type Schedule } from './schedule.ts';

export interface Scheduler {
  readonly jobs: readonly Job[];
  /** @throws VectabaseError DATABASE_UNREACHABLE */
  states(): Promise<JobState[]>;
  /** Jobs that run are told to stop, and are waited for. */
  stop(): Promise<void>;
}

interface Options {
  /** Of the role that may run `vectabase.begin_job`. */
  readonly address: DatabaseAddress;
  readonly log: Logger;
  /** A job of ours has ended, well or not. */
  readonly ended?: (() => void) | undefined;
  /** Milliseconds that a job is late at most by its schedule. */
  readonly jitter?: number;
  /** Milliseconds between looks for what was missed, failed, or lost with another daemon. */
  readonly look?: number;
}

const JITTER = 120_000;
const LOOK = 60_000;

/**
 * Runs jobs by their schedules. Any number of daemons may do so on one database: a job is run by whoever holds its
 * advisory lock, once for each instant of its schedule, and never twice at once. The lock lives with a connection, so
 * one that dies, or loses the database, loses it at that moment, and the next look of another takes over. What was
 * missed while no daemon ran is done once.
 */
export async function startScheduler(jobs: readonly Job[], options: Options): Promise<Scheduler> {
  const { address, log, ended, jitter = JITTER, look = LOOK } = options;
  const stopping = new AbortController();
  const running = new Map<string, Promise<void>>();
  const schedules = new Map<Job, Schedule>();
  const consider = (job: Job): void => {
    const planned = schedules.get(job)?.latest(Date.now());
    if (planned === undefined || running.has(job.name) || stopping.signal.aborted) return;
    const { signal } = stopping;
    const run = latestInstant(job, planned, signal)
      .then(async (at) => runOnce(job, at, { address, log, signal }))
      .catch((error: unknown) => log.debug({ job: job.name, reason: messageOf(error) }, 'job not looked at'))
      .finally(() => running.delete(job.name));
    void run.then(ended);
    running.set(job.name, run);
  };
  for (const job of jobs) {
    schedules.set(job, await startSchedule(job.schedule, { jitter, log, call: () => consider(job) }));
  }
  for (const job of jobs) consider(job);
  // Behind the jitter, or it would be for nothing: only what is due for longer is missed.
  const timer = setInterval(() => {
    for (const job of jobs) if (isOverdue(schedules.get(job), jitter)) consider(job);
  }, look);
  return {
    jobs,
    states: async () => readJobStates(address),
    stop: async () => {
      clearInterval(timer);
      for (const schedule of schedules.values()) schedule.stop();
      stopping.abort(new VectabaseError('INTERRUPTED', { message: 'the daemon stops' }));
      await Promise.all(running.values());
    },
  };
}

function isOverdue(schedule: Schedule | undefined, jitter: number): boolean {
  const now = Date.now();
  const planned = schedule?.latest(now);
  return planned !== undefined && now - planned > jitter;
}

/** What cannot be asked wants nothing: a run by the schedule will tell what is wrong. */
async function latestInstant(job: Job, planned: number, signal: AbortSignal): Promise<number> {
  const wanted = await job.wantedSince?.(signal).catch(() => undefined);
  return Math.max(planned, wanted ?? 0);
}

/** Writes also while writes of applications are held back. */
async function openSession(address: DatabaseAddress, applicationName: string): Promise<Session> {
  return Session.open(address, { applicationName, settings: { default_transaction_read_only: 'off' } });
}

interface Surroundings {
  readonly address: DatabaseAddress;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function runOnce(job: Job, planned: number, { address, log, signal }: Surroundings): Promise<void> {
  const session = await openSession(address, `vectabase job ${job.name}`);
  try {
    const runner = `${hostname()}:${process.pid}`;
    const [row] = await session.rows<{ run: string | null }>(
      'select vectabase.begin_job($1, to_timestamp($2), $3, $4) as run',
      [job.name, planned / 1_000, runner, job.atFirst],
    );
    const run = row?.run ?? null;
    if (run === null) return;
    const lost = new AbortController();
    session.onLost((error) => lost.abort(lostLock(error)));
    log.info({ job: job.name, run }, 'job started');
    const ended = await outcomeOf(job, AbortSignal.any([signal, lost.signal]));
    if (ended.code === null) log.info({ job: job.name, run }, 'job finished');
    else log.error({ job: job.name, run, code: ended.code, reason: ended.message }, 'job failed');
    await noteEnd(lost.signal.aborted ? undefined : session, address, [run, ended.code, ended.message, ended.report]);
  } finally {
    await session.close().catch(() => undefined);
  }
}

function lostLock(cause: Error): VectabaseError {
  return new VectabaseError('DATABASE_UNREACHABLE', {
    message: 'the connection that makes this the only run was lost',
    hint: 'It is run again when Postgres answers.',
    cause,
  });
}

interface Outcome {
  readonly code: string | null;
  readonly message: string | null;
  readonly report: string | null;
}

async function outcomeOf(job: Job, signal: AbortSignal): Promise<Outcome> {
  try {
    const report: JobReport = await job.run(signal);
    // A lock that was lost on the way may have let another run in: that one counts.
    signal.throwIfAborted();
    return { code: null, message: null, report: JSON.stringify(report) };
  } catch (error) {
    const { code, message } = asVectabaseError(error);
    return { code, message, report: null };
  }
}

/** Where its own connection is lost, by another one, as soon as there is one. What cannot be noted counts as interrupted. */
async function noteEnd(
  own: Session | undefined,
  address: DatabaseAddress,
  values: readonly (string | null)[],
): Promise<void> {
  const note = async (session: Session): Promise<void> => {
    await session.rows('select vectabase.end_job($1, $2, $3, $4)', values);
  };
  if (own) return note(own);
  for (let attempt = 0; attempt < 10; attempt++) {
    const session = await openSession(address, 'vectabase job').catch(() => undefined);
    if (session === undefined) {
      await sleep(1_000);
      continue;
    }
    await note(session).finally(() => void session.close());
    return;
  }
}
