import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrixieTree } from '../support/trixie-tree.ts';

/**
 * A fresh Debian 13 with Debian's own Node. That Node is not like others: built against a shared libuv it cannot give
 * root up, which no test on another Node would show.
 */
describe('vectabase up on a fresh Debian 13', () => {
  let tree: TrixieTree;
  beforeAll(async () => {
    tree = await TrixieTree.boot();
    await tree.run(['useradd', '--create-home', 'owner']);
    // As `git clone` and `npm ci` leave it; links, as the packages are some hundred megabytes.
    await tree.run([
      'sh',
      '-c',
      'mkdir /root/clone && cd /root/clone && cp -r /vectabase/bin /vectabase/dist . &&' + LINKS,
    ]);
    await tree.run(['cp', '/usr/bin/node', '/root/node']);
    await tree.run(['chmod', '700', '/root']);
  });
  afterAll(async () => {
    await tree.stop();
  });

  it.each([
    [
      'root, with code and a Node that nobody else can reach',
      { node: '/root/node', bin: '/root/clone/bin/run.js', as: 'vectabase', signal: 'TERM' },
    ],
    ['an ordinary user', { node: 'node', bin: '/vectabase/bin/run.js', user: 'owner', as: 'owner', signal: 'INT' }],
  ])('as %s: it serves, and a stop leaves nothing', async (_, { node, bin, user, as, signal }: Start) => {
    const home = user === undefined ? '/root' : `/home/${user}`;
    const options = user === undefined ? {} : { user, env: { HOME: home } };
    const args = ['up', '--dir', `${home}/shop`, '--port', '0', '--pg-port', '0', '--json'];
    const up = tree.spawn([node, bin, ...args], options);
    const { apiUrl, databaseUrl, pid } = await readyLine(up);
    const answer = await tree.run(['node', '-e', `fetch('${apiUrl}/readyz').then((r) => console.log(r.status))`]);
    expect(answer.stdout.trim()).toBe('200');
    const sql = 'select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()';
    expect((await tree.run(['psql', '-XAtc', sql, databaseUrl])).stdout.trim()).toBe('postgres|t');
    const servers = await tree.run(['ps', '--user', as, '--format', 'args=']);
    expect(servers.stdout).toMatch(/daemon\.js/);
    expect(servers.stdout).toMatch(/postgres: /);
    // As systemd would, beside the first: on a free port.
    const alone = tree.spawn([node, bin, 'daemon', '--config', `${home}/shop/daemon.json`], options);
    const daemon = await readyLine(alone);
    const owner = await tree.run(['ps', '--format', 'user:32=', '--pid', String(daemon.pid)]);
    expect(owner.stdout.trim()).toBe(as);
    expect(await endOf(alone, signal, daemon.pid)).toBe(0);
    expect(await endOf(up, signal, pid)).toBe(0);
    expect((await tree.run(['ps', '--user', as, '--format', 'args='], { check: false })).stdout).not.toMatch(
      /postgres|daemon/,
    );
  });

  async function endOf(child: ChildProcess, signal: string, pid: number): Promise<unknown> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await tree.run(['kill', `-${signal}`, String(pid)]); // nsenter, our child, does not hand signals on
    return ended;
  }
});

interface Start {
  readonly node: string;
  readonly bin: string;
  readonly user?: string;
  readonly as: string;
  readonly signal: string;
}

interface Ready {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  readonly pid: number;
}

const LINKS =
  ' ln -s /vectabase/node_modules /vectabase/templates /vectabase/package.json /vectabase/oclif.manifest.json .';

async function readyLine(up: ChildProcess): Promise<Ready> {
  let stdout = '';
  let stderr = '';
  up.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    up.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      const ready = stdout.split('\n').find((line) => line.startsWith('{"event":"ready"'));
      if (ready !== undefined) resolve(JSON.parse(ready) as Ready);
    });
    up.once('exit', (code) => reject(new Error(`up ended with ${String(code)}:\n${stdout}${stderr}`)));
  });
}
