/** A move copies what is there: no trigger of the project runs, nothing on the source is touched. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contentOf, shapeOf } from '../../support/content.ts';
import { fingerprint } from '../../support/fingerprint.ts';
import { migrate, startBench, type Bench } from '../../support/migration.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await startBench({ standin: { rows: 5000 } });
  const admin = await bench.admin('source');
  // A wire across every table: whoever fires one of its triggers leaves a row in a table that is compared.
  await admin.script(`
    create table public.fired (what text);
    create function public.fire() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      insert into public.fired values (tg_op || ' ' || tg_table_name || ' ' || tg_name);
      if tg_level = 'ROW' then return coalesce(new, old); end if;
      return null;
    end $$;
    do $do$
    declare r record; mode text;
    begin
      for r in select c.oid::regclass as t from pg_class c join pg_namespace n on n.oid = relnamespace
               where n.nspname in ('public', 'app_private') and relkind = 'r' and relname <> 'fired' and relnatts > 0 and reloftype = 0 loop
        foreach mode in array array['', 'always', 'replica'] loop
          execute format('create trigger %I before insert or update or delete on %s for each row execute function public.fire()', 'wire_row_' || mode, r.t);
          execute format('create trigger %I after insert or update or delete or truncate on %s for each statement execute function public.fire()', 'wire_all_' || mode, r.t);
          if mode <> '' then
            execute format('alter table %s enable %s trigger %I, enable %s trigger %I', r.t, mode, 'wire_row_' || mode, mode, 'wire_all_' || mode);
          end if;
        end loop;
      end loop;
    end $do$;
    insert into public.fired values ('none so far'); analyze`);
  await admin.close();
});
afterAll(async () => bench?.stop());

async function sourceAsItIs(): Promise<unknown> {
  const session = await bench.admin('source');
  const shape = await shapeOf(session);
  const content = await contentOf(session, shape);
  const left = await session.rows(
    `select (select count(*) from pg_replication_slots) as slots, (select count(*) from pg_prepared_xacts) as prepared,
       (select count(*) from pg_class where relpersistence = 't') as temporary,
       (select count(*) from pg_stat_activity where application_name like 'vectabase%') as sessions`,
  );
  const catalogue = await fingerprint(session);
  await session.close();
  return { content, left, catalogue };
}

async function expectEqual(name: string): Promise<void> {
  const [left, right] = await Promise.all([bench.admin('source'), bench.admin('target', name)]);
  const shape = await shapeOf(left);
  const [here, there] = [await contentOf(right, shape), await contentOf(left, shape)];
  await left.close();
  await right.close();
  expect(here).toEqual(there);
}

/** Nearly every table of the project loses a row, and what goes with it. */
async function changeEveryTable(): Promise<void> {
  const admin = await bench.admin('source');
  await admin.script(`
    set row_security = off;
    do $do$
    declare r record;
    begin
      for r in select c.oid::regclass as t from pg_class c join pg_namespace n on n.oid = relnamespace
               where n.nspname in ('public', 'app_private', 'auth', 'storage') and relkind = 'r'
                 and c.oid::regclass::text not in ('fired', 'auth.schema_migrations', 'storage.migrations') loop
        begin
          execute format('delete from only %s where ctid = (select min(ctid) from only %1$s)', r.t);
        exception when others then null;
        end;
      end loop;
    end $do$;
    delete from public.fired where what <> 'none so far';
    refresh materialized view app_private.events_by_kind`);
  await admin.close();
}

async function triggerModes(database: string, side: 'source' | 'target'): Promise<unknown> {
  const session = await bench.admin(side, database);
  const rows = await session.rows(
    `select tgrelid::regclass::text as t, tgname, tgenabled::text from pg_trigger where tgname like 'wire%' order by 1, 2`,
  );
  await session.close();
  return rows;
}

describe('a move', () => {
  test('fires no trigger, whatever its mode, and leaves the source as it was', async () => {
    const before = await sourceAsItIs();
    const { report } = await migrate({ source: bench.sourceAddress, target: await bench.freshTarget('quiet') });
    expect(report.outcome).toBe('complete');
    await expectEqual('quiet');
    expect(await sourceAsItIs()).toEqual(before);
    expect(await triggerModes('quiet', 'target')).toEqual(await triggerModes('postgres', 'source'));
  });

  test('nor when every table is copied again, with triggers, policies and grants in place', async () => {
    const target = await bench.freshTarget('again');
    const controller = new AbortController();
    const run = migrate(
      { source: bench.sourceAddress, target },
      {
        signal: controller.signal,
        onObservation: ({ event, id }) =>
          event === 'migrate.step.started' && id.startsWith('refresh') && controller.abort(new Error('stop')),
      },
    );
    await expect(run).rejects.toMatchObject({ code: 'MIGRATE_STOPPED' });
    await changeEveryTable();
    const { report, observations } = await migrate({ source: bench.sourceAddress, target }, { resume: true });
    const again = observations.filter(
      (seen) => seen.event === 'migrate.resume.noted' && seen.decision === 'copied again',
    );
    expect(again.length).toBeGreaterThan(50);
    expect(report.catalogue?.different).toEqual([]);
    expect(report).toMatchObject({ outcome: 'complete', consistency: 'revalidated' });
    await expectEqual('again');
    expect(await triggerModes('again', 'target')).toEqual(await triggerModes('postgres', 'source'));
  });
});
