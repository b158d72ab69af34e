import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InstalledTree } from '../support/installed-tree.ts';
import { createCluster, startPgBouncer, type Cluster } from '../support/trixie-postgres.ts';
import { TrixieTree } from '../support/trixie-tree.ts';

const CLI = ['node', '/vectabase/bin/run.js'];
const OWNER = { user: 'owner', env: { HOME: '/home/owner' } };
const DIR = '/home/owner/moved';

/** A Debian 13 with Debian's Node moves a Postgres 17 of Debian's, through PgBouncer, into its own `vectabase up`. */
describe('vectabase migrate on Debian 13', () => {
  let tree: TrixieTree;
  let source: Cluster;
  let up: ChildProcess;
  let target: string;

  beforeAll(async () => {
    tree = await TrixieTree.boot();
    source = await createCluster(tree, 'source');
    await source.sql('postgres', SHOP);
    await tree.run(['useradd', '--create-home', 'owner']);
    up = tree.spawn([...CLI, 'up', '--dir', DIR, '--port', '0', '--pg-port', '0', '--json'], OWNER);
    target = await ready(up);
  });
  afterAll(async () => {
    await tree.stop();
  });

  const migrate = async (url: string): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const flags = ['--dir', DIR, '--json', '--no-input'];
    const env = { ...OWNER.env, VECTABASE_SOURCE_URL: url };
    return tree.run([...CLI, 'migrate', ...flags], { ...OWNER, env, check: false });
  };
  const ask = async (sql: string): Promise<string> =>
    (await tree.run(['psql', '-XAtq', '-c', sql, target])).stdout.trim();

  it('refuses a transaction pooler and copies nothing', async () => {
    const run = await migrate(await startPgBouncer(tree, source, { pool_mode: 'transaction' }));
    expect(run).toMatchObject({ code: 5 });
    expect(run.stdout).toMatch(/transaction/);
    expect(await ask(`select to_regclass('public.orders') is null`)).toBe('t');
  });

  it('moves all through a session pooler and proves it', async () => {
    const run = await migrate(await startPgBouncer(tree, source, { pool_mode: 'session' }));
    expect(run).toMatchObject({ code: 0 });
    const content = `select count(*), sum(hashtextextended(t::text, 1)) from orders t`;
    expect(await ask(content)).toBe(await source.sql('postgres', content));
    const views = `select string_agg(customer || total, ',' order by customer) from totals`;
    expect(await ask(views)).toBe(await source.sql('postgres', views));
    expect(
      await ask(
        `select has_table_privilege('anon', 'orders', 'select'), has_table_privilege('anon', 'customers', 'select')`,
      ),
    ).toBe('t|f');
    expect(await ask(`select nextval('orders_id_seq')`)).toBe('5001');
  });

  it('left no session, transaction or object on the source', async () => {
    const busy = `select count(*) from pg_stat_activity where state <> 'idle' and pid <> pg_backend_pid() and backend_type = 'client backend'`;
    expect(await source.sql('postgres', busy)).toBe('0');
    const schemas = `select string_agg(nspname, ' ' order by nspname) from pg_namespace where nspname !~ '^(pg_|information)'`;
    expect(await source.sql('postgres', schemas)).toBe('public');
    expect(await source.sql('postgres', 'select count(*) from pg_replication_slots')).toBe('0');
  });

  it('stops up with SIGTERM and leaves nothing running', async () => {
    const ended = new Promise((resolve) => up.once('close', resolve));
    const pid = (await tree.run(['pgrep', '-f', 'bin/run.js up'])).stdout.trim().split('\n').join(' ');
    await tree.run(['sh', '-c', `kill -TERM ${pid}`]);
    expect(await ended).toBe(0);
    expect((await tree.run(['pgrep', '-f', DIR], { check: false })).stdout).toBe('');
  });
});

/** The way that the README tells: a machine is installed, and the project moves onto it. */
describe('vectabase migrate onto an installed machine', () => {
  let tree: TrixieTree;
  let machine: InstalledTree;
  let source: Cluster;

  beforeAll(async () => {
    tree = await TrixieTree.boot({ network: 'private' });
    machine = new InstalledTree(tree, '--allow-plaintext', '--no-harden');
    await machine.install();
    source = await createCluster(tree, 'source');
    await source.sql('postgres', SHOP);
  });
  afterAll(async () => {
    await tree.stop();
  });

  const migrate = async (...words: string[]): Promise<{ code: number | null; stdout: string }> => {
    const env = { VECTABASE_SOURCE_URL: source.url('postgres') };
    return tree.run(['vectabase', 'migrate', ...words, '--json', '--no-input'], { env, check: false });
  };
  const here = async (sql: string): Promise<string> => machine.sh(`vectabase db psql -- -XAtqc "${sql}"`);

  it('plans, moves and proves, with no flag that says where', async () => {
    expect((await migrate('plan')).code).toBe(0);
    expect((await migrate()).code).toBe(0);
    const content = `select count(*), sum(hashtextextended(t::text, 1)) from orders t`;
    expect((await here(content)).trim()).toBe(await source.sql('postgres', content));
    expect((await migrate('verify')).code).toBe(0);
  });

  it('serves what was moved through its policies and grants', async () => {
    expect(await machine.rest('orders?limit=1')).toEqual({ status: 206, total: 5000 });
    expect(await machine.rest('orders?limit=1', 'anonKey')).toEqual({ status: 206, total: 5000 });
    expect(await machine.rest('customers?limit=1', 'anonKey')).toEqual({ status: 401 });
  });

  it('is as it was installed: another run finds nothing to do', async () => {
    expect((await machine.install()).changed).toEqual([]);
  });
});

/** The roles and default privileges of a hosted project; one table that its owner closed to anonymous callers. */
const SHOP = `
  create role anon; create role authenticated; create role service_role bypassrls;
  grant usage on schema public to postgres, anon, authenticated, service_role;
  alter default privileges in schema public grant all on tables to postgres, anon, authenticated, service_role;
  alter default privileges in schema public grant all on sequences to postgres, anon, authenticated, service_role;
  create table customers (name text primary key, note jsonb, spent numeric);
  insert into customers select 'customer ' || n, jsonb_build_object('n', n), n / 3.0 from generate_series(1, 200) n;
  create table orders (id bigserial primary key, customer text not null references customers, total numeric(12, 2), at timestamptz);
  insert into orders (customer, total, at)
    select 'customer ' || 1 + n % 200, n * 1.10, timestamptz '2025-03-01' + n * interval '1 minute' from generate_series(1, 5000) n;
  create index on orders (customer, at);
  revoke all on customers from anon;
  create view totals as select customer, sum(total) as total from orders group by customer;
`;

/** The connection string of the target, from the event that says that it runs. */
async function ready(up: ChildProcess): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    up.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    up.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const line = output.split('\n').find((text) => text.startsWith('{"event":"ready"') && text.endsWith('}'));
      if (line !== undefined) resolve((JSON.parse(line) as { databaseUrl: string }).databaseUrl);
    });
    up.once('close', (code) => reject(new Error(`up ended with ${String(code)}:\n${output}`)));
  });
}
