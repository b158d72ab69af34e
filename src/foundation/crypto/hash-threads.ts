import { Worker } from 'node:worker_threads';
import type { HashCall } from './hash-worker.ts';
import { hashPasswordInPool, verifyPasswordInPool } from './password-hash.ts';

/** Threads of low priority that hash and check passwords, each one at a time. They start when first needed. */
export class HashThreads {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  #unable = false;

  async hash(password: string, cost: number): Promise<string> {
    return (await this.#ask({ password, cost })) as string;
  }

  async verify(stored: string, password: string): Promise<boolean> {
    return (await this.#ask({ stored, password })) as boolean;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map(async (thread) => thread.terminate()));
  }

  /** The caller sees to it that not too many come at once: each gets a thread. */
  async #ask(call: HashCall): Promise<string | boolean> {
    if (this.#unable) return inPool(call);
    const idle = this.#idle.pop();
    const thread = idle ?? this.#start();
    try {
      const answer = await answerOf(thread, call);
      this.#idle.push(thread);
      return answer;
    } catch (error) {
      this.#all.delete(thread);
      void thread.terminate();
      if (idle) throw error;
      // It never began: its code is closed to the user that this process has become since it started.
      this.#unable = true;
      return inPool(call);
    }
  }

  #start(): Worker {
    const thread = new Worker(new URL('./hash-worker.js', import.meta.url));
    thread.unref();
    this.#all.add(thread);
    return thread;
  }
}

async function inPool(call: HashCall): Promise<string | boolean> {
  return 'cost' in call
    ? hashPasswordInPool(call.password, call.cost)
    : verifyPasswordInPool(call.stored, call.password);
}

async function answerOf(thread: Worker, call: HashCall): Promise<string | boolean> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      thread.off('message', answered).off('error', failed).off('exit', ended);
    };
    const answered = (answer: string | boolean): void => {
      settle();
      resolve(answer);
    };
    const failed = (error: unknown): void => {
      settle();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const ended = (): void => failed(new Error('the thread that hashes ended'));
    thread.on('message', answered).on('error', failed).on('exit', ended);
    thread.postMessage(call, []);
  });
}
