import { VectabaseError } from '../core/errors.ts';
import type { DatabaseAddress } from './address.ts';
import { Session } from './session.ts';
import { inTransaction } from './transaction.ts';
import type { Answers, BatchOptions, Bound } from './wire/wire.ts';

export interface PoolOptions {
  readonly size: number;
  readonly applicationName: string;
  /** Milliseconds that a caller waits for a free connection. */
  readonly patience?: number;
  /** A query of one text that a connection is asked once, when it is first needed. */
  readonly greeting?: string;
}

export type End = 'commit' | 'rollback';
export type TextRow = ReadonlyArray<string | null>;

/** One transaction: everything is written at once, so it costs one round trip. */
export interface Work extends BatchOptions {
  /** `begin`, or `begin read only`. Left out, the batch itself is the transaction, which is cheaper. */
  readonly begin?: string | undefined;
  /** Or what makes them of the answer to the greeting of the connection that they will run on. */
  readonly statements: readonly Bound[] | ((greeting: string) => readonly Bound[]);
  /** A function looks at the results first; then the end costs a second round trip. */
  readonly end: End | ((results: Answers['results']) => End);
}

/** What runs work: the pool, or one transaction of it. */
export type Sender = Pick<Pool, 'send'>;

/** Whoever waits for the answer, and may leave before it comes. */
export interface Caller {
  gone: boolean;
  /** Called when they leave. */
  onGone: (() => void) | undefined;
}

/** All connections are busy and stayed so for the caller's patience. */
export class PoolTimeout extends Error {}
/** Nobody waits for the answer any more. */
export class CallerGone extends Error {}

const PATIENCE = 10_000;
const LIFETIME = 30 * 60_000;
/** After a failed connection, callers are refused at once for this long: doubled each time, up to the last. */
const BACKOFF = [100, 200, 400, 800, 1_600, 3_000];

interface Member {
  readonly session: Session;
  readonly bornAt: number;
  greeting?: string;
}

interface Waiter {
  readonly resolve: (member: Member) => void;
  readonly reject: (error: unknown) => void;
}

/** A few pipelined connections, lent for one transaction each. */
export class Pool {
  readonly #address: DatabaseAddress;
  readonly #options: PoolOptions;
  readonly #idle: Member[] = [];
  readonly #all = new Set<Member>();
  readonly #waiting: Waiter[] = [];
  #opening = 0;
  #failures = 0;
  #closed = false;
  #refuse: { until: number; reason: unknown } | undefined;

  constructor(address: DatabaseAddress, options: PoolOptions) {
    this.#address = address;
    this.#options = options;
  }

  /**
   * Runs the statements in one transaction, and gives their rows in order.
   *
   * @throws PoolTimeout; VectabaseError DATABASE_UNREACHABLE; the first error that Postgres raised
   */
  async run(work: Work): Promise<TextRow[][]> {
    const { results } = await this.send(work);
    return results.map((rows) => rows.map((row) => row.map((cell) => cell && cell.toString())));
  }

  /** As `run`, for rows in bytes. A caller that leaves takes its statements with it. */
  async send(work: Work, caller?: Caller): Promise<Answers> {
    const member = await this.#acquire();
    const { session } = member;
    if (caller) {
      if (caller.gone) {
        this.#release(member, false);
        throw new CallerGone('the caller has gone');
      }
      caller.onGone = () => session.cancel();
    }
    const release = (): void => {
      if (caller) caller.onGone = undefined;
      // A cancel request may arrive late, and would then hit whoever has the connection next.
      this.#release(member, caller?.gone === true);
    };
    let answers: Answers | undefined;
    try {
      answers = await perform(session, { ...work, statements: await this.#statements(member, work) });
      answers.large?.stream.once('close', release);
      return answers;
    } finally {
      if (!answers?.large) release();
    }
  }

  /**
   * Lends one connection between BEGIN and COMMIT, for work whose next statement depends on the answer to the last.
   * What `body` throws rolls back and is rethrown.
   *
   * @throws PoolTimeout; VectabaseError DATABASE_UNREACHABLE
   */
  async transaction<T>(body: (session: Session) => Promise<T>): Promise<T> {
    const member = await this.#acquire();
    try {
      return await inTransaction(member.session, () => body(member.session));
    } finally {
      this.#release(member, false);
    }
  }

  /**
   * Lends one transaction for several pieces of work, one after the other; each has a savepoint of its own, and its end
   * is that of the savepoint. What `body` throws rolls all of it back and is rethrown.
   *
   * @throws PoolTimeout; VectabaseError DATABASE_UNREACHABLE; what Postgres raises at the commit
   */
  async together<T>(body: (sender: Sender) => Promise<T>, caller?: Caller): Promise<T> {
    const member = await this.#acquire();
    const { session, greeting } = member;
    if (caller) caller.onGone = () => session.cancel();
    try {
      return await inTransaction(session, async () => {
        if (caller?.gone) throw new CallerGone('the caller has gone');
        const send = async (work: Work): Promise<Answers> =>
          within(session, { ...work, statements: await this.#statements(member, work) });
        return body({ send });
      });
    } catch (error) {
      // A greeting that was first said in here is forgotten by the server with the rollback.
      if (greeting === undefined) delete member.greeting;
      throw error;
    } finally {
      if (caller) caller.onGone = undefined;
      this.#release(member, caller?.gone === true);
    }
  }

  async #statements(member: Member, { statements }: Work): Promise<readonly Bound[]> {
    if (typeof statements !== 'function') return statements;
    const { greeting: text = "select ''" } = this.#options;
    const ask = async (): Promise<string> => {
      const { results } = await member.session.batch([{ text, values: [] }]);
      return results[0]?.[0]?.[0]?.toString() ?? '';
    };
    return statements((member.greeting ??= await ask()));
  }

  /** Waits for nothing: callers that hold a connection lose it. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(new PoolTimeout('the pool is closed'));
    await Promise.all([...this.#all].map(({ session }) => session.close()));
  }

  async #acquire(): Promise<Member> {
    for (let member = this.#idle.pop(); member; member = this.#idle.pop()) {
      if (member.session.lost === undefined) return member;
      this.#all.delete(member);
    }
    if (this.#closed) throw new PoolTimeout('the pool is closed');
    if (this.#refuse && Date.now() < this.#refuse.until) throw this.#refuse.reason;
    if (this.#all.size + this.#opening < this.#options.size) return this.#open();
    return this.#wait();
  }

  async #open(): Promise<Member> {
    this.#opening++;
    try {
      const { applicationName } = this.#options;
      const session = await Session.open(this.#address, { applicationName, connectTimeout: 5_000 });
      const member = { session, bornAt: Date.now() };
      session.onLost(() => this.#forget(member));
      this.#all.add(member);
      this.#failures = 0;
      this.#refuse = undefined;
      if (this.#closed) await session.close();
      return member;
    } catch (reason) {
      const pause = BACKOFF[Math.min(this.#failures++, BACKOFF.length - 1)] ?? 0;
      this.#refuse = { until: Date.now() + pause, reason };
      if (this.#all.size === 0) for (const waiter of this.#waiting.splice(0)) waiter.reject(reason);
      throw reason;
    } finally {
      this.#opening--;
    }
  }

  async #wait(): Promise<Member> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (member) => {
          clearTimeout(timer);
          resolve(member);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new PoolTimeout('no connection became free'));
      }, this.#options.patience ?? PATIENCE);
      this.#waiting.push(waiter);
    });
  }

  #release(member: Member, spoilt: boolean): void {
    const { session, bornAt } = member;
    const worn = spoilt || session.lost !== undefined || session.inTransaction || Date.now() - bornAt > LIFETIME;
    if (worn || this.#closed) {
      this.#all.delete(member);
      if (session.lost === undefined) void session.close();
      this.#serveNextWithNew();
      return;
    }
    const next = this.#waiting.shift();
    if (next) next.resolve(member);
    else this.#idle.push(member);
  }

  #forget(member: Member): void {
    this.#all.delete(member);
    const at = this.#idle.indexOf(member);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #serveNextWithNew(): void {
    const next = this.#closed ? undefined : this.#waiting.shift();
    if (next) this.#open().then(next.resolve, next.reject);
  }
}

async function perform(
  session: Session,
  { begin, statements, end, ...options }: Work & { readonly statements: readonly Bound[] },
): Promise<Answers> {
  const opened = begin ?? (end === 'commit' ? undefined : 'begin');
  if (opened === undefined) return session.batch(statements, options);
  const known = typeof end === 'string' ? [plain(end)] : [];
  try {
    const { results, large } = await session.batch([plain(opened), ...statements, ...known], options);
    const own = results.slice(1, 1 + statements.length);
    if (typeof end !== 'string') await session.batch([plain(end(own))]);
    return { results: own, large };
  } catch (error) {
    if (session.inTransaction && session.lost === undefined) {
      await session.batch([plain('rollback')]).catch(() => undefined);
    }
    throw error;
  }
}

/** As `perform`, between two statements of a transaction that is open. */
async function within(
  session: Session,
  { statements, end, epoch }: Work & { readonly statements: readonly Bound[] },
): Promise<Answers> {
  const options = epoch === undefined ? {} : { epoch };
  const { results } = await session
    .batch([plain('savepoint work'), ...statements], options)
    .catch(async (error: unknown) => {
      // Whoever tries again finds the transaction as it was.
      await session
        .batch([plain('rollback to savepoint work'), plain('release savepoint work')])
        .catch(() => undefined);
      throw error;
    });
  const own = results.slice(1);
  const kept = (typeof end === 'string' ? end : end(own)) === 'commit';
  await session.batch([...(kept ? [] : [plain('rollback to savepoint work')]), plain('release savepoint work')]);
  return { results: own, large: undefined };
}

function plain(text: string): Bound {
  return { text, values: [] };
}

/** True when the trouble is the way to the database, not the request. */
export function isPoolTrouble(error: unknown): boolean {
  return error instanceof PoolTimeout || (error instanceof VectabaseError && error.code === 'DATABASE_UNREACHABLE');
}
