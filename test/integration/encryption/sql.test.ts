import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { netstrings } from '../../../src/foundation/encryption/binding.ts';
import { ensureKeys, openKeys, readStoredKeys } from '../../../src/foundation/encryption/key-store.ts';
import type { ColumnKeys } from '../../../src/foundation/encryption/column-keys.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { gcmVectors, hex } from '../../support/gcm-vectors.ts';

const TABLE = `
create table public.codes (id uuid primary key default gen_random_uuid(), owner int unique, code text unique, raw bytea, note text);
grant all on public.codes to service_role, authenticated;
select vectabase.begin_encryption('public', 'codes', 'code', 'text', true, '{service_role}', '{id}');
select vectabase.begin_encryption('public', 'codes', 'raw', 'bytea', false, '{service_role}', '{id}');
select vectabase.finish_encryption('public', 'codes', 'code'), vectabase.finish_encryption('public', 'codes', 'raw')`;

let cluster: TestCluster;
let admin: Session;
let keys: ColumnKeys;

beforeAll(async () => {
  cluster = await startTestCluster();
  admin = await Session.open(await cluster.createDatabase('values'), { applicationName: 'test' });
  await applyTemplates(admin, 'platform');
  await applyTemplates(admin, 'encryption');
  const masterKey = randomBytes(32);
  await admin.script('begin');
  await ensureKeys(admin, masterKey);
  await admin.script('commit');
  keys = await openKeys(await readStoredKeys(admin), masterKey);
  await admin.script(TABLE);
});

afterAll(async () => {
  await admin?.close();
  await cluster?.stop();
});

/** Runs with the keys open, as the API's sessions do. */
async function withKeys<T>(body: () => Promise<T>, role = 'service_role'): Promise<T> {
  const [offer] = await admin.rows<{ secret: string }>('select vectabase.offer_keys() as secret');
  await admin.script('begin');
  try {
    await admin.rows(`select set_config('vectabase.keys', $1, true), set_config('role', $2, true)`, [
      keys.sealForSession(hex(offer?.secret ?? '')),
      role,
    ]);
    return await body();
  } finally {
    await admin.script('commit');
  }
}

async function one(text: string, values: readonly unknown[] = []): Promise<unknown> {
  const [row] = await admin.rows(text, values);
  return row && Object.values(row)[0];
}

async function clear(): Promise<void> {
  await admin.script('truncate public.codes');
}

test.each(gcmVectors())('AES-256-GCM $id', async ({ key, iv, aad, msg, ct, tag }) => {
  const [k, n, m, a] = [key, iv, msg, aad].map(hex);
  expect(await one(`select encode(vectabase.gcm_seal($1, $2, $3, $4), 'hex')`, [k, n, m, a])).toBe(iv + ct + tag);
  expect(await one(`select encode(vectabase.gcm_open($1, $2, $3), 'hex')`, [k, hex(iv + ct + tag), a])).toBe(msg);
  const changed = `select count(vectabase.gcm_open($1, set_byte($2::bytea, at, get_byte($2::bytea, at) # 1), $3))::int
    + count(vectabase.gcm_open($1, substr($2::bytea, 1, at), $3))::int from generate_series(0, length($2::bytea) - 1) at`;
  expect(await one(changed, [k, hex(iv + ct + tag), a])).toBe(0);
});

describe('a value', () => {
  const column = { schema: 'public', table: 'codes', column: 'code' };

  test.each(['', 'k', 'sk_live_51Hx', 'Größe €/☃', 'vt1.looks.like', 'x'.repeat(5000)])(
    'reads the same on both sides: %s',
    async (text) => {
      const place = { column, rowKey: netstrings(['7', 'a,b']) };
      await withKeys(async () => {
        const sealed = (await one(`select vectabase.encrypt($1, 'public', 'codes', 'code', '7', 'a,b')`, [
          text,
        ])) as string;
        const opened = keys.open(place, sealed);
        expect(opened.ok && opened.plaintext.toString()).toBe(text);
        const mine = keys.seal(place, Buffer.from(text), true);
        expect(await one(`select vectabase.decrypt($1::text, 'public', 'codes', 'code', '7', 'a,b')`, [mine])).toBe(
          text,
        );
        const index = await one(`select vectabase.blind_index($1, 'public', 'codes', 'code')`, [text]);
        expect(index).toBe(keys.blindIndex(column, text));
        expect(sealed.endsWith(`.${String(index)}`)).toBe(true);
      });
    },
  );

  test('does not open in another row or column', async () => {
    const sealed = keys.seal({ column, rowKey: netstrings(['7']) }, Buffer.from('x'), true);
    for (const place of [
      `'public', 'codes', 'code', '8'`,
      `'public', 'codes', 'raw', '7'`,
      `'public', 'codes', 'code'`,
    ]) {
      await expect(withKeys(() => one(`select vectabase.decrypt($1::text, ${place})`, [sealed]))).rejects.toThrow(
        /not one that was encrypted for this row|variadic|does not exist/,
      );
    }
  });
});

describe('the trigger', () => {
  test('refuses plaintext while the keys are not open, and keeps none', async () => {
    await expect(admin.rows(`insert into public.codes (code) values ('secret-one')`)).rejects.toMatchObject({
      code: 'VT001',
    });
    expect(await one('select count(*)::int from public.codes')).toBe(0);
  });

  test('encrypts what is written, leaves what is not, and keeps values unique', async () => {
    await clear();
    await withKeys(async () => {
      await admin.rows(
        `insert into public.codes (owner, code, raw) values (1, 'secret-one', 'bytes'), (2, null, null)`,
      );
      await admin.rows(`update public.codes set note = 'n', code = code`);
      const [row] = await admin.rows<{ id: string; code: string; raw: string }>(
        `select *, vectabase.decrypt(code, 'public', 'codes', 'code', id::text) as plain,
          vectabase.decrypt(raw, 'public', 'codes', 'raw', id::text) as plain_raw from public.codes where owner = 1`,
      );
      expect(row).toMatchObject({ plain: 'secret-one', plain_raw: 'bytes', note: 'n' });
      expect(row?.code).toMatch(/^vt1\./);
      expect(hex(String(row?.raw).slice(2)).toString()).toMatch(/^vt1\./);
    });
    const twice = withKeys(() => admin.rows(`insert into public.codes (code) values ('secret-one')`));
    await expect(twice).rejects.toMatchObject({
      code: '23505',
      detail: expect.not.stringContaining('secret-one') as string,
    });
  });

  test('seals anew for a row that gets another key, and for the row that an upsert meets', async () => {
    await clear();
    const decrypted = `select vectabase.decrypt(code, 'public', 'codes', 'code', id::text) from public.codes`;
    await withKeys(async () => {
      await admin.rows(`insert into public.codes (owner, code) values (1, 'first')`);
      await admin.rows(`update public.codes set id = gen_random_uuid()`);
      expect(await one(decrypted)).toBe('first');
      const upsert = `insert into public.codes (owner, code) values (1, $1) on conflict (owner) do update set code = excluded.code`;
      await admin.rows(upsert, ['second']);
      expect(await one(decrypted)).toBe('second');
      const [{ code } = { code: '' }] = await admin.rows<{ code: string }>('select code from public.codes');
      await admin.rows(`update public.codes set code = $1`, [code]);
      expect(await one(decrypted)).toBe('second');
      await admin.rows(`update public.codes set code = $1`, ['vt1.not an envelope']);
      expect(await one(decrypted)).toBe('vt1.not an envelope');
    });
  });
});

describe('keys', () => {
  test.each(['anon', 'authenticated'])('%s gets neither keys nor plaintext while they are open', async (role) => {
    for (const call of [
      `vectabase.decrypt('x'::text, 'public', 'codes', 'code', '1')`,
      `vectabase.session_keys()`,
      `vectabase.session_secret()`,
      `vectabase.offer_keys()`,
      `vectabase.blind_index('x', 'public', 'codes', 'code')`,
      `pad from vectabase.session_pad`,
      `wrapped from vectabase.wrapped_keys`,
    ]) {
      await expect(withKeys(() => one(`select ${call}`), role)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('what a hostile function reads of the settings holds no key', async () => {
    const settings = await withKeys(
      () => one(`select current_setting('vectabase.keys') || current_setting('vectabase.session')`),
      'anon',
    );
    for (const [, { key }] of keys.all()) {
      expect(settings).not.toContain(key.toString('hex'));
      expect(Buffer.from(String(settings), 'base64').includes(key)).toBe(false);
    }
  });

  test('are gone with the transaction, and are worth nothing in another session', async () => {
    const settings = await withKeys(() =>
      admin.rows<{ k: string; s: string }>(
        `select current_setting('vectabase.keys') k, current_setting('vectabase.session') s`,
      ),
    );
    const use = `select vectabase.encrypt('x', 'public', 'codes', 'code', '1')`;
    await expect(one(use)).rejects.toMatchObject({ code: 'VT001' });
    const other = await Session.open(admin.address, { applicationName: 'other' });
    try {
      const { k, s } = settings[0] ?? { k: '', s: '' };
      await other.rows(`select set_config('vectabase.keys', $1, false), set_config('vectabase.session', $2, false)`, [
        k,
        s,
      ]);
      await expect(other.rows(use)).rejects.toMatchObject({ code: 'VT001' });
    } finally {
      await other.close();
    }
  });
});
