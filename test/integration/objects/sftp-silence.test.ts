import { createHash, generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sftpStore } from '../../../src/foundation/objects/sftp-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';

const signal = new AbortController().signal;
const SIZE = 128 * 1024;
/** Milliseconds; a login takes some hundred of them on a slow machine. */
const PATIENCE = 2_000;

/** An SSH server that goes on answering keepalives, while what serves its files hangs. */
describe('an SFTP server that answers no more', () => {
  let server: ssh2.Server;
  let store: ObjectStore;
  let connections: number;
  /** Requests that are still answered. */
  let answers: number;

  beforeEach(async () => {
    connections = 0;
    answers = Infinity;
    const host = ssh2.utils.generateKeyPairSync('ed25519');
    server = new ssh2.Server({ hostKeys: [host.private] }, (connection) => {
      connections++;
      connection.on('error', () => undefined);
      connection.on('authentication', (asked) => asked.accept());
      connection.on('session', (accept) => {
        accept().on('sftp', (acceptSftp) => {
          if (answers-- > 0) serve(acceptSftp());
        });
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const hostKey = ssh2.utils.parseKey(host.public);
    if (hostKey instanceof Error) throw hostKey;
    const blob = Array.isArray(hostKey) ? hostKey[0] : hostKey;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    store = sftpStore({
      host: '127.0.0.1',
      port: (server.address() as unknown as AddressInfo).port,
      user: 'keeper',
      directory: '/store',
      hostKey: `SHA256:${createHash('sha256').update(blob.getPublicSSH()).digest('base64').replace(/=+$/, '')}`,
      privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      patience: PATIENCE,
    });
  });
  afterEach(async () => {
    await store.close();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });

  /** A directory in which every file holds `SIZE` zeros, and nothing else happens. */
  function serve(sftp: ssh2.SFTPWrapper): void {
    const { STATUS_CODE } = ssh2.utils.sftp;
    const handle = Buffer.from('1');
    const file = { mode: 0o100600, uid: 0, gid: 0, size: SIZE, atime: 0, mtime: 0 };
    const answer = (say: () => unknown): void => {
      if (answers-- > 0) say();
    };
    sftp.on('OPEN', (id) => answer(() => sftp.handle(id, handle)));
    sftp.on('FSTAT', (id) => answer(() => sftp.attrs(id, file)));
    sftp.on('STAT', (id) => answer(() => sftp.attrs(id, file)));
    sftp.on('READ', (id, _handle, offset, length) =>
      answer(() =>
        offset >= file.size
          ? sftp.status(id, STATUS_CODE.EOF)
          : sftp.data(id, Buffer.alloc(Math.min(length, 32_768, SIZE - offset))),
      ),
    );
    sftp.on('CLOSE', (id) => answer(() => sftp.status(id, STATUS_CODE.OK)));
  }

  const silent = { code: 'STORE_UNREACHABLE', message: expect.stringContaining('no answer within 2 s') as string };

  test('to a request', async () => {
    expect(await store.stat('1/x')).toMatchObject({ bytes: SIZE });
    answers = 0;
    await expect(store.stat('1/x')).rejects.toMatchObject(silent);
    await expect(store.put('1/x', Buffer.from('x'), { signal })).rejects.toMatchObject(silent);
  });

  test('in the middle of an object', async () => {
    expect(await buffer(await store.get('1/x', { signal }))).toHaveLength(SIZE);
    answers = 3;
    await expect(store.get('1/x', { signal }).then(buffer)).rejects.toMatchObject(silent);
  });

  test('to the first word after the login', async () => {
    answers = 0;
    await expect(store.stat('1/x')).rejects.toMatchObject(silent);
  });

  test('is asked again over a new connection', async () => {
    answers = 1;
    await expect(store.stat('1/x')).rejects.toMatchObject(silent);
    answers = Infinity;
    await store.stat('1/x');
    expect(connections).toBe(2);
  });
});
