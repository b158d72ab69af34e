import { messageOf } from '../../../foundation/core/errors.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import type { Pool } from '../../../foundation/postgres/pool.ts';
import {
  claimMailJob,
  deleteMailJob,
  insertMailJob,
  MAX_ATTEMPTS,
  type MailJob,
  type NewMailJob,
} from '../store/mail-jobs.ts';
import type { Tx } from '../store/rows.ts';
import type { LetterKind, LetterVariables, LetterWriter } from './letter.ts';
import type { Transport } from './transport.ts';

/** A letter that is ready to be written. */
export interface Addressed {
  readonly kind: LetterKind;
  readonly to: string;
  readonly variables: LetterVariables;
}

export interface PostOffice {
  /** False when there is nobody to deliver: addresses are then confirmed at once. */
  readonly available: boolean;
  /** Keeps the job in the transaction of what it is about: a letter goes out if and only if that commits. */
  post(tx: Tx, job: NewMailJob): Promise<void>;
  /** Something was committed that may hold a job. */
  wake(): void;
  /**
   * Sends a letter at once, and checks the owner's templates. Rejects with what the mail server said.
   *
   * @returns what is wrong with templates, one sentence each
   */
  test(to: string): Promise<string[]>;
  /** Waits for the letters under way. */
  stop(): Promise<void>;
}

/** Used while nothing is set up to deliver mail. */
export const NO_MAIL: PostOffice = {
  available: false,
  post: async () => undefined,
  wake: () => undefined,
  test: async () => {
    throw new Error('no mail server is set: mail.smtpHost');
  },
  stop: async () => undefined,
};

export interface PostOfficeParts {
  readonly database: Pool;
  readonly now: () => number;
  readonly writer: LetterWriter;
  readonly transport: Transport;
  /** Looks up whom a job is about and makes its codes, within a transaction. Empty: there is nobody to write to. */
  readonly prepare: (tx: Tx, job: MailJob) => Promise<readonly Addressed[]>;
  readonly report: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Milliseconds after which jobs are looked for unasked: those that another process took and could not deliver. */
const POLL = 2_000;
/** Letters that one process has under way at once. */
const LANES = 2;

/**
 * Writes and delivers letters beside the requests that ask for them, so that an answer never tells by its time whether
 * there was anybody to write to. Jobs lie in the database: any process may do them, and one that dies loses none.
 */
export function startPostOffice(parts: PostOfficeParts): PostOffice {
  const stopping = new AbortController();
  let bell = new AbortController();
  let told: string | undefined;
  // Once for each reason: a database that is away for an hour is one piece of news.
  const tell = (reason: string | undefined): void => {
    if (reason !== undefined && reason !== told) parts.report('mail queue cannot be read', { reason });
    told = reason;
  };
  const lane = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { signal } = bell;
      const worked = await deliverNext(parts).then(
        (delivered) => {
          tell(undefined);
          return delivered;
        },
        (error: unknown) => {
          tell(messageOf(error));
          return false;
        },
      );
      if (!worked) await sleep(POLL, AbortSignal.any([stopping.signal, signal])).catch(() => undefined);
    }
  };
  const lanes = Array.from({ length: LANES }, lane);
  return {
    available: true,
    post: (tx, job) => insertMailJob(tx, job, parts.now()),
    wake: () => {
      bell.abort();
      bell = new AbortController();
    },
    test: async (to) => {
      await parts.transport.send({ ...TEST_LETTER, to });
      return (await parts.writer.check()).map(({ problem }) => problem);
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(lanes);
      parts.transport.close();
    },
  };
}

const TEST_LETTER = {
  kind: 'test',
  subject: 'Vectabase can send mail',
  html: '<p>This is a test. Letters of your project leave as this one did.</p>',
  text: 'This is a test. Letters of your project leave as this one did.\n',
} as const;

/** @returns false when no job was due */
async function deliverNext(parts: PostOfficeParts): Promise<boolean> {
  const { database, now, writer, transport, report } = parts;
  const claimed = await database.transaction(async (tx) => {
    const job = await claimMailJob(tx, now());
    return job && { job, letters: await tryToPrepare(tx, job, parts) };
  });
  if (!claimed) return false;
  const { job, letters } = claimed;
  try {
    for (const { kind, to, variables } of letters) {
      await transport.send({ kind, to, ...(await writer.write(kind, variables)) });
    }
  } catch (error) {
    const last = job.attempts >= MAX_ATTEMPTS;
    report(last ? 'mail given up' : 'mail not delivered', { ...describe(job), reason: messageOf(error).slice(0, 300) });
    if (!last) return true;
  }
  await database.transaction((tx) => deleteMailJob(tx, job.id));
  return true;
}

/** What cannot be prepared (a trigger of the owner's, for one) is told of and dropped: the next time would be no better. */
async function tryToPrepare(tx: Tx, job: MailJob, { prepare, report }: PostOfficeParts): Promise<readonly Addressed[]> {
  await tx.rows('savepoint prepare');
  try {
    return await prepare(tx, job);
  } catch (error) {
    await tx.rows('rollback to savepoint prepare');
    report('mail not prepared', { ...describe(job), cause: error });
    return [];
  }
}

function describe({ id, kind, attempts }: MailJob): Record<string, unknown> {
  return { job: id, kind, attempt: attempts };
}
