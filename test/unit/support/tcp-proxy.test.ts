import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from '../../support/tcp-proxy.ts';

describe('TcpProxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  const clients: Socket[] = [];
  beforeEach(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await TcpProxy.listen({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  });

  const open = async (): Promise<Socket> => {
    const client = connect(proxy.port, '127.0.0.1');
    clients.push(client);
    await once(client, 'connect');
    return client;
  };
  const echoed = async (client: Socket, text: string): Promise<string> => {
    client.write(text);
    const [data] = (await once(client, 'data')) as [Buffer];
    return data.toString();
  };

  it('passes bytes both ways and counts them', async () => {
    const client = await open();
    expect(await echoed(client, 'hello')).toBe('hello');
    expect([proxy.bytesToTarget, proxy.bytesFromTarget]).toEqual([5, 5]);
  });

  it('closes the one side when the other closes', async () => {
    const client = await open();
    await echoed(client, 'a');
    client.end();
    await once(client, 'close');
    expect(proxy.connections).toBe(0);
  });

  it('cuts with a reset and takes new connections', async () => {
    const client = await open();
    await echoed(client, 'a');
    proxy.cut();
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect(await echoed(await open(), 'again')).toBe('again');
  });

  it('refuses after a cut until resumed', async () => {
    proxy.cut({ refuse: true });
    // The reset may come before or after the connection counts as made.
    const refused = open().then(async (client) => echoed(client, 'lost'));
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/) as string });
    proxy.resume();
    expect(await echoed(await open(), 'again')).toBe('again');
  });

  it('cuts after a number of bytes', async () => {
    const client = await open();
    proxy.cutAfter(8);
    expect(await echoed(client, 'abc')).toBe('abc');
    client.write('defgh');
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('holds everything back while stalled, and loses nothing', async () => {
    const client = await open();
    proxy.stall();
    client.write('one ');
    client.write('two');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(proxy.bytesToTarget).toBe(0);
    proxy.resume();
    let seen = '';
    while (seen.length < 7) seen += String(((await once(client, 'data')) as [Buffer])[0]);
    expect(seen).toBe('one two');
  });
});
