import { createHash } from 'node:crypto';
import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import { WalLog, type CatalogueAppender, type Mark } from './wal-log.ts';
import type { ArchiveObservation } from './observations.ts';
import type { Spool, Waiting } from './spool.ts';

export interface UploadInput {
  readonly spool: Spool;
  readonly store: ObjectStore;
  readonly catalogue: CatalogueAppender;
  /** Until it aborts, what waits is still brought there after the stop. */
  readonly lastWord?: AbortSignal;
}

/** How far the copy off this machine is behind. */
export interface UploadStatus {
  readonly waitingFiles: number;
  /** Sealed. */
  readonly waitingBytes: number;
  /** When the oldest was archived that is not there, or there and for too long in no catalogue. Milliseconds since the epoch. */
  readonly oldestAt: number | undefined;
  /** When something last arrived there. */
  readonly uploadedAt: number | undefined;
  /** Why the last attempt failed; undefined when it did not. */
  readonly failure: VectabaseError | undefined;
}

/** Milliseconds between attempts: doubled each time. A store that is back should not wait longer than a minute. */
const RETRY: readonly [first: number, last: number] = [1_000, 60_000];
/** Milliseconds, and files, after which the catalogue hears what arrived: a document each time, for good. */
const LOG_EVERY = 300_000;
const LOG_FILES = 64;

/**
 * Brings sealed WAL from the spool to a store, oldest first, for as long as it is not stopped. A file leaves the spool
 * when the store has it and the signed catalogue names it: killed in between, it is found again and compared.
 */
export class Uploader {
  readonly #input: UploadInput;
  readonly #ctx: JobContext<ArchiveObservation>;
  readonly #log: WalLog;
  readonly #arrived = new Map<string, Waiting>();
  readonly #retry: readonly [first: number, last: number];
  #wake: () => void = () => undefined;
  /** Ends the wait after a failure. */
  #tryNow: () => void = () => undefined;
  #status: { uploadedAt: number | undefined; failure: VectabaseError | undefined };
  #loggedAt: number;

  /** @param retry milliseconds between attempts, at first and at most */
  constructor(input: UploadInput, ctx: JobContext<ArchiveObservation>, retry = RETRY) {
    this.#input = input;
    this.#retry = retry;
    this.#ctx = ctx;
    this.#log = new WalLog(input.catalogue, input.spool.cluster.segmentBytes);
    this.#status = { uploadedAt: undefined, failure: undefined };
    this.#loggedAt = ctx.clock.now();
    input.spool.onKept((what) => {
      this.#wake();
      // What is lost for good is told at once; the store may be well for a document.
      if (what === 'dropped') this.#tryNow();
    });
    ctx.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  get status(): UploadStatus {
    const missing = this.#missing();
    const behind = [...missing, ...this.#untold()];
    return {
      ...this.#status,
      waitingFiles: missing.length,
      waitingBytes: missing.reduce((sum, { receipt }) => sum + receipt.sealedBytes, 0),
      oldestAt: behind.length === 0 ? undefined : Math.min(...behind.map(({ receipt }) => receipt.at)),
    };
  }

  /** There was a commit, not earlier than `time`, before this position. */
  mark(mark: Mark): void {
    this.#log.mark(mark);
  }

  /** Runs until the context's signal aborts, and then brings and tells what it still can. The next start finds the rest. */
  async run(): Promise<void> {
    await this.#loop();
    const { lastWord } = this.#input;
    if (lastWord) await this.#round(lastWord).catch(() => undefined);
    await this.#tellCatalogue().catch(() => undefined);
  }

  async #loop(): Promise<void> {
    const { signal } = this.#ctx;
    const [first, last] = this.#retry;
    let retry = first;
    while (!signal.aborted) {
      try {
        await this.#round();
        retry = first;
        this.#status.failure = undefined;
        await this.#rest();
      } catch (thrown) {
        if (signal.aborted) return;
        const failure = asVectabaseError(thrown);
        this.#status.failure = failure;
        const { code, message } = failure;
        this.#ctx.observe({ event: 'archive.upload.failed', id: 'wal', code, reason: message, retryMs: retry });
        const woken = new AbortController();
        this.#tryNow = () => woken.abort();
        await sleep(retry, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
        retry = Math.min(retry * 2, last);
      }
    }
  }

  /** Uploads all that waits and tells the catalogue, at once: before a stop, and for tests. */
  async drain(): Promise<void> {
    await this.#round();
    await this.#tellCatalogue();
  }

  async #round(signal = this.#ctx.signal): Promise<void> {
    await this.#log.gaps(this.#input.spool.gaps);
    for (let [next] = this.#missing(); next && !signal.aborted; [next] = this.#missing()) {
      await this.#upload(next, signal);
      if (this.#arrived.size >= LOG_FILES) await this.#tellCatalogue();
    }
    if (this.#sinceLogged() >= LOG_EVERY) await this.#tellCatalogue();
  }

  #missing(): Waiting[] {
    return this.#input.spool.waiting.filter(({ receipt }) => !this.#arrived.has(receipt.file));
  }

  /** What arrived and should long be in the catalogue: a restore would not believe it. */
  #untold(): Waiting[] {
    const due = this.#ctx.clock.now() - 2 * LOG_EVERY;
    return [...this.#arrived.values()].filter(({ receipt }) => receipt.at < due);
  }

  async #upload(next: Waiting, signal: AbortSignal): Promise<void> {
    const { store } = this.#input;
    const { clock } = this.#ctx;
    const { receipt, key } = next;
    const began = clock.now();
    // First, so that nothing that we made ever lies there without a signed word about its key.
    await this.#log.epoch(receipt);
    try {
      await store.put(key, next.path, { signal });
    } catch (error) {
      const failure = asVectabaseError(error);
      if (failure.code !== 'OBJECT_EXISTS') throw error;
      await this.#assertSame(next, failure, signal);
    }
    this.#arrived.set(receipt.file, next);
    this.#status.uploadedAt = clock.now();
    this.#ctx.observe({
      event: 'archive.upload.finished',
      id: receipt.file,
      bytes: receipt.sealedBytes,
      ms: clock.now() - began,
      waiting: this.#missing().length,
    });
  }

  /** It was put before we could note it; or it is another file, which must not be lost in silence. */
  async #assertSame({ receipt, key }: Waiting, cause: VectabaseError, signal: AbortSignal): Promise<void> {
    const hash = createHash('sha256');
    for await (const chunk of await this.#input.store.get(key, { signal })) hash.update(chunk as Buffer);
    if (hash.digest('hex') === receipt.sealedSha256) return;
    throw new VectabaseError('BACKUP_WAL_DIFFERS', {
      message: `${this.#input.store.url} holds another ${receipt.file} than the one that was archived here`,
      hint: [
        'Another machine archives to the same place, or this one was set back to an older state.',
        'Find out which is right; then give this one a place of its own and run vectabase backup create.',
      ].join('\n'),
      details: { file: receipt.file, store: this.#input.store.url },
      cause,
    });
  }

  async #tellCatalogue(): Promise<void> {
    const arrived = [...this.#arrived.values()];
    await this.#log.arrived(arrived.map(({ receipt }) => receipt));
    this.#loggedAt = this.#ctx.clock.now();
    for (const each of arrived) {
      await this.#input.spool.release(each);
      this.#arrived.delete(each.receipt.file);
    }
  }

  /** A clock that was set back must not keep the catalogue waiting until it is where it was. */
  #sinceLogged(): number {
    const since = this.#ctx.clock.now() - this.#loggedAt;
    return since < 0 ? LOG_EVERY : since;
  }

  /** Until there is something new, or the catalogue wants to hear. */
  async #rest(): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#missing().length > 0 || this.#ctx.signal.aborted) return;
    const due = Math.max(1_000, LOG_EVERY - this.#sinceLogged());
    await sleep(Math.min(due, LOG_EVERY), woken.signal).catch(() => undefined);
  }
}
