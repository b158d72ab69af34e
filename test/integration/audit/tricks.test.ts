/** Conditions, grants and names that a reader of policies would take for something else. */
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import type { Session } from '../../../src/foundation/postgres/session.ts';
import { ident } from '../../../src/foundation/postgres/sql.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { accessTo } from '../../../src/operator/audit/access.ts';
import { evaluateConditions } from '../../../src/operator/audit/evaluate.ts';
import { readAuditFacts } from '../../../src/operator/audit/facts.ts';
import { withoutColumns } from '../../../src/operator/audit/fix-grants.ts';
import { auditInput } from '../../../src/operator/audit/input.ts';
import type { Command, Reach } from '../../../src/operator/audit/model.ts';
import { auditPolicies } from '../../../src/operator/audit/run.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { within } from '../../support/marketplace.ts';

const ROLES = ['anon', 'authenticated'];
let cluster: TestCluster;
let target: DatabaseAddress;

beforeAll(async () => {
  cluster = await startTestCluster();
  target = await cluster.createDatabase('tricks');
  await within(target, (session) => applyTemplates(session, 'platform'));
});
afterAll(() => cluster?.stop());

/** Runs `ddl` and what looks at it in a transaction that leaves nothing behind. */
async function trying<T>(ddl: string, look: (session: Session) => Promise<T>): Promise<T> {
  const copy = `trick_${Math.random().toString(36).slice(2)}`;
  const address = await cluster.createDatabase(copy, 'tricks');
  try {
    return await within(address, async (session) => {
      await session.script(ddl);
      await session.script('set search_path = pg_catalog');
      return look(session);
    });
  } finally {
    await within(cluster.adminAddress, (admin) => admin.script(`drop database ${copy}`));
  }
}

async function reaches(session: Session, table: string): Promise<Record<string, Record<Command, Reach>>> {
  const facts = await readAuditFacts(session, ['public'], ROLES);
  const verdicts = await evaluateConditions(session, facts);
  const relation = facts.relations.find(({ name }) => name === table);
  if (!relation) throw new Error(`no table ${table}`);
  const found: Record<string, Record<Command, Reach>> = {};
  for (const { role, command, reach } of accessTo(relation, facts, verdicts)) {
    (found[role] ??= { select: 'none', insert: 'none', update: 'none', delete: 'none' })[command] = reach;
  }
  return found;
}

const TABLE =
  'create table t (id int primary key, owner uuid, shown boolean, api_key text); alter table t enable row level security;';

describe('a condition means for anon and for a signed-in stranger', () => {
  test.each<[string, Reach, Reach]>([
    ['true', 'all', 'all'],
    ['1 = 1 or owner is null', 'all', 'all'],
    ["auth.role() = 'anon'", 'all', 'none'],
    ["(select auth.role()) = 'authenticated'", 'none', 'all'],
    ['auth.uid() is not null', 'none', 'all'],
    ["auth.role() = 'service_role'", 'none', 'none'],
    ["current_setting('request.jwt.claims', true)::jsonb ->> 'role' in ('anon', 'authenticated')", 'all', 'all'],
    ["current_user = 'anon'", 'all', 'none'],
    ['false', 'none', 'none'],
    ['null::boolean', 'none', 'none'],
    ['auth.uid() = owner', 'own', 'own'],
    ['auth.uid() = owner or true', 'all', 'all'],
    ['id = id', 'all', 'all'],
    ['shown or not shown', 'some', 'some'],
    ['shown', 'some', 'some'],
    ['exists (select from t2 where t2.id = t.id)', 'some', 'some'],
    ['exists (select from t2)', 'none', 'none'],
    ['missing_right()', 'none', 'none'],
  ])('%s: %s, %s', async (condition, anon, authenticated) => {
    const found = await trying(
      `create table t2 (id int); ${TABLE}
       create function missing_right() returns boolean language sql as 'select true';
       revoke execute on function missing_right() from public, anon, authenticated;
       create policy p on t for select using (${condition})`,
      (session) => reaches(session, 't'),
    );
    expect([found['anon']?.select, found['authenticated']?.select]).toEqual([anon, authenticated]);
  });
});

test('restrictive policies, other roles, missing grants and commands narrow what a policy opens', async () => {
  const found = await trying(
    `${TABLE}
     create policy p on t using (true) with check (true);
     create policy r on t as restrictive for update to anon using (auth.uid() = owner);
     create policy s on t as restrictive for delete using (false);
     revoke insert on t from anon; grant insert (id) on t to authenticated; revoke all on t from public`,
    (session) => reaches(session, 't'),
  );
  expect(found).toEqual({
    anon: { select: 'all', insert: 'none', update: 'own', delete: 'none' },
    authenticated: { select: 'all', insert: 'all', update: 'all', delete: 'none' },
  });
});

test('what reading cannot tell, proving does', async () => {
  const report = await trying(
    `${TABLE} create policy p on t for select using (shown or not shown); insert into t values (1, null, false, 'k')`,
    async (session) => auditPolicies(auditInput(tmpdir(), session.address, true)),
  );
  expect(report.findings).toMatchObject([
    { id: 'read:public.t', severity: 'high', proofs: [{ result: 'proven' }, { result: 'proven' }] },
  ]);
});

test('a column that holds envelopes is no finding', async () => {
  const { findings } = await trying(`${TABLE} create policy p on t for select using (true)`, async (session) => {
    await applyTemplates(session, 'encryption');
    await session.script(`insert into vectabase.encrypted_columns (schema_name, table_name, column_name, form, blind_index, readers, row_key, state)
        values ('public', 't', 'api_key', 'text', true, '{service_role}', '{id}', 'encrypted')`);
    return auditPolicies(auditInput(tmpdir(), session.address, false));
  });
  expect(findings).toEqual([]);
});

test('hostile names come through as names', async () => {
  const name = `x"; drop table t; --\n'`;
  const quoted = ident(name);
  const { findings } = await trying(
    `${TABLE} create table ${quoted} (${ident(`${name}api_key`)} text); alter table ${quoted} enable row level security;
     create policy ${quoted} on ${quoted} using (true) with check (true)`,
    async (session) => {
      const report = await auditPolicies(auditInput(tmpdir(), session.address, true));
      for (const { fix } of report.findings)
        for (const side of ['up', 'down'] as const)
          for (const statement of fix?.[side] ?? []) await session.script(statement);
      await session.rows('select from public.t');
      return report;
    },
  );
  expect(findings.map(({ id }) => id)).toEqual([`read:public.${name}`, `write:public.${name}`]);
  expect(findings.flatMap(({ proofs }) => proofs.filter(({ result }) => result === 'refused'))).toEqual([]);
});

test('taking columns out of any mixture of grants leaves the others, and goes back to exactly what was', async () => {
  const privilege = fc.record({
    to: fc.constantFrom('public', 'anon', 'authenticated', 'service_role'),
    column: fc.constantFrom('', '(id)', '(api_key)', '(id, shown)', '(api_key, shown)'),
    option: fc.constantFrom('', ' with grant option'),
  });
  await within(target, async (session) =>
    fc.assert(
      fc.asyncProperty(fc.array(privilege, { maxLength: 6 }), async (grants) => {
        await session.script(`begin; set local search_path = public; ${TABLE}
          revoke all on t from public, anon, authenticated, service_role; ${grants.map(granting).join(';')}`);
        const before = await grantsOf(session);
        const [relation] = (await readAuditFacts(session, ['public'], ROLES)).relations;
        if (!relation) throw new Error('no table');
        const could = await readable(session);
        const fix = withoutColumns(relation, 'select', ROLES, ['api_key']);
        for (const statement of fix.up) await session.script(statement);
        expect(await readable(session)).toEqual(could.filter((each) => !each.endsWith('.api_key')));
        for (const statement of fix.down) await session.script(statement);
        expect(await grantsOf(session)).toEqual(before);
        await session.script('rollback');
      }),
    ),
  );
});

/** PUBLIC takes no grant option. */
function granting({ to, column, option }: { to: string; column: string; option: string }): string {
  return `grant select ${column} on t to ${to}${to === 'public' ? '' : option}`;
}

/** Columns that each audited role may select. */
async function readable(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `select r || '.' || attname as name from unnest($1::text[]) r, pg_attribute
     where attrelid = 'public.t'::regclass and attnum > 0 and has_column_privilege(r, attrelid, attnum, 'select') order by 1`,
    [ROLES],
  );
  return rows.map(({ name }) => name);
}

async function grantsOf(session: Session): Promise<unknown[]> {
  return session.rows(
    `select '' as column, a::text from pg_class, unnest(relacl) a where oid = 'public.t'::regclass
     union all select attname, a::text from pg_attribute, unnest(attacl) a where attrelid = 'public.t'::regclass order by 1, 2`,
  );
}
