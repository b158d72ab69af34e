import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { InstallationPaths } from '../../foundation/config/directory.ts';
import { writeRuntimeFile, type RuntimeConfig } from '../../foundation/config/runtime-file.ts';
import { ERROR_CATALOGUE, type ErrorCode } from '../../foundation/core/error-catalogue.ts';
import { VectabaseError, type ErrorJson } from '../../foundation/core/errors.ts';
import { sleep } from '../../foundation/core/sleep.ts';
import { lastLines } from '../../foundation/postgres/embedded/log.ts';
import type { Child } from '../../foundation/process/child.ts';
import { startDaemonProgram } from '../../foundation/process/daemon-program.ts';

/** The API daemon, listening. */
export interface RunningDaemon {
  readonly child: Child;
  readonly apiUrl: string;
  stop(): Promise<void>;
}

const READY_MS = 60_000;
/** Requests in flight get this long to end. */
const STOP_MS = 15_000;

/**
 * Starts `bin/daemon.js` and waits for its ready line. It ends when we do: its standard input is our pipe.
 *
 * @throws VectabaseError DAEMON_START_FAILED, or the daemon's own error
 */
export async function startDaemon(
  paths: InstallationPaths,
  config: RuntimeConfig,
  masterKey: Buffer,
  signal: AbortSignal,
): Promise<RunningDaemon> {
  await writeRuntimeFile(paths.daemonConfig, config);
  const log = await open(paths.daemonLog, 'a', 0o600);
  let child: Child;
  const logStart = (await log.stat()).size;
  try {
    child = await startDaemonProgram(paths.daemonConfig, {
      cwd: paths.directory,
      stdio: ['pipe', 'pipe', log.fd],
      parentDeathSignal: 'TERM',
      masterKey: masterKey.toString('hex'),
    });
  } finally {
    await log.close();
  }
  child.handle.stdin?.on('error', () => undefined);
  try {
    const ready = await firstWord(child, signal);
    if (ready !== undefined) return { child, apiUrl: ready, stop: () => stopDaemon(child) };
  } catch (error) {
    await stopDaemon(child);
    throw error;
  }
  const lines = await lastLines(paths.daemonLog, 20, logStart);
  await stopDaemon(child);
  throw new VectabaseError('DAEMON_START_FAILED', {
    message: `the API daemon did not start: ${lines.at(-1) ?? 'it ended without a word'}`,
    hint: `Read ${paths.daemonLog} and mend what it names.`,
    details: { log: lines, logFile: paths.daemonLog },
  });
}

interface Line {
  readonly event?: string;
  readonly apiUrl?: string;
  readonly error?: ErrorJson['error'];
}

/** Its address from the ready line; undefined when it ended or kept silent too long. */
async function firstWord(child: Child, signal: AbortSignal): Promise<string | undefined> {
  const { stdout } = child.handle;
  if (!stdout) throw new Error('the daemon has no stdout');
  // Reading goes on after the ready line: a full pipe would block the daemon.
  const lines = createInterface({ input: stdout });
  const heard = new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      const { event, apiUrl, error } = parse(line);
      if (event === 'ready' && apiUrl !== undefined) resolve(apiUrl);
      if (error) reject(asError(error));
    });
  });
  const timeout = new AbortController();
  const stop = AbortSignal.any([signal, timeout.signal]);
  try {
    // Its last words may still be in the pipe when it is gone.
    const ended = child.exited.then(() => sleep(100)).then(() => undefined);
    return await Promise.race([heard, ended, sleep(READY_MS, stop).then(() => undefined)]);
  } finally {
    timeout.abort();
    heard.catch(() => undefined);
  }
}

function parse(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return {};
  }
}

function asError({ code, message, hint, details }: ErrorJson['error']): VectabaseError {
  const known = code in ERROR_CATALOGUE ? (code as ErrorCode) : 'DAEMON_START_FAILED';
  return new VectabaseError(known, { message, ...(hint === null ? {} : { hint }), details });
}

async function stopDaemon(child: Child): Promise<void> {
  child.handle.stdin?.destroy();
  for (const [signal, ms] of [
    ['SIGTERM', STOP_MS],
    ['SIGKILL', 5_000],
  ] as const) {
    if (child.exit()) return;
    child.kill(signal);
    const timeout = new AbortController();
    await Promise.race([child.exited, sleep(ms, timeout.signal).catch(() => undefined)]);
    timeout.abort();
  }
}
