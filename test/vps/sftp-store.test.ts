import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/foundation/process/port.ts';
import type { SftpPlace } from '../../src/foundation/objects/sftp-link.ts';
import { sftpStore } from '../../src/foundation/objects/sftp-store.ts';
import { holdStoreContract, keysOf } from '../support/store-contract.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { TrixieTree } from '../support/trixie-tree.ts';

const signal = new AbortController().signal;
const MB = 1024 * 1024;

/** Debian's sshd in a booted tree, reached from outside of it. */
describe('a directory on an SSH server', { timeout: 60_000 }, () => {
  let tree: TrixieTree;
  let place: SftpPlace;
  let proxy: TcpProxy;

  beforeAll(async () => {
    tree = await TrixieTree.boot({ kind: 'bare' });
    const port = await freePort();
    const sh = async (script: string): Promise<string> => (await tree.run(['sh', '-ec', script])).stdout.trim();
    await sh(`mkdir -p /etc/ssh/sshd_config.d
      printf 'Port ${port}\\nListenAddress 127.0.0.1\\n' > /etc/ssh/sshd_config.d/test.conf
      apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qqy install openssh-server
      useradd --create-home keeper
      mkdir -m 700 /home/keeper/.ssh && ssh-keygen -q -t ed25519 -N '' -f /scratch/login
      cp /scratch/login.pub /home/keeper/.ssh/authorized_keys && chown -R keeper /home/keeper/.ssh
      mkdir /srv/full && mount -t tmpfs -o size=1m,uid=$(id -u keeper) tmpfs /srv/full
      mkdir -m 755 /srv/closed
      systemctl restart ssh`);
    place = {
      host: '127.0.0.1',
      port,
      user: 'keeper',
      directory: '/home/keeper/backups',
      hostKey: (await sh('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1] ?? '',
      privateKey: await sh('cat /scratch/login'),
    };
    proxy = await TcpProxy.listen({ host: '127.0.0.1', port });
  });
  afterAll(async () => {
    await proxy.close();
    await tree.stop();
  });

  holdStoreContract(() => sftpStore(place));

  test('takes a large file, which nobody else there can read', async () => {
    const store = sftpStore({ ...place, directory: 'relative/to/home' });
    const content = randomBytes(20 * MB + 3);
    const file = path.join(tree.scratch, 'large');
    await writeFile(file, content);
    await store.put('1/large', file, { signal });
    expect(hashOf(await buffer(await store.get('1/large', { signal })))).toBe(hashOf(content));
    const { stdout } = await tree.run(['stat', '-c', '%a %s', '/home/keeper/relative/to/home/1/large']);
    expect(stdout.trim()).toBe(`600 ${content.length}`);
    await store.close();
  });

  test('lets one of several writers win, and never writes over an object', async () => {
    const stores = [1, 2, 3].map(() => sftpStore({ ...place, directory: '/home/keeper/race' }));
    const outcomes = await Promise.allSettled(
      stores.map(async (store, n) => store.put('1/x', Buffer.from(`writer ${n}`), { signal })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(reasons).toEqual(reasons.map(() => expect.objectContaining({ code: 'OBJECT_EXISTS' }) as unknown));
    const { stdout } = await tree.run(['ls', '-A', '/home/keeper/race/1']);
    expect(stdout).toBe('x\n');
    await Promise.all(stores.map(async (store) => store.close()));
  });

  test('with another host key than the pinned one is refused before anything is said', async () => {
    const store = sftpStore({ ...place, hostKey: `SHA256:${'A'.repeat(43)}` });
    await expect(store.stat('1/x')).rejects.toMatchObject({ code: 'STORE_REFUSED', exitCode: 4 });
    await store.close();
  });

  test.each([
    ['that does not know us', { user: 'root' }, 'STORE_REFUSED'],
    ['where we may not write', { directory: '/srv/closed' }, 'STORE_REFUSED'],
    ['that is full', { directory: '/srv/full' }, 'DISK_FULL'],
    ['that is not there', { port: 1 }, 'STORE_UNREACHABLE'],
  ])('%s says so', async (_what, changed, code) => {
    const store = sftpStore({ ...place, ...changed });
    await expect(store.put('1/x', randomBytes(2 * MB), { signal })).rejects.toMatchObject({ code });
    await store.close();
  });

  test('goes on over a new connection when the old one was cut', async () => {
    const store = sftpStore({ ...place, port: proxy.port, directory: '/home/keeper/cut' });
    await store.put('1/a', randomBytes(MB), { signal });
    proxy.cut();
    await store.put('1/b', randomBytes(MB), { signal });
    proxy.cutAfter(MB);
    await store.put('1/c', randomBytes(4 * MB), { signal });
    expect(await keysOf(store, '')).toEqual(['1/a', '1/b', '1/c']);
    const stream = await store.get('1/c', { signal });
    proxy.cutAfter(MB);
    await expect(buffer(stream)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await store.close();
  });

  test('that falls silent is given up on', async () => {
    const store = sftpStore({ ...place, port: proxy.port, patience: 600 });
    await store.stat('1/x');
    proxy.stall();
    await expect(store.stat('1/x')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    proxy.resume();
    await store.close();
  });
});

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
