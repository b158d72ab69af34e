/** Whatever stops a run half-way: exit 75 (or 130 where nothing was written), the next command in words, nothing lost. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MigrationReport } from '../../src/operator/migrate/report.ts';
import { contentOf, shapeOf } from '../support/content.ts';
import {
  CANARY,
  expectCleanLedger,
  expectExit,
  expectNoSecret,
  expectRefusal,
  jsonError,
  runAndDisturb,
  runToEnd,
  startMigrateCli,
  type Ends,
  type MigrateCli,
} from '../support/migrate-cli.ts';
import { canMount, mountSmallDisk } from '../support/small-disk.ts';

let cli: MigrateCli;
beforeAll(async () => {
  cli = await startMigrateCli();
});
afterAll(async () => cli?.stop());

const SLOW = ['--max-rate', '150kB', '--jobs', '1'];
const FAST = ['--max-rate', 'off', '--jobs', '2'];
/** The largest table of the project: its copy takes seconds at that rate. */
const copying = (event: Record<string, unknown>): boolean =>
  event['event'] === 'migrate.table.progress' && event['id'] === 'public.orders';

async function inSource(sql: string, database = 'postgres'): Promise<void> {
  const admin = await cli.bench.admin('source', database);
  await admin.script(sql);
  await admin.close();
}

async function reportOf({ dir }: Ends, runId: string): Promise<MigrationReport> {
  return JSON.parse(
    await readFile(path.join(dir, 'reports', `migration-${runId.slice(0, 8)}.json`), 'utf8'),
  ) as MigrationReport;
}

async function status({ targetOnly }: Ends): Promise<Record<string, unknown>> {
  const result = await runToEnd(['migrate', 'status', '--json', ...targetOnly]);
  expectExit(result, 0);
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

/** A run that was interrupted while the largest table was being copied. */
async function interrupted(ends: Ends): Promise<void> {
  const result = await runAndDisturb(['migrate', ...ends.all, ...SLOW], copying, (run) => run.child.kill('SIGINT'));
  expectExit(result, 75);
}

async function expectResumes(ends: Ends): Promise<void> {
  const result = await runToEnd(['migrate', '--resume', '--json', ...ends.all, ...FAST]);
  expectExit(result, 0);
  await expectNoSecret(result, ends.dir);
  await expectCleanLedger(ends.target);
  const [left, right] = await Promise.all([cli.bench.admin('source'), cli.bench.admin('target', ends.name)]);
  const shape = await shapeOf(left);
  expect(await contentOf(right, shape)).toEqual(await contentOf(left, shape));
  await left.close();
  await right.close();
}

describe('interrupted', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s before anything was written: 130, and the same command again',
    async (signal) => {
      const ends = await cli.target(`early_${signal.toLowerCase()}`);
      const result = await runAndDisturb(
        ['migrate', ...ends.all],
        ({ event, id }) => event === 'migrate.phase.started' && id === 'plan',
        (run) => run.child.kill(signal),
      );
      const error = jsonError(result);
      expect(error).toMatchObject({ code: 'INTERRUPTED', exitCode: 130, message: `stopped by ${signal}` });
      await expectRefusal(['migrate', 'status', ...ends.targetOnly], ends.dir, {
        code: 'MIGRATE_NO_RUN',
        exit: 5,
        message: /holds no migration/,
        next: /vectabase migrate/,
      });
    },
  );

  test.each(['SIGINT', 'SIGTERM'] as const)('by %s half-way: 75, a report, and --resume ends it', async (signal) => {
    const ends = await cli.target(`late_${signal.toLowerCase()}`);
    const result = await runAndDisturb(['migrate', ...ends.all, ...SLOW], copying, (run) => run.child.kill(signal));
    const error = jsonError(result);
    expect(error).toMatchObject({ code: 'MIGRATE_STOPPED', exitCode: 75, details: { reason: 'interrupted' } });
    expect(error.message).toContain(`stopped by ${signal}`);
    expect(error.hint?.split('\n').at(-1)).toBe(
      `vectabase migrate --resume --source-file ${ends.dir}.source --dir ${ends.dir} --target-file ${ends.dir}.target`,
    );
    await expectNoSecret(result, ends.dir);
    const now = await status(ends);
    expect(now['state']).toBe('running');
    const report = await reportOf(ends, String(now['runId']));
    expect(report).toMatchObject({ outcome: 'stopped', stopped: error.message });
    expect(report.tables.find(({ table }) => table === 'public.orders')?.status).toBe('not begun');
    await expectResumes(ends);
  });
});

describe('a run that is there', () => {
  let ends: Ends;
  beforeAll(async () => {
    ends = await cli.target('there');
    await interrupted(ends);
  });

  test('is not begun a second time', async () => {
    const words = `--source-file ${ends.dir}.source --dir ${ends.dir} --target-file ${ends.dir}.target`;
    const error = await expectRefusal(['migrate', ...ends.all], ends.dir, {
      code: 'MIGRATE_RUN_EXISTS',
      exit: 5,
      message: /holds an unfinished migration/,
      next: /^Continue it with vectabase migrate --resume .*\n.*vectabase migrate abort/,
    });
    expect(error.hint).toContain(`vectabase migrate --resume ${words}`);
  });

  test('is not continued from another source', async () => {
    await cli.bench.source.createDatabase('other', 'postgres');
    const other = await cli.ends('there_other', { source: { ...cli.source, database: 'other' }, target: ends.target });
    await expectRefusal(['migrate', '--resume', ...other.all], other.dir, {
      code: 'MIGRATE_SOURCE_OTHER',
      exit: 5,
      message: /not the one that the migration in the target reads from/,
      next: /connection string of the first run.*`vectabase migrate abort`/,
    });
  });

  test('is not continued with other choices; its pace may change', async () => {
    await expectRefusal(['migrate', '--resume', ...ends.all, '--exclude', 'app.*'], ends.dir, {
      code: 'USAGE',
      exit: 2,
      message: /--exclude differs from what the unfinished migration was begun with/,
      next: /Leave --exclude away/,
    });
  });

  test.each([
    [
      'a column added',
      'alter table app.notes add column extra int',
      'alter table app.notes drop column extra',
      /table app\.notes changed/,
    ],
    [
      'a table gone',
      'alter table app.notes set schema public',
      'alter table public.notes set schema app',
      /table app\.notes is gone/,
    ],
    ['a table that is new', 'create table app.fresh (id int)', 'drop table app.fresh', /table app\.fresh is new/],
    [
      'a policy changed',
      `alter policy "Own row" on public.customers using (true)`,
      `alter policy "Own row" on public.customers using (email = auth.jwt() ->> 'email')`,
      /policy "Own row" on public\.customers changed/,
    ],
    [
      'a function changed',
      `alter function public.count_order() security definer`,
      `alter function public.count_order() security invoker`,
      /function public\.count_order\(\) changed/,
    ],
    [
      'a column of auth.users added',
      `alter table auth.users add column shoe_size int`,
      `alter table auth.users drop column shoe_size`,
      /auth\.users/,
    ],
    [
      'a right withdrawn',
      'revoke select on public.large_orders from anon',
      'grant select on public.large_orders to anon',
      /public\.large_orders/,
    ],
  ])('is not continued over %s on the source', async (_, change, undo, message) => {
    await inSource(change);
    try {
      const error = await expectRefusal(['migrate', '--resume', ...ends.all], ends.dir, {
        code: 'MIGRATE_SOURCE_CHANGED',
        exit: 5,
        message: /^the schema of the source changed since the migration began: /,
        next: /vectabase migrate abort .*\nvectabase migrate /,
      });
      expect(error.message).toMatch(message);
    } finally {
      await inSource(undo);
    }
  });

  test('is taken back only when its database is named', async () => {
    const words = ['migrate', 'abort', ...ends.targetOnly];
    const asked = {
      code: 'CONFIRMATION_REQUIRED',
      exit: 2,
      next: /^Run: vectabase migrate abort .*--target-file .* --confirm there$/,
    };
    await expectRefusal(words, ends.dir, {
      ...asked,
      message: /takes \d+ copied tables .* out of the target, database there of .*: a confirmation is needed/,
    });
    await expectRefusal([...words, '--confirm', 'postgres'], ends.dir, {
      ...asked,
      message: /"postgres" is not the name/,
    });
    expect((await status(ends))['state']).toBe('running');
  });

  test('keeps others out while it goes on, and names itself', async () => {
    const results: Array<Promise<unknown>> = [];
    const lock = {
      code: 'LOCK_HELD',
      exit: 5,
      message: /another migration works on this target: server process \d+ of supabase_admin \(127\.0\.0\.1\) since /,
      next: /Wait for it, or stop/,
    };
    const result = await runAndDisturb(
      ['migrate', '--resume', ...ends.all, '--max-rate', '100kB'],
      copying,
      async (run) => {
        results.push(
          expectRefusal(['migrate', '--resume', ...ends.all], ends.dir, lock),
          expectRefusal(['migrate', 'abort', '--confirm', 'there', ...ends.targetOnly], ends.dir, lock),
          status(ends).then((now) => expect(now['state']).toBe('running')),
        );
        await Promise.allSettled(results);
        run.child.kill('SIGTERM');
      },
    );
    await Promise.all(results);
    expect(result.code).toBe(75);
  });

  test('is finished once', async () => {
    await expectResumes(ends);
    expect(await status(ends)).toMatchObject({ state: 'finished', next: [] });
    for (const words of [['migrate'], ['migrate', '--resume']]) {
      await expectRefusal([...words, ...ends.all], ends.dir, {
        code: 'MIGRATE_RUN_EXISTS',
        exit: 5,
        message: /holds a finished migration/,
        next: /vectabase migrate verify.*\n?.*vectabase migrate abort/,
      });
    }
    const verified = await runToEnd(['migrate', 'verify', ...ends.all]);
    expectExit(verified, 0);
    await expectNoSecret(verified, ends.dir);
  });
});

describe('a side that fails', () => {
  test('the source is shut down half-way', async () => {
    const ends = await cli.target('shut');
    const result = await runAndDisturb(['migrate', ...ends.all, ...SLOW], copying, async () =>
      cli.bench.source.kill('SIGINT'),
    );
    try {
      expect(jsonError(result)).toMatchObject({
        code: 'MIGRATE_STOPPED',
        exitCode: 75,
        details: { reason: 'connection lost' },
      });
      await expectRefusal(['migrate', '--resume', ...ends.all], ends.dir, {
        code: 'DATABASE_UNREACHABLE',
        exit: 7,
        message: /^no connection to postgres@/,
        next: /run again/,
      });
      expect(await status(ends)).toMatchObject({ state: 'running' });
    } finally {
      await cli.bench.source.restart();
    }
    await expectResumes(ends);
  });

  test('the database of the source is dropped half-way: what was copied can still be taken back', async () => {
    await cli.bench.source.createDatabase('doomed', 'postgres');
    await cli.bench.freshTarget('of_doomed');
    const ends = await cli.ends('of_doomed', { source: { ...cli.source, database: 'doomed' } });
    const result = await runAndDisturb(['migrate', ...ends.all, ...SLOW], copying, async () =>
      inSource('drop database doomed with (force)'),
    );
    expect(jsonError(result)).toMatchObject({
      code: 'MIGRATE_STOPPED',
      exitCode: 75,
      details: { reason: 'connection lost' },
    });
    await expectNoSecret(result, ends.dir);
    await expectRefusal(['migrate', '--resume', ...ends.all], ends.dir, {
      code: 'CONNECTION_STRING_INVALID',
      exit: 2,
      message: /database "doomed" does not exist/,
      next: /./,
    });
    await cli.bench.source.createDatabase('doomed', 'postgres');
    await expectRefusal(['migrate', '--resume', ...ends.all], ends.dir, {
      code: 'MIGRATE_SOURCE_OTHER',
      exit: 5,
      message: /not the one/,
      next: /vectabase migrate abort/,
    });
    const taken = await runToEnd(['migrate', 'abort', '--confirm', 'of_doomed', ...ends.targetOnly]);
    expectExit(taken, 0);
    const again = await runToEnd(['migrate', '--json', ...ends.all]);
    expectExit(again, 0);
  });

  test('the password of the source is changed half-way', async () => {
    const ends = await cli.target('rotated');
    const result = await runAndDisturb(
      ['migrate', ...ends.all],
      ({ event, id }) => event === 'migrate.phase.started' && id === 'plan',
      async () => inSource(`alter role postgres password 'rotated'`),
    );
    try {
      const error = jsonError(result);
      expect(error).toMatchObject({
        code: 'MIGRATE_STOPPED',
        exitCode: 75,
        details: { reason: 'DATABASE_AUTH_FAILED' },
      });
      expect(error.hint).toMatch(/Check the user name and the password[^]*vectabase migrate --resume/);
    } finally {
      await inSource(`alter role postgres password '${CANARY.source}'`);
    }
    await expectResumes(ends);
  });

  test('the target is shut down half-way', async () => {
    const ends = await cli.target('target_shut');
    const result = await runAndDisturb(['migrate', ...ends.all, ...SLOW], copying, async () =>
      cli.bench.target.kill('SIGINT'),
    );
    await cli.bench.target.restart();
    expect(jsonError(result)).toMatchObject({
      code: 'MIGRATE_STOPPED',
      exitCode: 75,
      details: { reason: 'connection lost' },
    });
    await expectResumes(ends);
  });

  test.skipIf(!canMount)('the disk of the target is full: it says so, and goes on when there is space', async () => {
    const disk = await mountSmallDisk(48);
    const admin = await cli.bench.admin('target');
    try {
      await admin.script(`create tablespace small location '${disk.path}'`);
      await admin.script('create database cramped template prepared tablespace small');
      await disk.fill(1_000_000);
      const ends = await cli.ends('cramped', {});
      const result = await runToEnd(['migrate', '--json', ...ends.all]);
      const error = jsonError(result);
      expect(error).toMatchObject({
        code: 'MIGRATE_STOPPED',
        exitCode: 75,
        details: { reason: 'disk full', sqlState: '53100' },
      });
      expect(error.message).toMatch(/the disk of the target is full .*No space left on device/);
      expect(error.hint).toMatch(/^Free space on the target or enlarge its disk\. [^]*vectabase migrate --resume/);
      await disk.relieve();
      await expectResumes(ends);
    } finally {
      await admin.script('drop database if exists cramped with (force)');
      await admin.script('drop tablespace if exists small');
      await admin.close();
      await disk.unmount();
    }
  });
});
