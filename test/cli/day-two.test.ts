/** An installation of `vectabase up`, looked at by its owner, and broken thing by thing. */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRunningInstallation } from '../../src/foundation/postgres/installation.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import type { Examination } from '../../src/operator/doctor/examine.ts';
import { examine } from '../../src/operator/doctor/examine.ts';
import { CHECKS } from '../../src/operator/doctor/checks/all.ts';
import { deepLooks } from '../../src/operator/doctor/looks.ts';
import { aboutPlace, findPlace } from '../../src/operator/doctor/place.ts';
import { readStanding } from '../../src/operator/backup/standing.ts';
import { Command, noProcessOf, runCommand, up } from '../support/up.ts';

let dir: string;
let running: Command;
let admin: Session;

beforeAll(async () => {
  dir = path.join(mkdtempSync(path.join(tmpdir(), 'vt-day-')), 'shop');
  running = up(dir);
  await running.ready();
  admin = await Session.open((await readRunningInstallation(dir)).adminAddress, { applicationName: 'test' });
});
afterAll(async () => {
  await admin?.close();
  await running?.stop();
  await noProcessOf(dir);
  rmSync(path.dirname(dir), { recursive: true, force: true });
});

async function read(command: string): Promise<Examination & { exitCode: unknown }> {
  const { stdout, exitCode } = await runCommand([command, '--dir', dir, '--json']);
  return { ...(JSON.parse(stdout.slice(0, stdout.indexOf('\n}\n') + 3)) as Examination), exitCode };
}

/** What one check says now. */
async function ask(id: string): Promise<{ level: string; evidence: string }> {
  const check = CHECKS.find((each) => each.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  const place = await findPlace(dir);
  const now = Date.now();
  const looks = deepLooks(place, { backups: async (signal) => readStanding({ ...place.backups, now, signal }) });
  const result = await examine([check], { [check.fact]: looks[check.fact] }, aboutPlace(place, now));
  const [finding] = result.findings;
  if (finding === undefined) throw new Error(`${id} is not asked here`);
  return finding;
}

test('status is one screen, and what is missing ends in a command', async () => {
  const { stdout, exitCode } = await runCommand(['status', '--dir', dir]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/✓ Postgres {2}17\.\d+, \d+ of 100 connections/);
  expect(stdout).toMatch(/✓ API {7}http:\/\/127\.0\.0\.1:\d+ in \d+ ms/);
  expect(stdout).toContain('you cannot return to any second: there is no backup');
  expect(stdout).toContain(`vectabase backup key --out recovery.key --dir ${dir}`);
  expect(stdout.split('\n').length).toBeLessThan(24);
  const json = await read('status');
  expect(json).toMatchObject({ version: 1, kind: 'up', healthy: true, exitCode: 0 });
  expect(json.findings.map(({ title }) => title)).toEqual(['Postgres', 'API', 'TLS', 'Disk', 'Backups', 'Settings']);
});

test('doctor finds nothing broken in what up has made', async () => {
  const report = await read('doctor');
  const broken = report.findings.filter(({ level }) => level === 'fail' || level === 'unknown');
  // Mail, memory and disks are this machine's.
  expect(broken.filter(({ id }) => !/^(system|disk)\./.test(id))).toEqual([]);
  expect(report.findings.length).toBeGreaterThanOrEqual(40);
});

describe('broken one by one', () => {
  const sql: ReadonlyArray<readonly [id: string, level: string, evidence: RegExp, breaks: string, mends: string]> = [
    ['database.overrides', 'warn', /work_mem/, `alter system set work_mem = '7MB'`, 'alter system reset work_mem'],
    [
      'database.restart',
      'warn',
      /max_wal_senders/,
      `alter system set max_wal_senders = 5`,
      'alter system reset max_wal_senders',
    ],
    ['database.durability', 'fail', /fsync is off/, 'alter system set fsync = off', 'alter system reset fsync'],
    [
      'database.autovacuum',
      'fail',
      /autovacuum is off/,
      'alter system set autovacuum = off',
      'alter system reset autovacuum',
    ],
    [
      'database.logging',
      'fail',
      /parameters/,
      'alter system set log_parameter_max_length = -1',
      'alter system reset log_parameter_max_length',
    ],
    [
      'database.extensions',
      'warn',
      /pgcrypto missing/,
      'drop extension pgcrypto cascade',
      'create extension pgcrypto schema extensions',
    ],
    ['roles.superusers', 'fail', /mallory/, 'create role mallory superuser login', 'drop role mallory'],
    ['roles.visitors', 'fail', /anon/, 'alter role anon bypassrls', 'alter role anon nobypassrls'],
    [
      'roles.passwords',
      'warn',
      /old: MD5/,
      `set password_encryption = md5; create role old login password 'x'; reset password_encryption`,
      'drop role old',
    ],
    [
      'database.statistics',
      'warn',
      /public.big/,
      'create table public.big with (autovacuum_enabled = off) as select i from generate_series(1, 20000) i',
      'drop table public.big',
    ],
    [
      'database.sequences',
      'fail',
      /public.near/,
      `create sequence public.near as int; select setval('public.near', 2100000000)`,
      'drop sequence public.near',
    ],
  ];
  test.each(sql)('%s', async (id, level, evidence, breaks, mends) => {
    const statements = async (text: string): Promise<void> => {
      for (const statement of text.split('; ')) await admin.script(statement);
      await admin.script('select pg_reload_conf()');
      await admin.script('select pg_stat_force_next_flush()');
    };
    expect((await ask(id)).level).toBe('ok');
    await statements(breaks);
    try {
      await expect
        .poll(async () => ask(id), { timeout: 30_000 })
        .toMatchObject({ level, evidence: expect.stringMatching(evidence) as unknown });
    } finally {
      await statements(mends);
    }
    await expect.poll(async () => ask(id), { timeout: 30_000 }).toMatchObject({ level: 'ok' });
  });

  test('database.indexes: what a failed build left', async () => {
    await admin.script('create table public.twice (id int); insert into public.twice values (1), (1)');
    const build = admin.script('create unique index concurrently twice_id on public.twice (id)');
    await expect(build).rejects.toThrow('could not create unique index');
    // Postgres sends the error first and ends its transaction, and the sign of the work in progress, a moment later.
    await expect
      .poll(async () => ask('database.indexes'), { timeout: 30_000 })
      .toMatchObject({ level: 'fail', evidence: expect.stringContaining('public.twice_id') as unknown });
    await admin.script('drop table public.twice');
    expect(await ask('database.indexes')).toMatchObject({ level: 'ok' });
  });

  test('files.modes and keys.master', async () => {
    const keys = path.join(dir, 'keys.json');
    chmodSync(keys, 0o644);
    expect(await ask('files.modes')).toMatchObject({
      level: 'fail',
      evidence: `${keys} 644`,
      fix: `chmod 600 ${keys}`,
    });
    chmodSync(keys, 0o600);
    expect(await ask('files.modes')).toMatchObject({ level: 'ok' });
    process.env['VECTABASE_MASTER_KEY'] = 'ab'.repeat(32);
    try {
      expect(await ask('keys.master')).toMatchObject({ level: 'fail', evidence: 'it is wrong' });
    } finally {
      delete process.env['VECTABASE_MASTER_KEY'];
    }
    expect(await ask('keys.master')).toMatchObject({ level: 'ok' });
  });
});

test.skipIf(!existsSync('/usr/bin/psql'))(
  'psql comes in as the owner, or as the superuser, and its exit code is ours',
  async () => {
    const psql = async (...words: string[]) => runCommand(['db', 'psql', '--dir', dir, ...words]);
    const asked = [
      '--',
      '-XAtc',
      "select current_user || ' ' || coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)",
    ];
    expect((await psql(...asked)).stdout.trim()).toBe('postgres true');
    expect((await psql('--superuser', ...asked)).stdout.trim()).toBe('supabase_admin false');
    expect((await psql('--', '-Xc', 'select 1/0', '-v', 'ON_ERROR_STOP=1')).exitCode).toBe(1);
  },
);

test('logs of Postgres and the daemon, as text and as objects', async () => {
  const logs = async (...words: string[]) => runCommand(['logs', '--dir', dir, ...words]);
  await admin.script(`do $$ begin raise log 'a canary of the log'; end $$`);
  expect((await logs()).stdout).toMatch(/^postgres .* LOG: {2}a canary of the log$/m);
  expect((await logs('daemon')).stdout).toMatch(/^\d{4}-\d\d-\d\dT\S+ info /m);
  const { lines, exitCode } = await logs('postgres', '--since', '1h', '--json');
  expect(exitCode).toBe(0);
  expect(lines.some(({ event, text }) => event === 'line' && String(text).endsWith('a canary of the log'))).toBe(true);
  expect(lines.at(-1)).toEqual({ event: 'result', lines: lines.length - 1 });
  expect((await logs('pgbouncer')).stderr).toContain('vectabase up has no pgbouncer');
  const follower = new Command(['logs', 'postgres', '--dir', dir, '-f', '-n', '1', '--json']);
  await follower.line(({ event }) => event === 'line');
  await admin.script(`do $$ begin raise log 'a later one'; end $$`);
  await follower.line(({ text }) => String(text).endsWith('a later one'));
  expect(await follower.stop()).toBe(0);
});

test('a stopped installation says so', async () => {
  await admin.close();
  await running.stop();
  const report = await read('status');
  expect(report).toMatchObject({ healthy: false, exitCode: 6 });
  expect(report.findings[0]).toMatchObject({ title: 'Postgres', level: 'unknown', fix: `vectabase up --dir ${dir}` });
  const { stderr, exitCode } = await runCommand(['status', '--dir', '/nowhere']);
  expect({ exitCode, named: stderr.includes('INSTALLATION_MISSING') }).toEqual({ exitCode: 5, named: true });
});
