/**
 * A source that wants the target: its code runs with its owner's rights, during the move and after it.
 *
 * Not held yet: code that sets its role back (the sessions are a superuser's, lent to the owner by SET ROLE), and
 * constant parts of a partition key's expression. Until then a source of unknown origin belongs into a target of its own.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { abortMigration } from '../../../src/operator/migrate/abort.ts';
import { verifyMigration } from '../../../src/operator/migrate/verify-again.ts';
import { contentOf, shapeOf } from '../../support/content.ts';
import { migrate, quiet, startBench, WORDS, type Bench } from '../../support/migration.ts';

let bench: Bench;
let loot: string;
beforeAll(async () => {
  bench = await startBench();
  loot = path.join(bench.target.directory, 'loot');
  const admin = await bench.admin('source');
  const sql = await readFile(assetPath('test/fixtures/hostile.sql'), 'utf8');
  await admin.script(sql.replaceAll(':file', loot));
  await admin.close();
});
afterAll(async () => bench?.stop());

/** What ran with all rights, as it signed itself. */
function signed(): string[] {
  return existsSync(loot) ? [...new Set(readFileSync(loot, 'utf8').trim().split('\n'))] : [];
}

async function gained(database: string): Promise<Record<string, unknown>> {
  const admin = await bench.admin('target', database);
  const one = async (sql: string): Promise<unknown> => (await admin.rows<{ v: unknown }>(`select (${sql}) as v`))[0]?.v;
  const answer = {
    signed: signed(),
    superusers: await one(`select json_agg(rolname order by rolname) from pg_roles where rolsuper`),
    dangerous: await one(
      `select count(*)::int from pg_auth_members where roleid::regrole::text ~ '^pg_(execute_server|read_server|write_server)'
         and member::regrole::text !~ '^pg_'`,
    ),
    preload: await one(`select count(*)::int from pg_db_role_setting s, unnest(setconfig) c where c like '%preload%'`),
    loot: await one(`select to_regclass('public.loot')::text`),
    doors: await one(
      `select json_agg(p.oid::regprocedure::text) from pg_proc p join pg_roles r on r.oid = proowner
       where prosecdef and rolsuper and pronamespace = 'public'::regnamespace`,
    ),
    windows: await one(
      `select json_agg(c.oid::regclass::text) from pg_class c join pg_roles r on r.oid = relowner
       where relkind in ('v', 'm') and rolsuper and relnamespace = 'public'::regnamespace`,
    ),
    users: await one(`select to_regclass('auth.users')::text`),
  };
  await admin.close();
  return answer;
}

const NOTHING = {
  signed: [],
  superusers: ['supabase_admin'],
  dangerous: 0,
  preload: 0,
  loot: null,
  doors: null,
  windows: null,
  users: 'auth.users',
};

async function changeRows(): Promise<void> {
  const admin = await bench.admin('source');
  await admin.script(`update public.of_postgres set t = t || '.'; update public.of_supabase_admin set t = t || '.'`);
  await admin.close();
}

describe('a hostile source', () => {
  test('gains nothing by a move that is stopped and continued', async () => {
    const target = await bench.freshTarget('victim');
    const source = bench.source.address('postgres', { user: 'postgres', password: 'source', tcp: true });
    const controller = new AbortController();
    const first = migrate(
      { source, target },
      {
        signal: controller.signal,
        onObservation: ({ event, id }) =>
          event === 'migrate.step.started' && id.startsWith('refresh') && controller.abort(new Error('stopped')),
      },
    );
    await expect(first).rejects.toMatchObject({ code: 'MIGRATE_STOPPED' });
    await changeRows();
    const second = (await migrate({ source, target }, { resume: true })).report;
    expect(second.catalogue?.different).toEqual([]);
    expect(second.outcome).toBe('complete');
    // As if killed between the last step and the end, with event triggers in place.
    const victim = await bench.admin('target', 'victim');
    await victim.script(`update vectabase_migration.run set state = 'running'`);
    expect(await victim.rows('select from pg_event_trigger')).toHaveLength(1);
    await victim.close();
    await changeRows();
    const { report } = await migrate({ source, target }, { resume: true });
    expect(report.catalogue?.different).toEqual([]);
    expect(report.outcome).toBe('complete');
    expect(await gained('victim')).toEqual(NOTHING);
    const [left, right] = await Promise.all([bench.admin('source'), bench.admin('target', 'victim')]);
    const shape = await shapeOf(left);
    await right.script('set role postgres'); // to look as a superuser would be our own mistake
    const [here, there] = [await contentOf(right, shape), await contentOf(left, shape)];
    await left.close();
    await right.close();
    expect(here).toEqual(there);
  });

  test('nor by a verification', async () => {
    const ends = { source: bench.sourceAddress, target: bench.target.address('victim') };
    expect((await verifyMigration({ ends, jobs: 1, words: WORDS }, quiet())).outcome).toBe('complete');
    expect(await gained('victim')).toEqual(NOTHING);
  });

  test('nor by an abort', async () => {
    await abortMigration(bench.target.address('victim'), quiet());
    expect(await gained('victim')).toEqual(NOTHING);
  });
});
