import { connect } from 'node:net';

/** Why nobody answers there; undefined when somebody does. */
export async function answers(host: string, port: number, ms = 3_000): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reason?: string): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(ms, () => end(`no answer in ${ms / 1000} s`));
    socket.once('connect', () => end());
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
