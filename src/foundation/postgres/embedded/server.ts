import { constants, open, stat } from 'node:fs/promises';
import { VectabaseError } from '../../core/errors.ts';
import { sleep } from '../../core/sleep.ts';
import { startChild, type Child, type ChildExit } from '../../process/child.ts';
import { isAlive, waitUntilGone } from '../../process/identity.ts';
import { PLAIN_ENVIRONMENT, type RunAs } from '../../process/run.ts';
import type { PostgresBinaries } from './binaries.ts';
import { lastLines } from './log.ts';
import { readPidFile, runningPostmaster } from './pid-file.ts';

export interface ServerOptions {
  readonly binaries: PostgresBinaries;
  readonly runAs: RunAs | undefined;
  /** Absolute, without symbolic links. */
  readonly data: string;
  /** Directory of the unix socket; its path must leave room for `/.s.PGSQL.65535` in 107 bytes. */
  readonly socketDirectory: string;
  readonly port: number;
  /** Addresses to listen on by TCP; none: the socket only. */
  readonly listenAddresses: readonly string[];
  readonly logFile: string;
  /** A server that recovers and answers questions meanwhile (hot standby) counts as ready. */
  readonly standby?: boolean;
  /** Further settings, stronger than postgresql.conf and ALTER SYSTEM. Visible in `ps`: no secrets. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A running postmaster that we started. */
export interface Server {
  readonly pid: number;
  /** Resolves when it ends, wanted or not. */
  readonly exited: Promise<ChildExit>;
  /** Fast shutdown (clients are sent away, a checkpoint is written); immediate when that takes over 30 s. */
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;

/** Crash recovery of a big WAL takes minutes, and a server that recovers is not broken. */
const READY_MS = 600_000;
const FAST_SHUTDOWN_MS = 30_000;
const IMMEDIATE_SHUTDOWN_MS = 10_000;

/**
 * Starts `postgres` itself and waits until it takes connections. It gets SIGINT from the kernel when we die.
 *
 * @throws VectabaseError POSTGRES_START_FAILED, PORT_IN_USE
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const logStart = (await stat(options.logFile).catch(() => ({ size: 0 }))).size;
    const child = await spawnPostgres(options);
    const problem = await untilReady(child, options, logStart);
    if (problem === undefined) {
      return {
        pid: child.pid,
        exited: child.exited,
        stop: () => stopChild(child),
        kill: (signal) => child.kill(signal),
      };
    }
    // After kill -9 of a postmaster its backends need a moment to notice; a new one refuses to start until then.
    if (!problem.some((line) => line.includes('pre-existing shared memory block')) || attempt === 40) {
      throw startFailed(problem, options);
    }
    await sleep(250, options.signal);
  }
}

/** Stops a postmaster that somebody else left on this data directory. Answers its pid, or undefined if there was none. */
export async function stopOrphan(data: string): Promise<number | undefined> {
  const pid = await runningPostmaster(data);
  if (pid === undefined) return undefined;
  for (const [signal, ms] of SHUTDOWN) {
    if (!isAlive(pid)) break;
    process.kill(pid, signal);
    if (await waitUntilGone(pid, ms)) break;
  }
  return pid;
}

const SHUTDOWN = [
  ['SIGINT', FAST_SHUTDOWN_MS],
  ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS],
  ['SIGKILL', 5_000],
] as const;

async function spawnPostgres(options: ServerOptions): Promise<Child> {
  // Never a link: where others may write, it would lead root anywhere.
  const log = await open(options.logFile, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    if (options.runAs) await log.chown(options.runAs.uid, options.runAs.gid);
    const settings = {
      listen_addresses: options.listenAddresses.join(','),
      port: String(options.port),
      unix_socket_directories: options.socketDirectory,
      ...options.settings,
    };
    return await startChild(
      [
        options.binaries.postgres,
        '-D',
        options.data,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      {
        runAs: options.runAs,
        env: { ...PLAIN_ENVIRONMENT, TZ: 'UTC' },
        stdio: ['ignore', log.fd, log.fd],
        parentDeathSignal: 'INT',
      },
    );
  } finally {
    await log.close();
  }
}

/** Resolves undefined when ready, or with what the log says when the process ended. */
async function untilReady(child: Child, options: ServerOptions, logStart: number): Promise<string[] | undefined> {
  const started = Date.now();
  try {
    for (;;) {
      if (child.exit()) return await lastLines(options.logFile, 20, logStart);
      const file = await readPidFile(options.data);
      if (file?.pid === child.pid && isReady(file.status, options)) return undefined;
      if (Date.now() - started > READY_MS) throw startFailed(await lastLines(options.logFile, 20, logStart), options);
      await sleep(20, options.signal);
    }
  } catch (error) {
    await stopChild(child);
    throw error;
  }
}

function isReady(status: string, { standby }: ServerOptions): boolean {
  return status === 'ready' || (standby === true && status === 'standby');
}

async function stopChild(child: Child): Promise<void> {
  for (const [signal, ms] of SHUTDOWN) {
    if (child.exit()) return;
    child.kill(signal);
    const timeout = new AbortController();
    await Promise.race([child.exited, sleep(ms, timeout.signal).catch(() => undefined)]);
    timeout.abort();
  }
}

function startFailed(log: readonly string[], options: ServerOptions): VectabaseError {
  const reason = log.findLast((line) => /FATAL|PANIC|could not/.test(line))?.replace(/^.*?(FATAL|PANIC): +/, '');
  if (log.some((line) => line.includes('Address already in use'))) {
    return new VectabaseError('PORT_IN_USE', {
      message: `port ${options.port} is taken by another program`,
      details: { port: options.port },
    });
  }
  return new VectabaseError('POSTGRES_START_FAILED', {
    message: `Postgres did not start: ${reason ?? log.at(-1) ?? 'it ended without a word'}`,
    hint: `Read ${options.logFile} and mend what it names.`,
    details: { log, logFile: options.logFile },
  });
}
