import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pipeline, Transform, type TransformCallback } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

export interface ProxyOptions {
  /** For each direction of each connection. */
  readonly bytesPerSecond?: number;
}

/** A link to a server that a test can cut, stall or slow down. Listens on a free port of the loopback. */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: ProxyTarget;
  readonly #options: ProxyOptions;
  readonly #links = new Map<Socket, Socket>();
  #gate: Gate = openGate();
  #refusing = false;
  #cutAt = Infinity;
  /** Bytes that came from the target so far, over all connections. */
  bytesFromTarget = 0;
  /** Bytes that went to the target so far, over all connections. */
  bytesToTarget = 0;

  private constructor(target: ProxyTarget, options: ProxyOptions) {
    this.#target = target;
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#accept(client));
  }

  static async listen(target: ProxyTarget, options: ProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Resets every connection at once, as a router that restarts. New ones are taken, unless `refuse` is set. */
  cut(options: { refuse?: boolean } = {}): void {
    this.#refusing = options.refuse ?? false;
    this.#cutAt = Infinity;
    for (const [client, upstream] of this.#links) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    this.#links.clear();
  }

  /** Cuts by itself once so many more bytes have passed in both directions together: in mid-message, most likely. */
  cutAfter(bytes: number): void {
    this.#cutAt = this.bytesFromTarget + this.bytesToTarget + bytes;
  }

  /** Keeps connections open and passes nothing: a silent peer. */
  stall(): void {
    if (this.#gate.open) this.#gate = closedGate();
  }

  /** Undoes `stall` and the refusal of `cut`. */
  resume(): void {
    this.#refusing = false;
    this.#gate.release();
    this.#gate = openGate();
  }

  async close(): Promise<void> {
    this.cut();
    this.resume();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...this.#target, noDelay: true });
    client.setNoDelay(true);
    this.#links.set(client, upstream);
    const forget = (): void => {
      this.#links.delete(client);
      client.destroy();
      upstream.destroy();
    };
    const pass = (count: (bytes: number) => void): Transform =>
      new Transform({ transform: (chunk: Buffer, _, done) => void this.#pass(chunk, count, done) });
    pipeline(
      client,
      pass((bytes) => (this.bytesToTarget += bytes)),
      upstream,
      forget,
    );
    pipeline(
      upstream,
      pass((bytes) => (this.bytesFromTarget += bytes)),
      client,
      forget,
    );
  }

  async #pass(chunk: Buffer, count: (bytes: number) => void, done: TransformCallback): Promise<void> {
    await this.#gate.passed;
    const { bytesPerSecond } = this.#options;
    if (bytesPerSecond !== undefined) await sleep((chunk.length / bytesPerSecond) * 1000);
    count(chunk.length);
    if (this.bytesFromTarget + this.bytesToTarget >= this.#cutAt) this.cut();
    else done(null, chunk);
  }
}

interface Gate {
  readonly open: boolean;
  readonly passed: Promise<void>;
  release(): void;
}

function openGate(): Gate {
  return { open: true, passed: Promise.resolve(), release: () => undefined };
}

function closedGate(): Gate {
  let release = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { open: false, passed, release };
}
