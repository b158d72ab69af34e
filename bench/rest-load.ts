/**
 * A client as light as can be, in a process of its own: prepared bytes over keep-alive connections, answers only
 * measured. Reads one JSON job a line, answers one JSON line each.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { CASES } from './rest-cases.ts';

export interface Job {
  readonly at: number;
  readonly port: number;
  /** `case`: the case's own URL below `prefix`; `number`: `/CASE/N`, as the floor knows it. */
  readonly style: 'case' | 'number';
  readonly prefix: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second; as fast as it goes when left out. */
  readonly rate?: number;
}

export interface Load {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly failures: number;
}

let counter = 0;

async function run(job: Job): Promise<Load> {
  const times: number[] = [];
  let failures = 0;
  const start = performance.now();
  const end = start + job.seconds * 1000;
  const pause = job.rate === undefined ? 0 : (1000 * job.connections) / job.rate;
  await Promise.all(
    Array.from({ length: job.connections }, async (_, at) => {
      const connection = await Connection.open(job.port);
      for (let due = start + (pause * at) / job.connections; performance.now() < end; due += pause) {
        if (pause > 0) await until(due);
        // Waiting for a late answer counts: the next request was due meanwhile.
        const from = pause > 0 ? due : performance.now();
        const status = await connection.ask(requestBytes(job, counter++));
        if (status >= 300) failures++;
        times.push(performance.now() - from);
      }
      connection.close();
    }),
  );
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number => Number((sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2));
  return { perSecond: times.length / ((performance.now() - start) / 1000), p50: at(0.5), p99: at(0.99), failures };
}

function requestBytes({ at, style, prefix, headers }: Job, n: number): string {
  const each = CASES[at];
  if (!each) throw new Error('no such case');
  const body = each.body?.(n);
  const target = style === 'case' ? prefix + each.target(n) : `/${at}/${n}`;
  const lines = [`${each.method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: keep-alive'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

async function until(due: number): Promise<void> {
  const left = due - performance.now();
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
}

/** One request at a time; reads just enough of an answer to know where it ends. */
class Connection {
  readonly #socket: Socket;
  #answered: ((status: number) => void) | undefined;
  #status = 0;
  #left = 0;
  #head = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#answered?.(599));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Connection(socket);
  }

  async ask(bytes: string): Promise<number> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#left > 0) {
      this.#left -= chunk.length;
    } else {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#status = Number(this.#head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end + 2))?.[1];
      this.#left = Number(length ?? 0) - (this.#head.length - end - 4);
      this.#head = '';
    }
    if (this.#left <= 0) this.#answered?.(this.#status);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const load = await run(JSON.parse(line) as Job);
  process.stdout.write(`${JSON.stringify(load)}\n`);
}
