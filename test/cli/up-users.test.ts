import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDatabaseUrl } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { isRoot } from '../../src/foundation/process/service-user.ts';
import { canGiveUpRoot } from '../support/daemon.ts';
import { noProcessOf, up, type Command, type CommandOptions } from '../support/up.ts';

/** Debian's `nobody`: an ordinary user without a home. */
const NOBODY = { uid: 65_534, gid: 65_534 };
const AS_NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Whoever runs the tests proves their own case; root can prove all of them. */
describe.runIf(isRoot())('started by root', () => {
  let base: string;
  /** Of a copy that everybody may read: these tests may themselves lie below /root. */
  let bin: string;
  const asNobody = (): CommandOptions => ({ wrap: AS_NOBODY, bin });
  beforeAll(async () => {
    base = await realpath(await mkdtemp(path.join(tmpdir(), 'vt-users-')));
    await chmod(base, 0o755);
    bin = path.join(await cloneInto(base), 'bin', 'run.js');
  });
  afterAll(async () => {
    await noProcessOf(base);
    await rm(base, { recursive: true, force: true });
  });

  test('Postgres and the daemon run as the system user', async () => {
    const command = up(path.join(base, 'plain'));
    await works(command);
    const { postgresPid, daemonPid } = await runFile(path.join(base, 'plain'));
    expect([await userOf(postgresPid), await userOf(daemonPid)]).toEqual(['vectabase', 'vectabase']);
    expect(await command.stop()).toBe(0);
  });

  test('a directory that the system user cannot enter gets its cluster elsewhere, twice the same', async () => {
    const closed = path.join(base, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const dir = path.join(closed, 'shop');
    const first = up(dir);
    await works(first);
    const noted = first.lines.find((line) => line.event === 'up.cluster.noted');
    expect(noted?.id).toMatch(/^\/var\/lib\/vectabase\/clusters\/[0-9a-f]{16}$/);
    const home = String(noted?.id);
    expect(JSON.parse(await readFile(path.join(dir, 'cluster.json'), 'utf8'))).toEqual({ version: 1, home });
    expect(await first.stop()).toBe(0);

    const second = up(dir);
    await works(second);
    const changed = second.lines.filter((line) => line.event === 'up.step.finished' && line.changed === true);
    expect(changed.map((line) => line.id)).toEqual(['postgres', 'daemon']);
    expect(await second.stop()).toBe(0);

    await rm(home, { recursive: true });
    const third = up(dir); // an empty database in place of the lost one would look like lost data
    expect(await third.exited).toBe(5);
    expect(third.lines.at(-1)).toMatchObject({ error: { code: 'PRECONDITION_FAILED', details: { home } } });
  });

  describe('a clone', () => {
    let clone: string;
    let closed: string;
    const start = (options: CommandOptions = {}): Command =>
      up(path.join(base, 'of-clone'), [], { bin: path.join(clone, 'bin', 'run.js'), ...options });
    beforeAll(async () => {
      closed = path.join(base, 'closed-home'); // as /root
      await mkdir(closed, { mode: 0o700 });
      clone = await cloneInto(closed);
    });

    test('below a directory that the system user cannot enter works all the same', async () => {
      const command = start();
      await works(command);
      expect(await command.stop()).toBe(0);
    });

    test.each([
      ['there too', () => clone],
      ['there, the clone where everybody may read', () => path.dirname(path.dirname(bin))],
    ])('and Node %s (nvm)', async (_, where) => {
      const node = path.join(closed, 'node');
      await copyFile(process.execPath, node);
      const command = start({ node, bin: path.join(where(), 'bin', 'run.js') });
      await works(command);
      const { daemonPid } = await runFile(path.join(base, 'of-clone'));
      expect(await userOf(daemonPid)).toBe('vectabase');
      expect(await command.stop()).toBe(0);
    });

    test('linked to packages that know each other by their real place (pnpm) works', async () => {
      const linked = path.join(base, 'linked');
      await mkdir(linked, { mode: 0o755 });
      const copied = await cloneInto(linked);
      const packages = path.join(copied, 'node_modules');
      const store = path.join(linked, 'store', 'node_modules');
      await mkdir(path.dirname(store), { mode: 0o755 });
      await rename(packages, store);
      await mkdir(packages, { mode: 0o755 });
      for (const name of await readdir(store)) await symlink(path.join(store, name), path.join(packages, name));
      await rm(path.join(packages, 'depd')); // express imports it, we do not
      const command = start({ bin: path.join(copied, 'bin', 'run.js') });
      await works(command);
      expect(await command.stop()).toBe(0);
    });

    test.runIf(canGiveUpRoot())('that is closed itself works all the same', async () => {
      await chmod(clone, 0o700);
      const command = start();
      await works(command);
      expect(await command.stop()).toBe(0);
    });

    test.skipIf(canGiveUpRoot())('that is closed itself is told how to open', async () => {
      await chmod(clone, 0o700);
      const command = start();
      expect(await command.exited).toBe(5);
      const hint = expect.stringContaining(`chmod -R go+rX ${clone}`) as string;
      expect(command.lines.at(-1)).toMatchObject({ error: { code: 'PRECONDITION_FAILED', hint } });
    });
  });

  test('what root made, root alone may start; an ordinary user is told', async () => {
    const command = up(path.join(base, 'plain'), [], { ...asNobody(), env: { HOME: base } });
    expect(await command.exited).toBe(5);
    expect(command.lines.at(-1)).toMatchObject({
      error: { code: 'PRECONDITION_FAILED', message: expect.stringContaining('nobody cannot write') as string },
    });
  });

  describe('an ordinary user', () => {
    let home: string;
    let dir: string;
    beforeAll(async () => {
      home = path.join(base, 'home');
      await mkdir(home, { mode: 0o700 });
      await chown(home, NOBODY.uid, NOBODY.gid);
      dir = path.join(home, 'shop');
    });

    test('needs no root, no system user and no install scripts', async () => {
      const command = up(dir, [], { ...asNobody(), env: { HOME: home } });
      await works(command);
      const { postgresPid, daemonPid } = await runFile(dir);
      expect([await userOf(postgresPid), await userOf(daemonPid)]).toEqual(['nobody', 'nobody']);
      expect((await stat(dir)).mode & 0o777).toBe(0o700);
      expect(await command.stop()).toBe(0);
    });

    test('without a home, the binaries go to the temporary directory', async () => {
      const nowhere = path.join(base, 'nowhere');
      await mkdir(nowhere);
      await chown(nowhere, NOBODY.uid, NOBODY.gid);
      const env = { HOME: '/nonexistent', TMPDIR: nowhere };
      const command = up(path.join(nowhere, 'shop'), [], { ...asNobody(), env });
      await works(command);
      expect((await stat(path.join(nowhere, 'vectabase-65534', 'binaries'))).uid).toBe(NOBODY.uid);
      expect(await command.stop()).toBe(0);
    });

    test('keeps what is its own: root is told whose it is, and changes nothing', async () => {
      const command = up(dir);
      expect(await command.exited).toBe(5);
      expect(command.lines.at(-1)).toMatchObject({
        error: {
          code: 'PRECONDITION_FAILED',
          message: `the installation in ${dir} belongs to nobody`,
          hint: expect.stringContaining('runuser -u nobody -- vectabase up') as string,
        },
      });
      const own = up(dir, [], { ...asNobody(), env: { HOME: home } });
      await works(own);
      expect(await own.stop()).toBe(0);
    });
  });
});

async function works(command: Command): Promise<void> {
  const ready = await command.ready();
  await expect.poll(async () => (await fetch(`${ready.apiUrl}/readyz`)).status, { timeout: 10_000 }).toBe(200);
  const address = parseDatabaseUrl(ready.databaseUrl);
  const session = await Session.open(address, { applicationName: 'test' });
  expect(await session.rows('select auth.role() as role')).toEqual([{ role: null }]);
  await session.close();
  // Nobody's password is hashed all the same, in a thread that loads its own part of the code.
  const body = JSON.stringify({ email: 'nobody@example.com', password: 'wrong' });
  const headers = { apikey: ready.anonKey };
  const signIn = `${ready.apiUrl}/auth/v1/token?grant_type=password`;
  expect((await fetch(signIn, { method: 'POST', headers, body })).status).toBe(400);
}

async function runFile(dir: string): Promise<{ postgresPid: number; daemonPid: number }> {
  return JSON.parse(await readFile(path.join(dir, 'run.json'), 'utf8')) as { postgresPid: number; daemonPid: number };
}

async function userOf(pid: number): Promise<string> {
  const { uid } = await stat(`/proc/${pid}`);
  return execFileSync('id', ['-nu', String(uid)], { encoding: 'utf8' }).trim();
}

async function cloneInto(directory: string): Promise<string> {
  const clone = path.join(directory, 'clone');
  await mkdir(clone, { mode: 0o755 });
  for (const part of ['bin', 'dist', 'templates', 'package.json']) copy(path.join(root, part), clone);
  copy(await realpath(path.join(root, 'node_modules')), clone);
  return clone;
}

/** Hard links where the file system allows: the packages are some hundred megabytes. */
function copy(from: string, into: string): void {
  try {
    execFileSync('cp', ['-al', from, into], { stdio: 'ignore' });
  } catch {
    execFileSync('cp', ['-a', from, into]);
  }
}
