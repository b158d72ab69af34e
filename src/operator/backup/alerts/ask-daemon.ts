import { request } from 'node:http';

/**
 * What the daemon answers on its admin socket.
 *
 * @throws Error as of `node:http` when nobody does
 */
export async function askDaemon(
  socketPath: string,
  { method, path, timeout }: { readonly method: 'GET' | 'POST'; readonly path: string; readonly timeout: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method, timeout }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body)).on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${timeout / 1_000} s`)));
    asked.on('error', reject).end();
  });
}
