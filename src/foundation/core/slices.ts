import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work after which others get a turn. */
const SLICE = 5;

/** Long work in short pieces: other requests are served between them. */
export class Slices {
  #began = performance.now();

  /** Gives way when the piece has become long. To be called often: it costs less than a microsecond. */
  async pause(): Promise<void> {
    if (performance.now() - this.#began < SLICE) return;
    await setImmediate();
    this.#began = performance.now();
  }

  /** `Array.map`, in pieces. */
  async map<T, R>(items: readonly T[], make: (item: T) => R): Promise<R[]> {
    const made: R[] = [];
    for (const item of items) {
      made.push(make(item));
      if (performance.now() - this.#began >= SLICE) await this.pause();
    }
    return made;
  }
}
