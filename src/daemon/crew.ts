import cluster, { type Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { errorToJson, VectabaseError, type ErrorJson } from '../foundation/core/errors.ts';
import type { Descriptors } from './activation.ts';
import { tellWorker } from './orders.ts';
import type { FirstNews, News } from './tell.ts';

/** Milliseconds before a worker that ended is replaced: doubled each time, up to the last. */
const BACKOFF = [100, 200, 400, 800, 1_600, 3_000];
/** A worker that lived so long was no failure to start. */
const SETTLED = 10_000;
/** Longer than a worker's own drain. */
const PATIENCE = 15_000;

interface CrewOptions {
  readonly inherited: readonly number[];
  readonly descriptors: Descriptors;
  readonly watchdog: number | undefined;
}

/** What the supervisor knows of one of its workers. */
interface Member {
  readonly worker: Worker;
  readonly lead: boolean;
  ready: boolean;
  heardAt: number;
  /** Told when it has read its configuration again, or ended. */
  reloaded: (() => void) | undefined;
}

/** The workers of a supervisor. */
export class Crew {
  readonly #options: CrewOptions;
  readonly #log: Logger;
  readonly #members = new Set<Member>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #waiting: Socket[] = [];
  #url = '';
  #stopping = false;
  #hear: ((news: FirstNews) => void) | undefined;
  #emptied: (() => void) | undefined;

  constructor(options: CrewOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** What the last one says when all are ready; or the first error. */
  async start(count: number, url: string): Promise<FirstNews> {
    this.#url = url;
    const { watchdog } = this.#options;
    if (watchdog !== undefined) this.#timers.add(setInterval(() => this.#endSilent(watchdog), watchdog / 3));
    return new Promise((resolve) => {
      let missing = count;
      this.#hear = (news) => {
        if ('event' in news && --missing > 0) return;
        this.#hear = undefined;
        resolve(news);
      };
      for (let at = 0; at < count; at++) this.#fork(0, at === 0);
    });
  }

  /** To the ready ones in turn; while there is none, connections wait. */
  handOut(socket: Socket): void {
    const next = [...this.#members].find(({ ready }) => ready);
    if (next === undefined) return void this.#waiting.push(socket);
    this.#members.delete(next); // to the end of the line
    this.#members.add(next);
    tellWorker.connection(next.worker, socket, (taken) => {
      if (taken) return;
      next.ready = false; // it has ended; that it did is told soon
      this.handOut(socket);
    });
  }

  kill(signal: NodeJS.Signals): void {
    for (const { worker } of this.#members) worker.process.kill(signal);
  }

  /** Resolves when each has read its configuration again, or could not. */
  async reload(): Promise<void> {
    const all = [...this.#members].map(async (member) => new Promise<void>((resolve) => (member.reloaded = resolve)));
    this.kill('SIGHUP');
    await Promise.all(all);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#members.size === 0) return;
    const late = setTimeout(() => this.kill('SIGKILL'), PATIENCE);
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
      // One that is not ready does not listen to us yet, and has no connection to lose.
      for (const { worker, ready } of this.#members) {
        if (ready) tellWorker.stop(worker);
        else worker.process.kill('SIGTERM');
      }
    });
    clearTimeout(late);
  }

  #fork(failures: number, lead: boolean): void {
    const { inherited, watchdog } = this.#options;
    // The lead alone answers on the other sockets: their state is in one process.
    const own = lead ? [...this.#options.descriptors].filter(([name]) => !['api', 'notify'].includes(name)) : [];
    const handed = [...inherited, ...own.map(([, descriptor]) => descriptor)];
    cluster.setupPrimary({ stdio: ['ignore', 'ignore', 2, ...handed, 'ipc'] });
    const member: Member = {
      worker: cluster.fork(),
      lead,
      ready: false,
      heardAt: performance.now(),
      reloaded: undefined,
    };
    const { worker } = member;
    const bornAt = performance.now();
    this.#members.add(member);
    const descriptors = own.map(([name], at) => [name, 3 + inherited.length + at] as const);
    worker.on('message', (news: News) => {
      if (news === 'waiting') tellWorker.begin(worker, { url: this.#url, lead, descriptors, watchdog });
      else this.#heard(member, news);
    });
    worker.on('error', (error) => this.#log.error({ worker: worker.process.pid, reason: error.message }, 'worker'));
    worker.once('exit', (code, signal) => {
      this.#members.delete(member);
      member.reloaded?.();
      if (this.#members.size === 0) this.#emptied?.();
      if (this.#stopping) return;
      this.#log.error({ worker: worker.process.pid, code, signal }, 'worker ended');
      if (this.#hear) this.#hear(endedEarly(signal ?? `exit code ${code}`));
      else this.#replace(performance.now() - bornAt > SETTLED ? 0 : failures, lead);
    });
  }

  #heard(member: Member, news: Exclude<News, 'waiting'>): void {
    member.heardAt = performance.now();
    if (news === 'alive') return;
    if (news === 'reloaded') return member.reloaded?.();
    member.ready = 'event' in news;
    for (const socket of member.ready ? this.#waiting.splice(0) : []) this.handOut(socket);
    this.#hear?.(news);
  }

  /** The watchdog of systemd would end all of us for one that hangs. */
  #endSilent(ms: number): void {
    for (const { worker, ready, heardAt } of this.#members) {
      if (!ready || performance.now() - heardAt < ms) continue;
      this.#log.error({ worker: worker.process.pid, ms }, 'worker hangs');
      worker.process.kill('SIGKILL');
    }
  }

  #replace(failures: number, lead: boolean): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#fork(failures + 1, lead);
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
