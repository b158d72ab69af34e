import { request } from 'node:http';
import { expect, test } from 'vitest';
import { listen } from '../../../src/daemon/server.ts';

/** A handler whose answers wait until they are released. */
function slowHandler(): { handler: Parameters<typeof listen>[0]; arrived: Promise<void>; release: () => void } {
  let arrive: () => void;
  let release: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const held = new Promise<void>((resolve) => (release = resolve));
  return {
    arrived,
    release: () => release(),
    handler: (_request, response) => {
      arrive();
      void held.then(() => response.end('done'));
    },
  };
}

async function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { connection: 'keep-alive' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text)).on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

test('a drain lets the request under way finish and takes no other', async () => {
  const slow = slowHandler();
  const server = await listen(slow.handler, '127.0.0.1', 0);
  const under = get(server.url);
  await slow.arrived;
  const order: string[] = [];
  const drained = server.drain(60_000).then(() => order.push('drained'));
  await expect(get(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  order.push('released');
  slow.release();
  expect(await under).toBe('done');
  await drained;
  expect(order).toEqual(['released', 'drained']);
});

test('a request that does not finish is cut when the time is over', async () => {
  const slow = slowHandler();
  const server = await listen(slow.handler, '127.0.0.1', 0);
  const under = get(server.url).catch((error: unknown) => error);
  await slow.arrived;
  await server.drain(50);
  expect(await under).toMatchObject({ code: 'ECONNRESET' });
  slow.release();
});

test.each([
  ['0.0.0.0', /^http:\/\/127\.0\.0\.1:\d+$/],
  ['127.0.0.1', /^http:\/\/127\.0\.0\.1:\d+$/],
  ['::1', /^http:\/\/\[::1\]:\d+$/],
])('listening on %s it names an address to call', async (host, expected) => {
  const server = await listen((_request, response) => response.end('here'), host, 0);
  expect(server.url).toMatch(expected);
  expect(await get(server.url)).toBe('here');
  await server.drain(1_000);
});

test('an address of another machine is a mistake in the configuration', async () => {
  await expect(listen(() => undefined, '192.0.2.1', 0)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
