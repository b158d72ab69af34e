import type { Worker } from 'node:cluster';
import { Socket } from 'node:net';
import type { News } from './tell.ts';

/** What a worker is told once, before anything else. */
export interface Orders {
  /** Where the supervisor listens. */
  readonly url: string;
  /** The one that does what is done once on a machine: jobs, the admin listener, the archive. */
  readonly lead: boolean;
  /** Numbers in the worker. */
  readonly descriptors: ReadonlyArray<readonly [name: string, descriptor: number]>;
  /** Milliseconds within which the supervisor wants a sign of life. */
  readonly watchdog: number | undefined;
}

type Message = { readonly begin: Orders } | 'connection' | 'stop';

/** How a worker is spoken to; what is told first arrives first. */
export const tellWorker = {
  begin: (worker: Worker, orders: Orders): void => void worker.send({ begin: orders } satisfies Message),
  /** Calls back with whether the worker has the connection now; if not, it is still ours. */
  connection: (worker: Worker, socket: Socket, told: (taken: boolean) => void): void => {
    try {
      worker.send('connection' satisfies Message, socket, (error) => told(error === null));
    } catch {
      told(false); // its channel is closed
    }
  },
  stop: (worker: Worker): void => void worker.send('stop' satisfies Message, () => undefined),
};

/** For workers. Asks for orders, as what is sent before somebody listens is lost. */
export async function ordersOfSupervisor(): Promise<Orders> {
  return new Promise((resolve) => {
    process.once('message', (message: Message) => {
      if (typeof message === 'object') resolve(message.begin);
    });
    process.send?.('waiting' satisfies News);
  });
}

/** For workers. A supervisor that stops says so behind its last connection, as a signal would overtake it. */
export function serveSupervisor(accept: (socket: Socket) => void): void {
  process.on('message', (message: Message, handle: unknown) => {
    if (message === 'stop') process.kill(process.pid, 'SIGTERM');
    if (message !== 'connection' || !(handle instanceof Socket)) return; // its client went meanwhile
    handle.allowHalfOpen = true;
    accept(handle);
  });
}
