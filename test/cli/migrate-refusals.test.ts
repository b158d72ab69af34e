/** Wrong input, before anything is written: right exit code, what and why, what to type next, no secret, nothing changed. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/foundation/process/port.ts';
import { CANARY, expectRefusal, startMigrateCli, type Ends, type MigrateCli } from '../support/migrate-cli.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';

let cli: MigrateCli;
let target: Ends;
beforeAll(async () => {
  cli = await startMigrateCli();
  target = await cli.target('shared');
});
afterAll(async () => cli?.stop());

/** Objects of a database, with a ledger where there is one. */
async function objectsIn(name: string): Promise<string> {
  const admin = await cli.bench.admin('target', name);
  const [row] = await admin.rows<{ all: string }>(
    `select md5(string_agg(oid::regclass::text, ' ' order by oid)) as all from pg_class`,
  );
  await admin.close();
  return row?.all ?? '';
}

async function inSource(sql: string): Promise<void> {
  const admin = await cli.bench.admin('source');
  await admin.script(sql);
  await admin.close();
}

describe('the way to the source', () => {
  let before = '';
  beforeAll(async () => {
    before = await objectsIn('shared');
  });

  test('a host that refuses', async () => {
    const { all, dir } = await cli.ends('refused', {
      source: { ...cli.source, port: await freePort() },
      target: target.target,
    });
    const error = await expectRefusal(['migrate', ...all], dir, {
      code: 'DATABASE_UNREACHABLE',
      exit: 7,
      message: /^no connection to postgres@127\.0\.0\.1:\d+\/postgres: .*ECONNREFUSED/,
      next: /host, port and firewall.*run again/,
    });
    expect(error.details).toMatchObject({ user: 'postgres', reason: 'ECONNREFUSED' });
  });

  test('a wrong password, a wrong user', async () => {
    const wrong = { ...cli.source, password: `${CANARY.source}-not` };
    for (const source of [wrong, { ...wrong, user: 'nobody_here' }]) {
      const { all, dir } = await cli.ends('password', { source, target: target.target });
      await expectRefusal(['migrate', ...all], dir, {
        code: 'DATABASE_AUTH_FAILED',
        exit: 4,
        message: /refused the login/,
        next: /password.*Project Settings → Database/,
      });
    }
  });

  test('a database that is not there', async () => {
    const { all, dir } = await cli.ends('unknown', {
      source: { ...cli.source, database: 'postgers' },
      target: target.target,
    });
    await expectRefusal(['migrate', ...all], dir, {
      code: 'CONNECTION_STRING_INVALID',
      exit: 2,
      message: /database "postgers" does not exist/,
      next: /database is called postgres/,
    });
  });

  test('a connection string that is none, from a file and from the environment', async () => {
    const dir = path.join(cli.bench.folder, 'strings');
    const file = path.join(cli.bench.folder, 'broken.url');
    await writeFile(file, `postgresql://postgres:${CANARY.source}#@db.example.com:5432/postgres`, { mode: 0o600 });
    const wanted = {
      code: 'CONNECTION_STRING_INVALID',
      exit: 2,
      message: /^the source connection string is not a URL; a "#"/,
      next: /Copy it from the Supabase dashboard/,
    };
    await expectRefusal(['migrate', ...target.targetOnly, '--source-file', file], dir, wanted);
    await expectRefusal(['migrate', ...target.targetOnly], dir, wanted, {
      VECTABASE_SOURCE_URL: `postgresql://postgres:${CANARY.source}#@db.example.com`,
    });
    await rm(file);
    await expectRefusal(['migrate', ...target.targetOnly, '--source-file', file], dir, {
      code: 'USAGE',
      exit: 2,
      message: /^--source-file: the file cannot be read/,
      next: /connection string/,
    });
    await expectRefusal(['migrate', ...target.targetOnly], dir, {
      code: 'USAGE',
      exit: 2,
      message: /^no source given/,
      next: /VECTABASE_SOURCE_URL.*--source-file/,
    });
  });

  test.skipIf(!hasPgBouncer)('a transaction pooler', async () => {
    const pooled = await startPgBouncer(cli.source, 'transaction');
    try {
      const { all, dir } = await cli.ends('pooler', { source: pooled.address, target: target.target });
      await expectRefusal(['migrate', ...all], dir, {
        code: 'MIGRATE_BLOCKED',
        exit: 5,
        message: /is a transaction pooler/,
        next: /port 5432.*Nothing was changed/,
      });
    } finally {
      await pooled.stop();
    }
  });

  test('a role that row security would show nothing, or only its own rows', async () => {
    await inSource(`create role blind login password '${CANARY.source}'; grant pg_read_all_data to blind`);
    try {
      const { all, dir } = await cli.ends('blind', { source: { ...cli.source, user: 'blind' }, target: target.target });
      await expectRefusal(['migrate', ...all], dir, {
        code: 'MIGRATE_BLOCKED',
        exit: 5,
        message: /role blind is subject to row security and would see only part of auth\.audit_log_entries/,
        next: /ALTER ROLE blind BYPASSRLS;/,
      });
    } finally {
      await inSource('revoke pg_read_all_data from blind; drop role blind');
    }
  });

  test('a role that may not read a table', async () => {
    await inSource(
      `create role narrow login bypassrls password '${CANARY.source}'; grant usage on schema app to narrow;
       grant select on all tables in schema public, app, auth, storage to narrow; revoke select on app.notes from narrow`,
    );
    try {
      const { all, dir } = await cli.ends('narrow', {
        source: { ...cli.source, user: 'narrow' },
        target: target.target,
      });
      await expectRefusal(['migrate', ...all], dir, {
        code: 'MIGRATE_BLOCKED',
        exit: 5,
        message: /role narrow may not read app\.notes, auth\./,
        next: /GRANT pg_read_all_data TO narrow;/,
      });
    } finally {
      await inSource('drop owned by narrow; drop role narrow');
    }
  });

  test('and none of it left anything behind', async () => {
    expect(await objectsIn('shared')).toBe(before);
  });
});

describe('the target', () => {
  test('that has objects of the same name, or rows', async () => {
    const full = await cli.target('full');
    const admin = await cli.bench.admin('target', 'full');
    await admin.script(
      `create table public.customers (id int); insert into auth.users (id) values (gen_random_uuid())`,
    );
    const before = await objectsIn('full');
    const objects = await expectRefusal(['migrate', ...full.all], full.dir, {
      code: 'MIGRATE_TARGET_NOT_EMPTY',
      exit: 5,
      message: /already has 1 object of the source: table public\.customers; .*already has rows in auth\.users/,
      next: /vectabase up --dir NEW/,
    });
    expect(objects.details['blockers']).toHaveLength(2);
    expect(await objectsIn('full')).toBe(before);
    await admin.close();
  });

  test('whose role is no superuser', async () => {
    const admin = await cli.bench.admin('target');
    await admin.script(`create role plain login password '${CANARY.target}'`);
    const { all, dir } = await cli.ends('plain', { target: { ...target.target, user: 'plain' } });
    await expectRefusal(['migrate', ...all], dir, {
      code: 'MIGRATE_BLOCKED',
      exit: 5,
      message: /role plain of the target is no superuser/,
      next: /vectabase up|superuser/,
    });
    await admin.script('drop role plain');
    await admin.close();
  });

  test('that is not there, or refuses', async () => {
    const dir = path.join(cli.bench.folder, 'nowhere');
    const [, , , , ...source] = target.all;
    for (const command of [
      ['migrate', ...source],
      ['migrate', 'status'],
      ['migrate', 'abort', '--confirm', 'postgres'],
    ]) {
      await expectRefusal([...command, '--dir', dir], dir, {
        code: 'INSTALLATION_MISSING',
        exit: 5,
        message: /nowhere holds no installation/,
        next: /Run vectabase up --dir .*nowhere/,
      });
    }
    const closed = await cli.ends('closed', { target: { ...target.target, port: await freePort() } });
    await expectRefusal(['migrate', ...closed.all], closed.dir, {
      code: 'DATABASE_UNREACHABLE',
      exit: 7,
      message: /^no connection to supabase_admin@127\.0\.0\.1/,
      next: /run again/,
    });
    const locked = await cli.ends('locked', { target: { ...target.target, password: `${CANARY.target}-not` } });
    await expectRefusal(['migrate', ...locked.all], locked.dir, {
      code: 'DATABASE_AUTH_FAILED',
      exit: 4,
      message: /supabase_admin@127\.0\.0\.1:\d+\/shared refused the login/,
      next: /user name and the password/,
    });
  });

  test('without a run: resume, status, verify and abort say so', async () => {
    const commands = [
      ['migrate', '--resume', ...target.all],
      ['migrate', 'status', ...target.targetOnly],
      ['migrate', 'verify', ...target.all],
      ['migrate', 'abort', '--confirm', 'shared', ...target.targetOnly],
    ];
    for (const command of commands) {
      await expectRefusal(command, target.dir, {
        code: 'MIGRATE_NO_RUN',
        exit: 5,
        message: /^the target holds no migration/,
        next: /vectabase migrate/,
      });
    }
  });
});

describe('the words', () => {
  test.each([
    [['--speed', '9'], /nonexistent flag|unknown flag/i, /--help/],
    [['--jobs', '0'], /jobs/, /--help|between|1/],
    [['--max-rate', 'fast'], /--max-rate: "fast" is not a size/, /20MB/],
    [['--split-above', '-1'], /--split-above/, /20MB/],
    [['--format', 'csv'], /format/, /--help|auto/],
  ])('%j is refused', async (words, message, next) => {
    await expectRefusal(['migrate', ...target.all, ...words], target.dir, { code: 'USAGE', exit: 2, message, next });
  });

  test('--only and --exclude that fit no table are refused, as they are most likely misspelt', async () => {
    for (const flag of ['--only', '--exclude']) {
      await expectRefusal(['migrate', ...target.all, flag, 'public.custmoers'], target.dir, {
        code: 'MIGRATE_BLOCKED',
        exit: 5,
        message: new RegExp(`${flag} public\\.custmoers fits no table`),
        next: /migrate plan/,
      });
    }
    await expectRefusal(['migrate', ...target.all, '--skip', 'view public.large'], target.dir, {
      code: 'MIGRATE_BLOCKED',
      exit: 5,
      message: /--skip view public\.large names no object/,
      next: /migrate plan/,
    });
  });
});
