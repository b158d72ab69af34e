import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Examination } from '../../src/operator/doctor/examine.ts';
import type { UpgradeResult } from '../../src/operator/provision/upgrade/run.ts';
import { TrixieTree } from '../support/trixie-tree.ts';

const CLI = ['node', '/vectabase/bin/run.js'] as const;

/** Installs once; then its owner looks at it, breaks it, and upgrades it. */
describe('an installed machine on the days after', () => {
  let tree: TrixieTree;
  let sound: ReadonlySet<string>;

  beforeAll(async () => {
    tree = await TrixieTree.boot({ kind: 'bare', network: 'private', changes: 'disk' });
    await tree.run([...CLI, 'install', '--json', '--allow-plaintext', '--no-harden']);
  });
  afterAll(async () => {
    await tree.stop();
  });

  const shell = async (script: string): Promise<string> => (await tree.run(['sh', '-c', script])).stdout;

  async function read(command: string): Promise<Examination> {
    const { stdout } = await tree.run(['vectabase', command, '--json'], { check: false });
    return JSON.parse(stdout.slice(0, stdout.indexOf('\n}\n') + 3)) as Examination;
  }
  /** What is not as it should be. */
  async function troubles(): Promise<Map<string, string>> {
    const { findings } = await read('doctor');
    // Nobody has made a recovery key, so WAL waits, and with time more checks of backups say so.
    const others = findings.filter(({ id }) => !id.startsWith('backups.'));
    return new Map(others.flatMap(({ id, level, fix }) => (level === 'ok' ? [] : [[id, fix ?? '']])));
  }

  it('has its state on one screen', async () => {
    const { stdout } = await tree.run(['vectabase', 'status'], { check: false });
    expect(stdout).toMatch(/✓ Postgres +17\.\d+, \d+ of 100 connections/);
    expect(stdout).toMatch(/✓ PgBouncer +on port 6432/);
    expect(stdout).toMatch(/✓ API +http:\/\/127\.0\.0\.1:54321 in \d+ ms/);
    expect(stdout).toMatch(/! Volume +PLAINTEXT ALLOWED/);
    expect(stdout).toMatch(/✓ TLS +server: 82\d days left/);
    expect(stdout).toMatch(/✗ Backups +you cannot return to any second/);
    expect(stdout.split('\n').length).toBeLessThan(24);
  });

  it('is looked at, and Postgres starts, while vectabase.yml holds a slip', async () => {
    await shell(
      'cp -a /etc/vectabase/vectabase.yml /scratch/ && printf "log\\n  level: info\\n" >> /etc/vectabase/vectabase.yml',
    );
    const { findings } = await read('status');
    const levels = new Map(findings.map(({ title, level }) => [title, level]));
    expect([levels.get('Postgres'), levels.get('API'), levels.get('Settings')]).toEqual(['ok', 'ok', 'fail']);
    const slip = findings.find(({ title }) => title === 'Settings');
    expect(slip?.evidence).toMatch(/\/etc\/vectabase\/vectabase\.yml:\d+:\d+: not YAML/);
    const check = await tree.run(['vectabase', 'config', 'check'], { check: false });
    expect(check.code).toBe(2);
    expect(check.stderr).toContain('vectabase config edit');
    expect((await read('doctor')).findings.find(({ id }) => id === 'settings.accepted')?.level).toBe('fail');
    await shell('systemctl restart postgresql@17-vectabase.service');
    await shell('cp -a /scratch/vectabase.yml /etc/vectabase/ && vectabase config check');
  });

  it('comes in by psql, reads the database and the logs without a password', async () => {
    const who = ['db', 'psql', '--', '-XAtc', 'select current_user'];
    expect((await tree.run(['vectabase', ...who])).stdout.trim()).toBe('postgres');
    expect((await tree.run(['vectabase', 'db', 'inspect', 'db-stats'])).stdout).toContain('index hit %');
    expect((await tree.run(['vectabase', 'logs'])).stdout).toMatch(/^daemon +\S+Z/m);
    expect((await tree.run(['vectabase', 'logs', 'install', '--json'])).stdout).toContain('"event":"line"');
  });

  it('is examined, and only what a fresh machine cannot have yet is missing', async () => {
    const found = await troubles();
    sound = new Set(found.keys());
    const expected = /^(volume\.|api\.public|mail\.server|packages\.unattended|system\.|disk\.)/;
    expect([...sound].filter((id) => !expected.test(id))).toEqual([]);
  });

  /** What is broken, what doctor says of it and of nothing else, and what mends it where its own command does not. */
  const broken: ReadonlyArray<{ breaks: string; ids: readonly string[]; mends?: string }> = [
    { breaks: 'systemctl stop pgbouncer.service', ids: ['pgbouncer.answers', 'units.active', 'files.drift'] },
    { breaks: 'chmod 644 /var/lib/vectabase/data/private/keys.json', ids: ['files.modes'] },
    { breaks: 'echo "# mine" >> /etc/postgresql/17/vectabase/conf.d/50-vectabase.conf', ids: ['files.drift'] },
    {
      breaks: 'sed -i s/scram-sha-256/any/ /etc/pgbouncer/vectabase.ini',
      ids: ['pgbouncer.settings', 'files.drift'],
    },
    {
      breaks: 'vectabase db psql --superuser -- -qc "create role mallory superuser login"',
      ids: ['roles.superusers'],
    },
    {
      breaks: `${OWN_RULE}; echo "host all all 10.0.0.0/8 trust" > $rule; chown postgres: $rule; ${RELOAD}`,
      ids: ['database.hba'],
      mends: `${OWN_RULE}; rm $rule; ${RELOAD}`,
    },
  ];
  it.each(broken)('$breaks', async ({ breaks, ids, mends }) => {
    await shell(breaks);
    const found = await troubles();
    // What the one before mended is no longer among them.
    expect([...found.keys()].filter((id) => !sound.has(id)).toSorted()).toEqual(ids.toSorted());
    await shell(mends ?? found.get(ids[0] ?? '') ?? 'false');
  });

  it('is as it was, with all of that mended', async () => {
    expect([...(await troubles()).keys()].filter((id) => !sound.has(id))).toEqual([]);
  });

  it('keeps its configuration beside its backups, by a timer and as root', async () => {
    await shell('vectabase backup key --out /scratch/recovery.key && vectabase install --no-input --json > /dev/null');
    expect((await shell('systemctl is-enabled vectabase-config-backup.timer')).trim()).toBe('enabled');
    await shell('systemctl start vectabase-config-backup.service');
    const store = '/var/lib/vectabase/data/backups';
    const [object = ''] = (await shell(`ls ${store}/*/config/*.tar.vbk`)).trim().split('\n');
    await shell(`vectabase backup decrypt ${object} --key /scratch/recovery.key --out /scratch/config.tar`);
    const names = (await shell('tar --list --file /scratch/config.tar')).split('\n');
    expect(names).toEqual(
      expect.arrayContaining(['etc/vectabase/vectabase.yml', 'var/lib/vectabase/data/private/keys.json']),
    );
    expect(names.join(' ')).not.toContain('master.key');
    // The daemon has to read and follow what root wrote.
    expect((await shell(`find ${store} /etc/vectabase/backup -user root`)).trim()).toBe('');
    expect((await shell('vectabase config show')).includes('54322')).toBe(false);
    const refused = await tree.run(['vectabase', 'config', 'set', 'postgres.port', '1'], { check: false });
    expect([refused.code, refused.stderr.includes('install.postgresPort')]).toEqual([2, true]);
  });

  describe('upgrade', () => {
    /** A release that differs from the one that runs by its version, and by what `change` does to it. */
    async function release(version: string, change = 'true'): Promise<string> {
      const place = `/scratch/${version}`;
      await shell(`rm -rf ${place}; cp -a "$(readlink -f /opt/vectabase/current)" ${place}; cd ${place}
        sed -i 's/"version": "[^"]*"/"version": "${version}"/' package.json; ${change}`);
      return place;
    }
    const upgrade = async (
      ...words: string[]
    ): Promise<{ code: number | null; result: UpgradeResult; said: string }> => {
      const { code, stdout, stderr } = await tree.run(['vectabase', 'upgrade', '--json', ...words], { check: false });
      const end = stdout.indexOf('\n}\n');
      const result = (end === -1 ? {} : JSON.parse(stdout.slice(0, end + 3))) as UpgradeResult;
      return { code, result, said: stdout + stderr };
    };
    const running = async (): Promise<string> =>
      (await shell('readlink /opt/vectabase/current')).trim().replace(/^.*\/(.*)-[0-9a-f]{8}$/, '$1');
    const phase = async (): Promise<string> =>
      shell(`sed -n 's/.*"phase": "\\(.*\\)".*/\\1/p' /var/lib/vectabase/journal/upgrade.json 2>/dev/null || true`);

    it('refuses no client meanwhile, and goes back when asked', async () => {
      const first = await running();
      const place = await release('9.0.1');
      const dry = await tree.run(['vectabase', 'upgrade', place, '--dry-run']);
      expect(dry.stdout).toMatch(/-> 9\.0\.1/);
      expect(await running()).toBe(first);

      const clients = new AbortController();
      const answers = askAgainAndAgain(tree, clients.signal);
      const { code, result, said } = await upgrade(place);
      clients.abort();
      expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
      expect(result).toMatchObject({ outcome: 'done' });
      expect(await running()).toBe('9.0.1');
      const statuses = await answers;
      expect(statuses.length).toBeGreaterThan(20);
      expect([...new Set(statuses)]).toEqual([200]);

      expect(await upgrade('--rollback')).toMatchObject({ code: 0, result: { outcome: 'returned' } });
      expect(await running()).toBe(first);
      expect((await upgrade('--rollback')).code).toBe(5);
    });

    it('brings the old release back when the new daemon dies', async () => {
      const first = await running();
      const place = await release('9.0.2', `echo "throw new Error('a bad release')" > dist/daemon/main.js`);
      const { code, result, said } = await upgrade(place);
      expect({ code, said: code === 6 ? '' : said }).toEqual({ code: 6, said: '' });
      expect(result).toMatchObject({ outcome: 'returned' });
      expect(await running()).toBe(first);
      expect((await shell('systemctl is-active vectabase.service')).trim()).toBe('active');
    });

    // `begun` is over in some milliseconds: then it is killed in the phase that is seen first.
    it.each(['begun', 'configured', 'installed'])('goes on after kill -9 in phase %s', async (at) => {
      const version = `9.1.${at.length}`;
      const place = await release(version);
      expect((await tree.run(['node', '-e', KILLER, at, place])).stdout.trim()).toBe('killed');
      const { code, said } = await upgrade();
      expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
      expect(await running()).toBe(version);
      expect((await phase()).trim()).toBe('done');
    });

    it('leaves two releases: the one that runs, and the one before', async () => {
      const names = (await shell('ls /opt/vectabase/releases')).trim().split('\n');
      expect(names).toHaveLength(2);
      expect(names.map((name) => name.replace(/-[0-9a-f]{8}$/, ''))).toContain(await running());
    });
  });
});

const OWN_RULE = 'rule=/etc/postgresql/17/vectabase/pg_hba.d/60-own.conf';
const RELOAD = 'systemctl reload postgresql@17-vectabase.service';

/** Starts an upgrade and kills it, with all that it started, as soon as its record says this phase. */
const KILLER = `
  const { spawn } = require('node:child_process');
  const { readFileSync } = require('node:fs');
  const [at, place] = process.argv.slice(1);
  const phase = () => { try { return JSON.parse(readFileSync('/var/lib/vectabase/journal/upgrade.json')) } catch { return {} } };
  const before = phase().startedAt;
  const child = spawn('vectabase', ['upgrade', place, '--json'], { detached: true, stdio: 'ignore' });
  let said = 'it ended by itself';
  child.on('exit', () => console.log(said));
  const look = () => {
    const now = phase();
    if (child.exitCode !== null) return;
    const early = ['begun', 'configured', 'installed'].indexOf(now.phase) < ['begun', 'configured', 'installed'].indexOf(at);
    if (now.startedAt === before || early) return setImmediate(look);
    process.kill(-child.pid, 'SIGKILL');
    said = 'killed';
  };
  look();`;

/** One request after the other, as a client would; the status of each answer, 0 for a refused one. */
async function askAgainAndAgain(tree: TrixieTree, signal: AbortSignal): Promise<number[]> {
  const script = `const ask = async () => {
    const status = await fetch('http://127.0.0.1:54321/healthz').then((answer) => answer.status, () => 0);
    console.log(status);
    setTimeout(ask, 100);
  };
  ask();`;
  const child = tree.spawn(['node', '-e', script]);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  await once(child, 'exit');
  return text.trim().split('\n').map(Number);
}
