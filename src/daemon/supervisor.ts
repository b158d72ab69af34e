import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { errorToJson, VectabaseError, type ErrorJson } from '../foundation/core/errors.ts';
import { untilStopped } from './lifecycle.ts';
import { tell, type News } from './tell.ts';

/** Milliseconds before a worker that ended is replaced: doubled each time, up to the last. */
const BACKOFF = [100, 200, 400, 800, 1_600, 3_000];
/** A worker that lived so long was no failure to start. */
const SETTLED = 10_000;
/** Longer than a worker's own drain. */
const PATIENCE = 15_000;

/**
 * Runs the daemon as several processes on one port. The supervisor accepts connections and hands them out in turn; it
 * prints the ready line when all are ready, replaces a worker that ends, passes signals on, and takes all down with it.
 *
 * @param inherited descriptors that workers need as well
 * @returns the exit code
 */
export async function supervise(count: number, inherited: readonly number[], log: Logger): Promise<number> {
  const stopped = untilStopped();
  // A Node that was started through a descriptor has no other path to itself that we may enter.
  if (process.argv0.startsWith('/proc/self/fd/')) process.execPath = process.argv0;
  cluster.setupPrimary({ stdio: ['ignore', 'ignore', 2, ...inherited, 'ipc'] });
  const crew = new Crew(log);
  for (const signal of ['SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => crew.kill(signal));
  const started = await Promise.race([stopped, crew.start(count)]);
  let code = 0;
  if (typeof started === 'object') {
    await tell('error' in started ? started : { ...started, pid: process.pid });
    if ('error' in started) code = started.error.exitCode;
    else log.info({ apiUrl: started.apiUrl, workers: count }, 'ready');
  }
  if (code === 0) log.info({ reason: typeof started === 'string' ? started : await stopped }, 'stopping');
  await crew.stop();
  log.info('stopped');
  return code;
}

class Crew {
  readonly #log: Logger;
  readonly #alive = new Set<Worker>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopping = false;
  /** Hears workers until all are ready. */
  #hear: ((news: News) => void) | undefined;
  #emptied: (() => void) | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** What the last one says when all are ready; or the first error. */
  async start(count: number): Promise<News> {
    return new Promise((resolve) => {
      let missing = count;
      this.#hear = (news) => {
        if (!('error' in news) && --missing > 0) return;
        this.#hear = undefined;
        resolve(news);
      };
      for (let at = 0; at < count; at++) this.#fork(0);
    });
  }

  kill(signal: NodeJS.Signals): void {
    for (const worker of this.#alive) worker.process.kill(signal);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#alive.size === 0) return;
    const late = setTimeout(() => this.kill('SIGKILL'), PATIENCE);
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
      this.kill('SIGTERM');
    });
    clearTimeout(late);
  }

  #fork(failures: number): void {
    const worker = cluster.fork();
    const bornAt = Date.now();
    this.#alive.add(worker);
    worker.on('message', (news: News) => this.#hear?.(news));
    worker.on('error', (error) => this.#log.error({ worker: worker.process.pid, reason: error.message }, 'worker'));
    worker.once('exit', (code, signal) => {
      this.#alive.delete(worker);
      if (this.#alive.size === 0) this.#emptied?.();
      if (this.#stopping) return;
      this.#log.error({ worker: worker.process.pid, code, signal }, 'worker ended');
      if (this.#hear) this.#hear(endedEarly(signal ?? `exit code ${code}`));
      else this.#replace(Date.now() - bornAt > SETTLED ? 0 : failures);
    });
  }

  #replace(failures: number): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#fork(failures + 1);
      },
      BACKOFF[Math.min(failures, BACKOFF.length - 1)],
    );
    this.#timers.add(timer);
  }
}

function endedEarly(how: string): ErrorJson {
  return errorToJson(
    new VectabaseError('DAEMON_START_FAILED', {
      message: `a worker ended before it was ready (${how})`,
      hint: 'Read the log of the daemon.',
    }),
  );
}
