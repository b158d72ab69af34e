/** A request made no progress for too long. */
export class OutOfPatience extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
  }
}

/** Slower than this a link is taken for dead while a part is sent: 25 kB/s. */
const LEAST_BYTES_PER_MS = 25;

/**
 * `fetch` that gives up when nothing happens: no answer in time (more for a larger body), or no more of it while
 * somebody waits for more. A limit on the whole would end a large download that goes on well.
 *
 * @param patience milliseconds
 * @param headers sent besides those of the caller
 */
export function withPatience(
  patience: number,
  signal: AbortSignal | undefined,
  headers: Readonly<Record<string, string>>,
): typeof fetch {
  return async (input, init = {}) => {
    const stop = new AbortController();
    const within = async <T>(milliseconds: number, work: Promise<T>): Promise<T> => {
      const timer = setTimeout(() => stop.abort(new OutOfPatience(milliseconds)), milliseconds);
      return work.finally(() => clearTimeout(timer));
    };
    const bytes = init.body instanceof Uint8Array ? init.body.byteLength : 0;
    const request = fetch(input, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), ...headers },
      signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    });
    const answer = await within(patience + bytes / LEAST_BYTES_PER_MS, request);
    if (!answer.body) return answer;
    const reader = answer.body.getReader();
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          const { done, value } = await within(patience, reader.read());
          if (done) sink.close();
          else sink.enqueue(value);
        },
        cancel: async (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    const { status, statusText } = answer;
    return new Response(body, { status, statusText, headers: answer.headers });
  };
}

/** Notices that the other side answers nothing while anybody waits for it. */
export class IdleTimer {
  readonly #patience: number;
  readonly #silent: (error: OutOfPatience) => void;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param patience milliseconds */
  constructor(patience: number, silent: (error: OutOfPatience) => void) {
    this.#patience = patience;
    this.#silent = silent;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#timer ??= this.#begin();
    try {
      return await work;
    } finally {
      clearTimeout(this.#timer);
      this.#timer = --this.#waiting === 0 ? undefined : this.#begin();
    }
  }

  #begin(): NodeJS.Timeout {
    return setTimeout(() => this.#silent(new OutOfPatience(this.#patience)), this.#patience);
  }
}
