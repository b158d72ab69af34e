import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENVELOPE_PREFIX } from '../../../src/foundation/encryption/envelope.ts';
import { applyEncryption } from '../../../src/operator/encryption/apply.ts';
import type { ColumnPolicy } from '../../../src/operator/encryption/model.ts';
import { withDatabase } from '../../../src/operator/encryption/open.ts';
import { openPgp } from '../../../src/operator/encryption/pgp.ts';
import { planEncryption } from '../../../src/operator/encryption/plan.ts';
import { rotateDataKey } from '../../../src/operator/encryption/rotate.ts';
import { encryptionStatus } from '../../../src/operator/encryption/status.ts';
import { renderNext } from '../../../src/operator/encryption/text.ts';
import { undoEncryption } from '../../../src/operator/encryption/undo.ts';
import { verifyEncryption } from '../../../src/operator/encryption/verify.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { encryptedDatabase, one, recorded, type EncryptedDatabase } from '../../support/encryption.ts';

const FIXTURE = `
create table public.keys (
  tenant int, id text, code text not null constraint keys_code_once unique, alias varchar, raw bytea, updated_at timestamptz default now(),
  primary key (tenant, id));
create unique index keys_alias on public.keys (tenant, alias) where alias is not null;
create index keys_code_spare on public.keys (code);
create function public.touch() returns trigger language plpgsql as 'begin new.updated_at = clock_timestamp(); return new; end';
create trigger touch before update on public.keys for each row execute function public.touch();
insert into public.keys select i % 3, 'Ä,' || i, 'code ' || i, case when i % 2 = 0 then 'vt1.alias ' || i end, decode(md5(i::text), 'hex')
  from generate_series(1, 2500) i;
create table public.bare (secret text);
create table public.narrow (id int primary key, short varchar(10), twice text unique, checked text check (length(checked) < 9));`;

const column = (name: string, blindIndex = false): ColumnPolicy => {
  const [table = '', field = ''] = name.split('.');
  return { schema: 'public', table, column: field, blindIndex, readers: ['service_role'] };
};
const POLICY = [column('keys.code', true), column('keys.raw')];
const PLAIN = `select md5(string_agg(concat_ws('|', tenant, id, code, alias, raw, updated_at), ',' order by tenant, id)) from public.keys`;
const INDEXES = `select string_agg(indexdef, e'\\n' order by indexname) from pg_indexes where tablename = 'keys'`;

let cluster: TestCluster;
let database: EncryptedDatabase;
let before: unknown;
let indexes: unknown;

beforeAll(async () => {
  cluster = await startTestCluster();
  database = await encryptedDatabase(cluster, 'applied', FIXTURE);
  before = await one(database.admin, PLAIN);
  indexes = await one(database.admin, INDEXES);
});

afterAll(async () => {
  await database?.admin.close();
  await cluster?.stop();
});

describe('the plan', () => {
  test('names what stands in the way, and changes nothing', async () => {
    const policy = [column('bare.secret'), column('narrow.short'), column('narrow.twice'), column('narrow.checked')];
    const plan = async () => withDatabase(database.target, false, async (session) => planEncryption(session, policy));
    const { columns } = await plan();
    expect(columns.map(({ blockers }) => blockers)).toEqual([
      [expect.stringContaining('no primary key')],
      [expect.stringContaining('character varying(10)')],
      [expect.stringContaining('needs blindIndex')],
      [expect.stringContaining('check constraint')],
    ]);
    const refused = applyEncryption({ ...database, policy: [...POLICY, ...policy] }, recorded());
    await expect(refused).rejects.toMatchObject({ code: 'ENCRYPTION_BLOCKED' });
    expect(await one(database.admin, 'select count(*)::int from vectabase.encrypted_columns')).toBe(0);
    expect(await one(database.admin, PLAIN)).toBe(before);
  });

  test('a column that this database lacks is passed over', async () => {
    const result = await applyEncryption({ ...database, policy: [column('nothing.here')] }, recorded());
    expect(result.columns).toMatchObject([{ action: 'absent' }]);
  });
});

describe('encrypting, rotating and undoing', () => {
  test('encrypts every value and nothing else, and goes on after a stop at any batch', async () => {
    const stop = new AbortController();
    const stopped = recorded(stop.signal);
    const observe = stopped.observe;
    const context = {
      ...stopped,
      observe: (each: Parameters<typeof observe>[0]) => {
        observe(each);
        if (each.event === 'encryption.table.progress') stop.abort(new Error('stopped'));
      },
    };
    await expect(applyEncryption({ ...database, policy: POLICY }, context)).rejects.toThrow('stopped');
    const half = await encryptionStatus(database.target);
    expect(half.columns).toMatchObject([{ state: 'applying', values: { plain: 1500 } }, { state: 'applying' }]);
    // 2,500 values in each of two columns, of which one batch of 1,000 rows is done.
    expect(await verifyEncryption(database, recorded())).toMatchObject({
      values: 2000,
      plain: { applying: 3000, undoing: 0 },
      bad: 0,
    });

    const done = await applyEncryption({ ...database, policy: POLICY }, recorded());
    expect(done).toMatchObject({ values: 3000, clean: true, columns: [{ action: 'done' }, { action: 'done' }] });
    const status = await encryptionStatus(database.target);
    const [key] = status.dataKeys;
    expect(status.columns.map(({ values }) => values)).toEqual([{ [key?.id ?? '']: 2500 }, { [key?.id ?? '']: 2500 }]);
    const untouched = `select count(*)::int from public.keys where starts_with(code, '${ENVELOPE_PREFIX}') and alias is not distinct from
      case when substr(id, 3)::int % 2 = 0 then 'vt1.alias ' || substr(id, 3) end`;
    expect(await one(database.admin, untouched)).toBe(2500);
    expect(await one(database.admin, 'select count(distinct updated_at)::int from public.keys')).toBe(1);
    expect((await verifyEncryption(database, recorded())).bad).toBe(0);
  });

  test('carries unique constraints over to the blind index', async () => {
    const names = await one(
      database.admin,
      `select string_agg(indexname, ',' order by indexname) from pg_indexes where tablename = 'keys'`,
    );
    expect(names).toBe('keys_alias,keys_code_once,keys_code_spare,keys_pkey');
  });

  test('a second apply has nothing to do', async () => {
    const again = await applyEncryption({ ...database, policy: POLICY }, recorded());
    expect(again.values).toBe(0);
  });

  test('brings every value under a new key, and goes on after a stop', async () => {
    const stop = new AbortController();
    const stopping = recorded(stop.signal);
    const rotation = rotateDataKey(database, {
      ...stopping,
      observe: (each) => {
        if (each.event === 'encryption.table.progress') stop.abort(new Error('stopped'));
      },
    });
    await expect(rotation).rejects.toThrow('stopped');
    const half = await encryptionStatus(database.target);
    expect(Object.keys(half.columns[0]?.values ?? {})).toHaveLength(2);
    expect((await verifyEncryption(database, recorded())).bad).toBe(0);
    const done = await rotateDataKey(database, recorded());
    expect(done).toMatchObject({ resumed: true, values: 3000 });
    const { columns } = await encryptionStatus(database.target);
    expect(columns.map(({ values }) => values)).toEqual([{ [done.keyId]: 2500 }, { [done.keyId]: 2500 }]);
    expect((await verifyEncryption(database, recorded())).bad).toBe(0);
  });

  test('names values that were moved, changed or put in as plaintext', async () => {
    // Another letter of base64url: with any other sign it would count as plaintext.
    await database.admin.script(`set session_replication_role = replica; drop index public.keys_code_once;
      update public.keys set code = (select code from public.keys where id = 'Ä,5') where id = 'Ä,7';
      update public.keys set raw = set_byte(raw, 40, case get_byte(raw, 40) when 65 then 66 else 65 end) where id = 'Ä,9';
      set session_replication_role = origin`);
    const { damaged, bad, values } = await verifyEncryption(database, recorded());
    expect([bad, values]).toEqual([2, 5000]);
    expect(damaged.map(({ column: name, key }) => [name, key])).toEqual([
      ['public.keys.code', ['1', 'Ä,7']],
      ['public.keys.raw', ['0', 'Ä,9']],
    ]);
    await expect(rotateDataKey(database, recorded())).rejects.toMatchObject({ code: 'ENCRYPTION_DAMAGED' });
    await database.admin
      .script(`set session_replication_role = replica; delete from public.keys where id in ('Ä,7', 'Ä,9');
      set session_replication_role = origin`);
    await rotateDataKey(database, recorded());
  });

  test('undo gives back what was there, with indexes and constraints', async () => {
    const undone = await undoEncryption(database, [], recorded());
    expect(undone).toMatchObject({ columns: ['public.keys.code', 'public.keys.raw'], values: 4996 });
    const missing = `insert into public.keys select i % 3, 'Ä,' || i, 'code ' || i, case when i % 2 = 0 then 'vt1.alias ' || i end,
      decode(md5(i::text), 'hex'), (select updated_at from public.keys limit 1) from unnest(array[7, 9]) i`;
    await database.admin.script(missing);
    expect(await one(database.admin, PLAIN)).toBe(before);
    expect(await one(database.admin, INDEXES)).toBe(indexes);
    expect(
      await one(
        database.admin,
        `select count(*)::int from pg_trigger where tgrelid = 'public.keys'::regclass and tgname ~ 'vectabase'`,
      ),
    ).toBe(0);
    expect((await encryptionStatus(database.target)).columns).toEqual([]);
  });
});

test('what pgp_sym_encrypt made is encrypted anew, with whichever old passphrase opens it', async () => {
  const { admin } = database;
  await admin.script(`create table public.robots (id uuid primary key default gen_random_uuid(), n int, api bytea);
    insert into public.robots (n, api) values (1, extensions.pgp_sym_encrypt('roblox one', 'old')),
      (2, extensions.pgp_sym_encrypt('roblox two', 'fallback')), (3, 'plain'), (4, null)`);
  const input = { ...database, policy: [column('robots.api')] };
  const apply = async (...passphrases: string[]) =>
    applyEncryption(input, recorded(), {
      legacy: async (session, stored, name) => openPgp(session, stored, name, { passphrases, keepUnopened: false }),
    });
  const next = async (policy: ColumnPolicy[]) => {
    const plan = await withDatabase(database.target, false, async (session) => planEncryption(session, policy));
    return renderNext(plan, ' --dir /srv/vb');
  };
  const withPgp = 'Next: vectabase encryption apply --pgp-passphrase-file FILE --dir /srv/vb\n';
  expect(await next(input.policy)).toBe(withPgp);
  expect(await next([column('keys.raw')])).toBe('Next: vectabase encryption apply --dir /srv/vb\n');
  expect(await next([column('nothing.here')])).toMatch(/^None of these columns is in .*encryption\.columns/);
  await expect(apply('old')).rejects.toMatchObject({ code: 'ENCRYPTION_BLOCKED' });
  expect(await next(input.policy)).toBe(withPgp);
  await apply('wrong', 'fallback', 'old');
  expect(await next(input.policy)).toBe('');
  await undoEncryption(input, [], recorded());
  expect(await one(admin, `select string_agg(convert_from(api, 'UTF8'), ',' order by n) from public.robots`)).toBe(
    'roblox one,roblox two,plain',
  );
});
