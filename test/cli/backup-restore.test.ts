import { chmod, mkdtemp, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { readRunningInstallation } from '../../src/foundation/postgres/installation.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { Command, noProcessOf, runCommand, up } from '../support/up.ts';

/** An installation of `vectabase up` whose data is replaced, killed half-way, finished, and brought back. */
let base: string;
let dir: string;
const key = (): string[] => ['--key', path.join(base, 'recovery.key')];

beforeAll(async () => {
  base = await realpath(await mkdtemp(path.join(tmpdir(), 'vt-restore-')));
  await chmod(base, 0o755);
  dir = path.join(base, 'shop');
  const running = up(dir);
  await running.ready();
  await sql('create table sales (id integer primary key); insert into sales select generate_series(1, 100)');
  await succeed(['backup', 'key', '--out', path.join(base, 'recovery.key')]);
  await succeed(['backup', 'create']);
  await sql('delete from sales where id > 1; create table later ()');
  await running.stop();
});
afterAll(async () => {
  await noProcessOf(base);
  await rm(base, { recursive: true, force: true });
});

test.each([['--undo'], ['--resume'], ['--dump', 'newest'], []])(
  'a dry run of what has no plan is refused, never done: %s',
  async (...flags) => {
    const { exitCode, lines } = await run(['backup', 'restore', ...flags, '--dry-run', ...key()]);
    expect({ exitCode, code: Reflect.get(lines.at(-1)?.['error'] ?? {}, 'code') }).toEqual({
      exitCode: 2,
      code: 'USAGE',
    });
  },
);

test('one table comes back beside the one that is there, and the copy can be looked at', async () => {
  const running = up(dir);
  await running.ready();
  const [report] = (await succeed(['backup', 'restore', '--latest', ...key(), '--table', 'public.sales'])).map(
    ({ table, rows, into }) => ({ table, rows, into }),
  );
  expect(report).toEqual({ table: 'public.sales', rows: 100, into: '"vectabase_restored"."sales"' });
  expect(await sql('select count(*)::integer as rows from vectabase_restored.sales')).toEqual([{ rows: 100 }]);
  expect(await sql('select count(*)::integer as rows from sales')).toEqual([{ rows: 1 }]);
  const inspecting = new Command(['backup', 'restore', '--dir', dir, '--latest', ...key(), '--inspect']);
  while (!inspecting.stderr.includes('psql ')) await sleep(50);
  const [, host = '', port = '', user = ''] = /host=(\S+) port=(\d+) user=(\S+) /.exec(inspecting.stderr) ?? [];
  const session = await Session.open(
    {
      host,
      port: Number(port),
      user,
      database: 'postgres',
      password: undefined,
      sslMode: 'disable',
      rootCertificate: undefined,
    },
    { applicationName: 'test' },
  );
  expect(await session.rows('select count(*)::integer as rows from sales')).toEqual([{ rows: 100 }]);
  await expect(session.rows('delete from sales')).rejects.toThrow('read-only');
  await session.close();
  inspecting.kill('SIGINT');
  expect(await inspecting.exited).toBe(0);
  await running.stop();
  expect(await left()).toEqual([]);
});

test('killed while the copy is looked at, it leaves one in clear, which the next one takes away', async () => {
  const killed = new Command(['backup', 'restore', '--dir', dir, '--latest', ...key(), '--inspect']);
  while (!killed.stderr.includes('psql ')) await sleep(50);
  killed.kill('SIGKILL');
  await killed.exited;
  expect(await left()).toHaveLength(1);
  const csv = path.join(base, 'sales.csv');
  await succeed(['backup', 'restore', '--latest', ...key(), '--table', 'public.sales', '--to', csv]);
  expect(await left()).toEqual([]);
});

test('what is stored is looked at as deep as one asks for, and nothing is not sound', async () => {
  const codeOf = async (...args: string[]): Promise<unknown> =>
    Reflect.get((await run(['backup', 'verify', ...args])).lines.at(-1)?.['error'] ?? {}, 'code');
  expect(await succeed(['backup', 'verify', '--level', '1'])).toMatchObject([{ level: 1, objects: 2, damaged: [] }]);
  expect(await succeed(['backup', 'verify', '--level', '2', ...key()])).toMatchObject([{ level: 2, damaged: [] }]);
  expect(await codeOf('--level', '2')).toBe('USAGE');
  expect(await codeOf('--level', '1', '--wal')).toBe('BACKUP_MISSING');
  expect(await codeOf('--level', '1', '--from', path.join(base, 'empty'))).toBe('BACKUP_MISSING');
  expect(await codeOf(...key(), '--from', path.join(base, 'empty'))).toBe('BACKUP_MISSING');
});

test('without a yes nothing is replaced', async () => {
  const { exitCode, lines } = await run(['backup', 'restore', '--latest', ...key()]);
  expect(exitCode).toBe(2);
  expect(lines).toMatchObject([{ error: { code: 'CONFIRMATION_REQUIRED', details: { expected: 'shop' } } }]);
  expect(await left()).toEqual([]);
});

test('killed while it replaces a running installation, it is finished by --resume, and undone', async () => {
  const running = up(dir);
  await running.ready();
  const killed = new Command(['backup', 'restore', '--dir', dir, '--latest', ...key(), '--confirm', 'shop', '--json']);
  const journal = path.join(dir, 'postgres', 'restore.json');
  while ((await stat(journal).catch(() => undefined)) === undefined) await sleep(2);
  killed.kill('SIGKILL');
  expect(await killed.exited).toBe('SIGKILL');
  await running.stop(); // unless the restore had time to
  // Between the renames there may be no data directory, and a new one would take its place.
  const refused = up(dir);
  expect(await refused.exited).toBe(75);
  expect(refused.lines.at(-1)).toMatchObject({
    error: { code: 'RESTORE_STOPPED', hint: expect.stringContaining('--resume') as string },
  });

  const [resumed] = await succeed(['backup', 'restore', '--resume']);
  expect(resumed).toMatchObject({ started: false, data: path.join(dir, 'postgres', 'data') });
  const restored = up(dir);
  await restored.ready();
  expect(await sql(`select count(*)::integer as rows, to_regclass('later') is null as without from sales`)).toEqual([
    { rows: 100, without: true },
  ]);
  const [history] = await readdir(path.join(dir, 'postgres', 'data', 'pg_wal', 'archive_status'));
  expect(history).toMatch(/^00000002\.history/);
  expect(JSON.parse(await readFile(journal, 'utf8'))).toMatchObject({ phase: 'done' });

  const [undone] = await succeed(['backup', 'restore', '--undo', '--confirm', 'shop']);
  expect(undone).toMatchObject({ started: false });
  expect(await restored.exited).toBe(0);
  const before = up(dir);
  await before.ready();
  expect(await sql(`select count(*)::integer as rows, to_regclass('later') is null as without from sales`)).toEqual([
    { rows: 1, without: false },
  ]);
  expect(await before.stop()).toBe(0);
});

/** Directories that a restore made and did not take away. */
async function left(): Promise<string[]> {
  return (await readdir(path.join(dir, 'postgres'))).filter((name) => name.startsWith('scratch-'));
}

async function run(args: readonly string[]): Promise<{ exitCode: unknown; lines: Array<Record<string, unknown>> }> {
  const { exitCode, stdout } = await runCommand([...args, '--dir', dir, '--json']);
  return { exitCode, lines: stdout.trim() === '' ? [] : [JSON.parse(stdout) as Record<string, unknown>] };
}

async function succeed(args: readonly string[]): Promise<Array<Record<string, unknown>>> {
  const { exitCode, lines } = await run(args);
  if (exitCode !== 0) throw new Error(JSON.stringify(lines));
  return lines;
}

async function sql(statement: string): Promise<unknown[]> {
  const { adminAddress } = await readRunningInstallation(dir);
  const session = await Session.open(adminAddress, { applicationName: 'test' });
  try {
    if (!statement.startsWith('select')) {
      await session.script(statement);
      return [];
    }
    return await session.rows(statement);
  } finally {
    await session.close();
  }
}
