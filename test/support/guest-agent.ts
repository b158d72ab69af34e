import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface GuestAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs programs inside a virtual machine through QEMU's guest agent, which needs no network and no login.
 * https://qemu.readthedocs.io/en/latest/interop/qemu-ga-ref.html
 */
export class GuestAgent {
  readonly #socket: Socket;
  #text = '';
  #answered: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.setEncoding('utf8');
    this.#socket.on('error', () => undefined); // the machine is gone: who waits meets his own deadline
    this.#socket.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#answered?.();
    });
  }

  /** Waits until the agent runs, and what earlier callers left unread is gone. */
  async ready(deadline: number): Promise<void> {
    for (let id = Date.now() % 1_000_000; ; id += 1) {
      if (Date.now() > deadline) throw new Error('the guest agent does not answer');
      const answer = await this.#ask('guest-sync', { id }, 3000).catch(() => undefined);
      if (answer === id) return;
    }
  }

  async run(argv: readonly string[], input: string, deadline: number): Promise<GuestAnswer> {
    const [path, ...arg] = argv;
    const started = (await this.#ask('guest-exec', {
      path,
      arg,
      'input-data': Buffer.from(input).toString('base64'),
      'capture-output': true,
    })) as { readonly pid: number };
    for (;;) {
      const status = (await this.#ask('guest-exec-status', { pid: started.pid })) as ExecStatus;
      if (status.exited) {
        return {
          code: status.exitcode ?? -1,
          stdout: text(status['out-data']),
          stderr: text(status['err-data']),
        };
      }
      if (Date.now() > deadline) throw new Error(`${argv.join(' ')} does not end`);
      await sleep(100);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** One at a time: the agent answers in order, without saying what. */
  async #ask(execute: string, args: object, patience = 60_000): Promise<unknown> {
    const answer = this.#last.then(async () => this.#exchange(execute, args, patience));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #exchange(execute: string, args: object, patience: number): Promise<unknown> {
    this.#text = '';
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    for (const deadline = Date.now() + patience; Date.now() < deadline;) {
      const end = this.#text.indexOf('\n');
      if (end === -1) {
        await Promise.race([new Promise<void>((resolve) => (this.#answered = resolve)), sleep(200)]);
        continue;
      }
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      const { return: answer, error } = JSON.parse(line) as { return?: unknown; error?: { readonly desc: string } };
      if (error !== undefined) throw new Error(`${execute}: ${error.desc}`);
      return answer;
    }
    throw new Error(`${execute} was not answered`);
  }
}

interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly 'out-data'?: string;
  readonly 'err-data'?: string;
}

const text = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();
