/** An abort leaves the target as it was before, wherever the run had come to; or it changes nothing and says what is in the way. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { abortMigration } from '../../../src/operator/migrate/abort.ts';
import type { MigrateObservation } from '../../../src/operator/migrate/observations.ts';
import { migrationStatus } from '../../../src/operator/migrate/status.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { contentOf, shapeOf } from '../../support/content.ts';
import { fingerprint, type Fingerprint } from '../../support/fingerprint.ts';
import { migrate, quiet, startBench, type Bench } from '../../support/migration.ts';

let bench: Bench;
let before: Picture;
beforeAll(async () => {
  bench = await startBench({ standin: { rows: 5000 } });
  // What the target says for itself, so that the copy has something to say otherwise.
  const prepared = await bench.admin('target', 'prepared');
  await prepared.script(`
    comment on schema public is 'ours';
    grant usage on schema public to dashboard_user;
    alter default privileges for role postgres in schema public grant select on tables to dashboard_user;
    alter role anon set statement_timeout = '5s'`);
  await prepared.close();
  await bench.freshTarget('untouched');
  before = await picture('untouched');
});
afterAll(async () => bench?.stop());

interface Picture {
  readonly catalogue: Fingerprint;
  readonly content: Readonly<Record<string, string>>;
}

async function picture(name: string): Promise<Picture> {
  const session = await bench.admin('target', name);
  const catalogue = await fingerprint(session);
  const content = await contentOf(session, await shapeOf(session));
  await session.close();
  return { catalogue, content };
}

async function drop(database: string): Promise<void> {
  const admin = await bench.admin('target');
  await admin.script(`drop database ${database}`);
  await admin.close();
}

/** Runs a migration up to the observation that `until` waits for. */
async function migrateUntil(target: DatabaseAddress, until: (seen: MigrateObservation) => boolean): Promise<void> {
  const controller = new AbortController();
  await migrate(
    { source: bench.sourceAddress, target },
    {
      signal: controller.signal,
      onObservation: (seen) => until(seen) && controller.abort(new Error('stopped by the test')),
    },
  ).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'MIGRATE_STOPPED') throw error;
  });
}

const POINTS: ReadonlyArray<readonly [string, ((seen: MigrateObservation) => boolean) | null]> = [
  ['begun', ({ event }) => event === 'migrate.snapshot.noted'],
  ['schema', ({ event }) => event === 'migrate.table.started'],
  ['half', ({ event, id }) => event === 'migrate.table.finished' && id === 'public.profiles'],
  ['keys', ({ event, id }) => event === 'migrate.step.finished' && id.startsWith('foreign keys')],
  ['almost', ({ event, id }) => event === 'migrate.step.finished' && id.startsWith('finish')],
  ['finished', null],
];

describe.each(POINTS)('a run that had come to: %s', (name, until) => {
  test('is taken back whole', async () => {
    const target = await bench.freshTarget(name);
    await migrateUntil(target, until ?? (() => false));
    expect((await migrationStatus(target)).state).toBe(until ? 'running' : 'finished');
    await abortMigration(target, quiet());
    expect(await picture(name)).toEqual(before);
    await expect(migrationStatus(target)).rejects.toMatchObject({ code: 'MIGRATE_NO_RUN', exitCode: 5 });
    await expect(abortMigration(target, quiet())).rejects.toMatchObject({ code: 'MIGRATE_NO_RUN' });
  });
});

describe('something of the operator’s own was built on top', () => {
  test.each([
    ['a view', 'create view public.mine as select id from public.profiles', /public\.mine|view mine/],
    ['a key', 'create table public.mine (id uuid references public.profiles)', /mine/],
    ['a column', 'create table public.mine (role app_private.mood)', /mine/],
    [
      'rows of a key to users',
      'create table mine.notes (id uuid references auth.users); insert into mine.notes select id from auth.users',
      /mine\.notes refer to .*notes_id_fkey/,
    ],
    ['a table in a schema that came along', 'create table app_private.mine (id int)', /app_private/],
  ])('%s: it is named, and nothing is changed', async (what, sql, message) => {
    const database = `top_${what.length}_${sql.length}`;
    const target = await bench.target.createDatabase(database, 'moved');
    const admin = await bench.admin('target', database);
    await admin.script(`create schema mine; ${sql}`);
    await admin.close();
    const there = await picture(database);
    const error: unknown = await abortMigration(target, quiet()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MIGRATE_ABORT_BLOCKED', exitCode: 5 });
    expect((error as Error).message).toMatch(message);
    expect(await picture(database)).toEqual(there);
    expect((await migrationStatus(target)).state).toBe('finished');
    await drop(database);
  });

  beforeAll(async () => {
    await migrate({ source: bench.sourceAddress, target: await bench.freshTarget('moved') });
  });
});

test('what the operator has dropped himself is not missed', async () => {
  const target = await bench.target.createDatabase('thinned', 'moved');
  const admin = await bench.admin('target', 'thinned');
  await admin.script(
    'drop table public.newsletter_campaigns cascade; drop schema app_private cascade; alter table public.sales drop column id cascade',
  );
  await admin.close();
  // Roles belong to the whole server: those that another database leans on stay, and are told.
  expect((await abortMigration(target, quiet())).kept).toContain('role app_readers');
  const { catalogue, content } = await picture('thinned');
  const { roles, members } = catalogue;
  expect({ catalogue: { ...before.catalogue, roles, members }, content: before.content }).toEqual({
    catalogue,
    content,
  });
});

test('what was taken back can be moved again', async () => {
  const { report } = await migrate({ source: bench.sourceAddress, target: bench.target.address('finished') });
  expect(report.outcome).toBe('complete');
});
