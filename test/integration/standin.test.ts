import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/foundation/core/observe.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { ident, literal } from '../../src/foundation/postgres/sql.ts';
import { buildStandinSource, type StandinReport } from '../../src/operator/demo/standin/build.ts';
import { STANDIN_FACTS } from '../../src/operator/demo/standin/facts.ts';
import {
  FALLBACK_PASSPHRASE,
  PASSWORDS,
  ROBLOX_KEYS_FALLBACK,
  ROBLOX_KEYS_SETTING,
  SETTING_PASSPHRASE,
} from '../../src/operator/demo/standin/secrets.ts';
import { NASTY } from '../../src/operator/demo/standin/sql.ts';
import { TRAPS } from '../fixtures/standin-traps.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';

const context = { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };

let cluster: TestCluster;
let source: Session;
let report: StandinReport;

beforeAll(async () => {
  cluster = await startTestCluster();
  source = await open('source');
  report = await buildStandinSource(source, { rows: 5000, seed: 7 }, context);
});

afterAll(async () => {
  await source?.close();
  await cluster?.stop();
});

async function open(database: string): Promise<Session> {
  return Session.open(await cluster.createDatabase(database), { applicationName: `standin ${database}` });
}

async function value(sql: string, session = source): Promise<unknown> {
  const [row] = await session.rows(`select (${sql}) as value`);
  return row?.['value'];
}

describe('the catalogue', () => {
  it('holds what the project it is shaped after holds in public', async () => {
    const counted = await source.rows(`
      select
        (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r') as tables,
        (select count(*)::int from pg_attribute a join pg_class c on c.oid = a.attrelid
          where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and attnum > 0) as columns,
        (select count(*)::int from pg_policies where schemaname = 'public') as policies,
        (select count(*)::int from pg_indexes where schemaname = 'public') as indexes,
        (select count(*)::int from pg_constraint where connamespace = 'public'::regnamespace and contype = 'f') as foreign_keys,
        (select count(*)::int from pg_constraint where connamespace = 'public'::regnamespace and contype = 'c') as checks,
        (select count(*)::int from pg_trigger t join pg_class c on c.oid = t.tgrelid
          where c.relnamespace = 'public'::regnamespace and not tgisinternal) as triggers,
        (select count(*)::int from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal) as auth_triggers,
        (select count(*)::int from pg_proc where pronamespace = 'public'::regnamespace) as functions,
        (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v') as views,
        (select count(*)::int from pg_policies where schemaname = 'storage' and tablename = 'objects') as object_policies,
        (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity)
          as tables_without_row_security`);
    expect(counted).toEqual([
      {
        tables: 60,
        columns: 544,
        policies: 189,
        indexes: 247,
        foreign_keys: 88,
        checks: 17,
        triggers: 25,
        auth_triggers: 2,
        functions: 33,
        views: 2,
        object_policies: 7,
        tables_without_row_security: 4,
      },
    ]);
  });

  it('has the load levels of the real one: deletes cascade 72 times, set null 13 times, stop 3 times', async () => {
    const rules = await source.rows(`
      select confdeltype::text as rule, count(*)::int as keys from pg_constraint
      where connamespace = 'public'::regnamespace and contype = 'f' group by 1 order by 1`);
    expect(rules).toEqual([
      { rule: 'a', keys: 3 },
      { rule: 'c', keys: 72 },
      { rule: 'n', keys: 13 },
    ]);
  });

  it('belongs to postgres, which is no superuser', async () => {
    expect(
      await value(`select count(*)::int from pg_tables where schemaname = 'public' and tableowner <> 'postgres'`),
    ).toBe(0);
    expect(await value(`select rolsuper from pg_roles where rolname = 'postgres'`)).toBe(false);
    expect(await value(`select pg_has_role('postgres', 'supabase_auth_admin', 'member')`)).toBe(false);
  });

  it('shows no trace of the installer', async () => {
    expect(await value(`select to_regnamespace('vectabase') is null and to_regnamespace('standin') is null`)).toBe(
      true,
    );
  });
});

describe('the rows', () => {
  it('are as many as asked for, and in every table', async () => {
    expect(report.rows).toBe(5000);
    expect(Object.values(report.tables).reduce((sum, rows) => sum + rows, 0)).toBe(5000);
    const tables = Object.keys(report.tables).filter((name) => name.startsWith('public.'));
    expect(tables).toHaveLength(60);
    const counted: Record<string, unknown> = {};
    for (const name of Object.keys(report.tables)) {
      const [schema = '', table = ''] = name.split('.');
      counted[name] = await value(`select count(*)::int from ${ident(schema, table)}`);
    }
    expect(counted).toEqual(report.tables);
    expect(Object.entries(counted).filter(([, rows]) => rows === 0)).toEqual([]);
  });

  it('keep every foreign key and check, though both were off while loading', async () => {
    const notValid = [expect.stringMatching(/^not_negative /), expect.stringMatching(/^notes_of_departments /)];
    expect(await brokenKeys()).toEqual(notValid);
  });

  it('are the same bytes for the same seed, and others for another', async () => {
    const [same, other] = [await open('same'), await open('other')];
    try {
      await buildStandinSource(same, { rows: 5000, seed: 7 }, context);
      await buildStandinSource(other, { rows: 5000, seed: 8 }, context);
      const hashes = await contents(source);
      expect(Object.keys(hashes).length).toBeGreaterThan(120);
      expect(await contents(same)).toEqual(hashes);
      expect(await contents(other)).not.toEqual(await contents(source));
    } finally {
      await same.close();
      await other.close();
    }
  });

  it.each(Object.entries(TRAPS))('hold %s', async (_, sql) => {
    await source.script(`set search_path = "$user", public, extensions`); // the key functions pin no search_path
    expect(await value(sql)).toBe(true);
  });

  it('hold every text that copies stumble over', async () => {
    const columns =
      'profiles.display_name products.title product_reviews.content forum_posts.title forum_posts.content ' +
      'forum_replies.content roadmap_items.title security_audit_log.user_agent api_keys.name stores.store_name ' +
      'bot_products.redemption_message changelogs.content';
    const selects = columns
      .split(' ')
      .map((name) => name.split('.'))
      .map(([table, column]) => `select ${column} as text from public.${table}`);
    const texts = new Set((await source.rows(selects.join(' union '))).map((row) => row['text']));
    expect(NASTY.filter((text) => !texts.has(text))).toEqual([]);
  });
});

describe('the facts', () => {
  const as = async (role: string, user?: string): Promise<Record<string, number>> => {
    const claims = JSON.stringify(user === undefined ? { role } : { role, sub: user });
    await source.script(`begin; set local role ${role}; set local request.jwt.claims = ${literal(claims)}`);
    try {
      const seen: Record<string, number> = {};
      for (const name of ['anonRow', 'ownerRow', 'foreignRow'] as const) {
        const { schema, table, id } = STANDIN_FACTS[name];
        seen[name] = Number(await value(`select count(*) from ${ident(schema, table)} where id = ${literal(id)}`));
      }
      return seen;
    } finally {
      await source.script('rollback');
    }
  };

  it('name a row for anybody and a row for its owner alone', async () => {
    expect(await as('anon')).toEqual({ anonRow: 1, ownerRow: 0, foreignRow: 0 });
    expect(await as('authenticated', STANDIN_FACTS.demoUser.id)).toEqual({ anonRow: 1, ownerRow: 1, foreignRow: 0 });
    expect(await as('service_role')).toEqual({ anonRow: 1, ownerRow: 1, foreignRow: 1 });
  });

  it('name a user who can sign in', async () => {
    const { id, email, password } = STANDIN_FACTS.demoUser;
    const [row] = await source.rows(
      `select id, extensions.crypt($2, encrypted_password) = encrypted_password as fits from auth.users where email = $1`,
      [email, password],
    );
    expect(row).toEqual({ id, fits: true });
  });

  it('know every password and every key', async () => {
    const unknown = await source.rows(
      `select distinct hashed from auth.users, left(encrypted_password, 60) as hashed
       where encrypted_password like '$2a$%' and encrypted_password <> all (select extensions.crypt(known, hashed) from unnest($1::text[]) as known)`,
      [PASSWORDS],
    );
    expect(unknown).toEqual([]);
    const [keys] = await source.rows(
      `select bool_and(extensions.pgp_sym_decrypt(decode(f, 'hex'), $3) like 'rbx-fallback-%') as fallback,
        bool_and(extensions.pgp_sym_decrypt(decode(s, 'hex'), $4) like 'rbx-setting-%') as setting
       from unnest($1::text[], $2::text[]) as keys (f, s)`,
      [ROBLOX_KEYS_FALLBACK, ROBLOX_KEYS_SETTING, FALLBACK_PASSPHRASE, SETTING_PASSPHRASE],
    );
    expect(keys).toEqual({ fallback: true, setting: true });
  });

  it('list the tables that every report must name', async () => {
    expect(new Set(STANDIN_FACTS.requiredTables).size).toBe(18);
    for (const table of STANDIN_FACTS.requiredTables) expect(report.tables).toHaveProperty([`public.${table}`]);
  });
});

/** A hash of the rows of every table, whatever their order; also of those that are not in the report. */
async function contents(session: Session): Promise<Record<string, unknown>> {
  const tables = await session.rows<{ name: string }>(`
    select format('%I.%I', nspname, relname) as name from pg_class c join pg_namespace n on n.oid = relnamespace
    where relkind = 'r' and nspname !~ '^pg_|^information_schema$' order by 1`);
  const hashes: Record<string, unknown> = {};
  for (const { name } of tables) {
    hashes[name] = await value(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' order by t::text)), '') from only ${name} as t`,
      session,
    );
  }
  return hashes;
}

/** Keys and checks that the rows do not meet: `constraint rows`. */
async function brokenKeys(): Promise<string[]> {
  await source.script(`
    create function pg_temp.broken() returns setof text language plpgsql as $$
    declare
      item record;
      found bigint;
    begin
      for item in
        select conname, format('select count(*) from %s as a where %s and not exists (select from %s as b where %s)',
          conrelid::regclass,
          (select string_agg(format('a.%I is not null', attname), ' and ') from pg_attribute
            where attrelid = conrelid and attnum = any (conkey)),
          confrelid::regclass,
          (select string_agg(format('a.%I = b.%I', near.attname, far.attname), ' and ')
            from unnest(conkey, confkey) as pair (x, y)
            join pg_attribute near on near.attrelid = conrelid and near.attnum = x
            join pg_attribute far on far.attrelid = confrelid and far.attnum = y)) as query
        from pg_constraint where contype = 'f' and conparentid = 0
        union all
        select conname, format('select count(*) from %s where not (%s)', conrelid::regclass, pg_get_expr(conbin, conrelid))
        from pg_constraint where contype = 'c' and conrelid <> 0
        order by 1
      loop
        execute item.query into found;
        if found > 0 then return next item.conname || ' ' || found; end if;
      end loop;
    end $$`);
  const rows = await source.rows<{ broken: string }>('select pg_temp.broken() as broken');
  return rows.map((row) => row.broken);
}
