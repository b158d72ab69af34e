import { open, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import type { ArchiveObservation } from './observations.ts';
import { measuresAt, pressureOf, type Pressure } from './pressure.ts';

export interface GuardInput {
  /** The spool; the ballast lies in it. */
  readonly directory: string;
  /** Called at each change, and again after a failure: hold back writes or drop WAL, or stop doing so. */
  readonly giveWay: (give: boolean) => Promise<void>;
}

/** Bytes: some segments, so that what is under way can end. */
const BALLAST = 64 * 1024 * 1024;
/** Milliseconds between looks: at 200 MB/s a disk of 20 GB goes from 5 percent to none in as many seconds. */
const EVERY = 5_000;

/** Watches the disk of the spool: says how full it is, frees the ballast first, and then lets the owner's choice give way. */
export class DiskGuard {
  readonly #input: GuardInput;
  readonly #ctx: JobContext<ArchiveObservation>;
  readonly #ballast: string;
  #level: Pressure = 'ok';
  /** Undefined: unknown, as a process before us may have given way. */
  #gaveWay: boolean | undefined;

  constructor(input: GuardInput, ctx: JobContext<ArchiveObservation>) {
    this.#input = input;
    this.#ctx = ctx;
    this.#ballast = path.join(input.directory, 'ballast');
  }

  get level(): Pressure {
    return this.#level;
  }

  async run(): Promise<void> {
    while (!this.#ctx.signal.aborted) {
      await this.look();
      await sleep(EVERY, this.#ctx.signal).catch(() => undefined);
    }
  }

  /** One look, and what follows from it. */
  async look(): Promise<void> {
    try {
      const { bavail, blocks, bsize } = await statfs(this.#input.directory);
      const free = bavail * bsize;
      const level = pressureOf({ free, total: blocks * bsize }, this.#level);
      if (level !== this.#level) this.#ctx.observe({ event: 'archive.disk.noted', id: level, bytes: free });
      this.#level = level;
      const { freeBallast, makeBallast, giveWay } = measuresAt(level, await this.#hasBallast());
      if (freeBallast) await rm(this.#ballast, { force: true });
      if (makeBallast && free > 4 * BALLAST) await this.#makeBallast();
      if (giveWay !== this.#gaveWay) {
        await this.#input.giveWay(giveWay);
        this.#gaveWay = giveWay;
      }
    } catch (error) {
      this.#ctx.observe({ event: 'archive.start.failed', id: 'disk', code: 'DISK_FULL', reason: messageOf(error) });
    }
  }

  async #hasBallast(): Promise<boolean> {
    return stat(this.#ballast).then(
      () => true,
      () => false,
    );
  }

  async #makeBallast(): Promise<void> {
    const fresh = `${this.#ballast}.new`;
    const handle = await open(fresh, 'w', 0o600);
    try {
      // Written, not only claimed: a sparse file would free nothing.
      const piece = Buffer.alloc(1024 * 1024, 1);
      for (let done = 0; done < BALLAST; done += piece.length) await handle.write(piece);
      await rename(fresh, this.#ballast);
    } finally {
      await handle.close();
      await rm(fresh, { force: true });
    }
  }
}
