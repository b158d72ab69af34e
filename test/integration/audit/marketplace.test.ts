/** The audit on the owner's own schema: what it must find, proves, mends, and leaves working. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import type { Session } from '../../../src/foundation/postgres/session.ts';
import { asRole, attempt } from '../../../src/operator/audit/evaluate.ts';
import { auditInput } from '../../../src/operator/audit/input.ts';
import { mendFindings, plannedMending, undoMending } from '../../../src/operator/audit/mend.ts';
import type { AuditReport, Finding } from '../../../src/operator/audit/model.ts';
import { auditPolicies } from '../../../src/operator/audit/run.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { marketplace, within } from '../../support/marketplace.ts';

let cluster: TestCluster;
let target: DatabaseAddress;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'vt-'));
  cluster = await startTestCluster();
  target = await marketplace(cluster, 'market', 5000);
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const audit = async (prove = false, where = target): Promise<AuditReport> =>
  auditPolicies(auditInput(folder, where, prove));

function found({ findings }: AuditReport, id: string): Finding | undefined {
  return findings.find((finding) => finding.id === id);
}

const SIX = [
  'bot_products',
  'bot_whitelisted_users',
  'bot_command_permissions',
  'discord_servers',
  'developer_products',
  'whitelist_entries',
];

test('every hole that the project is known for is found, the gravest first', async () => {
  const report = await audit();
  const names = (id: string): string[] | undefined => found(report, id)?.columns.map(({ name }) => name);
  expect(found(report, 'read:public.bot_config')).toMatchObject({
    severity: 'critical',
    roles: ['anon', 'authenticated'],
  });
  expect(names('read:public.bot_config')).toEqual(['value']);
  expect(names('read:public.profiles')).toEqual(
    expect.arrayContaining(['discord_access_token', 'discord_refresh_token', 'default_roblox_api_key_encrypted']),
  );
  for (const table of SIX) {
    const finding = found(report, `write:public.${table}`);
    expect([table, finding?.roles, finding?.summary]).toEqual([
      table,
      ['anon', 'authenticated'],
      'anon and authenticated may insert, update and delete every row',
    ]);
    expect(finding?.severity).toMatch(/critical|high/);
  }
  expect(found(report, 'view:public.bot_products_display')).toMatchObject({ severity: 'critical' });
  expect(names('view:public.bot_products_display')).toContain('payhip_api_key');
  expect(found(report, 'function:public.get_roblox_api_key(uuid)')).toMatchObject({ severity: 'critical' });
  for (const table of ['visitor_sessions', 'page_views']) {
    expect(found(report, `no-row-security:public.${table}`)).toBeDefined();
  }
  for (const table of ['sales', 'payment_transactions', 'license_keys']) {
    expect(found(report, `insert:public.${table}`)).toMatchObject({ severity: 'high', roles: ['anon'] });
  }
  expect(found(report, 'own-row:public.obfuscation_credits')?.summary).toContain('credits');
  const order = report.findings.map(({ severity }) => ['critical', 'high', 'medium', 'low'].indexOf(severity));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test('what is closed is not called open', async () => {
  const { findings } = await audit();
  const targets = new Set(findings.map((finding) => finding.target));
  // Owners see their own keys only; the log is closed to all; the shop window is meant to be seen.
  for (const table of [
    'developer_api_keys',
    'api_keys',
    'security_audit_log',
    'whitelist_users',
    'email_queue',
    'products',
  ]) {
    expect(targets).not.toContain(`public.${table}`);
  }
  expect(targets).not.toContain('public.seller_fees_summary'); // it has its reader's rights
});

test('proving shows it by doing, and changes nothing', async () => {
  const before = await contents();
  const report = await audit(true);
  expect(await contents()).toEqual(before);
  const proven = (id: string, probe: string): string | undefined =>
    found(report, id)?.proofs.find((proof) => proof.probe === probe)?.result;
  expect(proven('read:public.bot_config', 'read as anon')).toBe('proven');
  expect(proven('read:public.profiles', 'read as anon')).toBe('proven');
  expect(proven('view:public.bot_products_display', 'delete as anon')).toBe('proven');
  expect(found(report, 'function:public.get_roblox_api_key(uuid)')?.proofs[0]).toEqual({
    probe: 'call as anon',
    result: 'proven',
    detail: 'it answered',
  });
  for (const table of SIX) {
    for (const command of ['insert', 'update', 'delete']) {
      expect([table, command, proven(`write:public.${table}`, `${command} as anon`)]).toEqual([
        table,
        command,
        'proven',
      ]);
    }
  }
  // Rows that nobody may see and everybody may change.
  expect(proven('write:public.newsletter_subscribers', 'update as anon')).toBe('proven');
  const refused = report.findings.filter(({ proofs }) => proofs.some(({ result }) => result === 'refused'));
  expect(refused.map(({ id }) => id)).toEqual([]);
});

test('no value of a row is in the report', async () => {
  const report = JSON.stringify(await audit(true));
  const secrets = await within(target, (session) =>
    session.rows<{ value: string }>(
      `select payhip_api_key as value from bot_products union select discord_access_token from profiles
       where discord_access_token is not null union select value from bot_config where length(value) > 6`,
    ),
  );
  expect(secrets.length).toBeGreaterThan(10);
  expect(secrets.filter(({ value }) => report.includes(value))).toEqual([]);
});

test('mended, the holes are closed and the application works; undone, all is as it was', async () => {
  const mended = await cluster.createDatabase('mended', 'market').then(() => cluster.address('mended'));
  const before = await openness(mended);
  const input = auditInput(folder, mended, false);
  const report = await auditPolicies(input);
  const chosen = plannedMending(report, { severity: 'high', only: [], except: [] });
  const result = await mendFindings(input, chosen, folder, { clock: systemClock });
  expect(result.left).toEqual([]);
  const { counts, findings } = await audit(true, mended);
  expect(counts).toMatchObject({ critical: 0, high: 0 });
  expect((await stat(result.files?.up ?? '')).mode & 0o777).toBe(0o600);
  expect(await readFile(result.files?.up ?? '', 'utf8')).toContain('-- read:public.profiles: ');

  await within(mended, async (session) => {
    const user = await ownerOfAServer(session);
    const as = async (role: string, sub: string, text: string): Promise<string> => trying(session, role, sub, text);
    expect(await as('anon', '', 'select id, display_name from profiles limit 1')).toBe('1');
    expect(await as('anon', '', 'select discord_access_token from profiles')).toBe('42501');
    expect(await as('anon', '', 'select * from products limit 1')).toBe('1');
    expect(await as('anon', '', 'select discord_id from bot_whitelisted_users limit 1')).toBe('1');
    expect(await as('anon', '', `update bot_products set name = name`)).toBe('0');
    expect(await as('anon', '', `delete from whitelist_entries`)).toBe('0');
    expect(await as('anon', '', `insert into page_views (session_id) values ('s')`)).toBe('1');
    expect(await as('anon', '', `insert into newsletter_subscribers (email) values ('a@example.com')`)).toMatch(
      /^1$|^23/,
    );
    expect(await as('anon', '', `insert into sales (amount) values (1)`)).toBe('42501');
    expect(await as('anon', '', 'select name from bot_products_display limit 1')).toBe('1');
    expect(await as('anon', '', 'delete from bot_products_display')).toBe('42501');
    expect(await as('anon', '', 'select get_roblox_api_key(null)')).toBe('42501');
    // The owner of a server still changes its products, and sets a key that nobody reads back.
    const own = `update bot_products set payhip_api_key = 'new' where server_id = (select id from discord_servers where user_id = '${user}' limit 1)`;
    expect(Number(await as('authenticated', user, own))).toBeGreaterThan(0);
    expect(await as('authenticated', user, 'select payhip_api_key from bot_products')).toBe('42501');
    expect(await as('service_role', '', 'select payhip_api_key from bot_products limit 1')).toBe('1');
    expect(await as('service_role', '', 'update bot_command_permissions set enabled = enabled')).not.toBe('0');
    expect(await as('service_role', '', 'select get_roblox_api_key(null)')).toBe('1');
  });

  // The rest too, forms for anonymous visitors among it: then nothing is left to find.
  const rest = plannedMending({ ...report, findings }, { severity: 'low', only: [], except: [] });
  const later = { now: () => systemClock.now() + 1000 };
  expect((await mendFindings(input, rest, folder, { clock: later })).left).toEqual([]);
  expect((await audit(true, mended)).findings).toEqual([]);

  expect((await undoMending(mended)).reopened).toHaveLength(rest.length);
  expect((await undoMending(mended)).reopened).toHaveLength(chosen.length);
  expect(await openness(mended)).toEqual(before);
  await expect(undoMending(mended)).rejects.toMatchObject({ code: 'AUDIT_NOTHING_TO_UNDO', exitCode: 5 });
});

test('a fix that Postgres refuses leaves nothing behind', async () => {
  const other = await cluster.createDatabase('refused', 'market').then(() => cluster.address('refused'));
  const input = auditInput(folder, other, false);
  const chosen = plannedMending(await auditPolicies(input), { severity: 'critical', only: [], except: [] });
  await within(other, (session) => session.script('drop policy bot_products_all on bot_products'));
  const before = await openness(other);
  await expect(mendFindings(input, chosen, folder, { clock: systemClock })).rejects.toMatchObject({
    code: 'AUDIT_REFUSED',
  });
  expect(await openness(other)).toEqual(before);
});

/** Row counts and content of what the probes touch. */
async function contents(): Promise<unknown> {
  return within(target, (session) =>
    session.rows(
      `select c.relname, (xpath('/row/h/text()', query_to_xml(format('select count(*) || md5(string_agg(t::text, '','' order by t::text)) as h from %s t', c.oid::regclass), false, true, '')))[1]::text as h
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1`,
    ),
  );
}

/** Every policy, grant, option and setting that a fix may change. */
async function openness(address: DatabaseAddress): Promise<unknown[]> {
  return within(address, (session) =>
    session.rows(
      `select 'policy' as what, tablename || policyname as name, concat_ws('|', permissive, roles, cmd, qual, with_check) as text from pg_policies
       union all select 'relation', relname, concat_ws('|', (select string_agg(a::text, ',' order by a::text) from unnest(relacl) a), reloptions, relrowsecurity) from pg_class where relnamespace = 'public'::regnamespace
       union all select 'column', attrelid::regclass || attname, attacl::text from pg_attribute where attacl is not null and attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
       union all select 'function', oid::regprocedure::text, concat_ws('|', coalesce((select string_agg(a::text, ',' order by a::text) from unnest(coalesce(proacl, acldefault('f', proowner))) a)), proconfig) from pg_proc where pronamespace = 'public'::regnamespace
       order by 1, 2`,
    ),
  );
}

async function ownerOfAServer(session: Session): Promise<string> {
  const [row] = await session.rows<{ user: string }>(
    `select user_id::text as user from discord_servers s where user_id is not null and exists (select from bot_products where server_id = s.id) limit 1`,
  );
  return row?.user ?? '';
}

/** Rows that a statement touched as a role, or the SQLSTATE of its refusal; rolled back. */
async function trying(session: Session, role: string, sub: string, text: string): Promise<string> {
  let answer = '';
  await asRole(
    session,
    role,
    async () => {
      await session.rows(
        `select set_config('request.jwt.claims', $1, true), set_config('request.jwt.claim.sub', $2, true)`,
        [JSON.stringify({ role, ...(sub === '' ? {} : { sub }) }), sub],
      );
      const error = await attempt(session, async () => {
        answer = String(await session.count(text));
      });
      if (error !== undefined) answer = (error as { code: string }).code;
    },
    'read write',
  );
  return answer;
}
