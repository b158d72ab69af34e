import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { TrixieTree, type RunResult } from '../support/trixie-tree.ts';

const CLUSTER = '/etc/postgresql/17/vectabase';
const CONF = `${CLUSTER}/conf.d/50-vectabase.conf`;
const CA = `${CLUSTER}/vectabase-ca.crt`;
const PORTS = [5432, 6432] as const;

/** Postgres and PgBouncer of an installed machine, made by the steps of the installer, as their clients meet them. */
describe('the database of an installed machine', () => {
  let tree: TrixieTree;
  let passwords: Readonly<Record<string, string>>;

  const sh = async (script: string): Promise<string> => (await tree.run(['bash', '-ec', script])).stdout.trim();
  const install = async (change = ''): Promise<Installed> =>
    JSON.parse(await sh(`node /scratch/steps.mjs '${change}'`)) as Installed;
  const changedBy = async (script: string): Promise<string[]> => {
    await sh(script);
    const { changed } = await install();
    expect((await install()).changed).toEqual([]);
    return changed;
  };
  const admin = async (sql: string): Promise<string> =>
    (
      await tree.run(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-U', 'supabase_admin', 'postgres'], { input: sql })
    ).stdout.trim();
  /** As anybody on the machine would, by TCP. */
  const psql = async ({ port, user = 'postgres', password = '', sslmode = 'verify-full' }: Login): Promise<RunResult> =>
    tree.run(['psql', '-XAtc', 'select current_user', `host=localhost port=${port} dbname=postgres user=${user}`], {
      user: 'client',
      env: { PGPASSWORD: password, PGSSLMODE: sslmode, PGSSLROOTCERT: CA, HOME: '/' },
      check: false,
    });
  const node = async (script: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    await tree.run(['tee', '/scratch/client.mjs'], { input: CLIENT + script });
    const { stdout } = await tree.run(['node', '/scratch/client.mjs'], { env: { PGPASSWORD: own(), ...env } });
    return JSON.parse(stdout) as unknown;
  };
  const own = (): string => passwords['postgres'] ?? '';

  beforeAll(async () => {
    tree = await TrixieTree.boot({ network: 'private' });
    await sh('sed "s/^MemTotal:.*/MemTotal: 1048576 kB/" /proc/meminfo > /scratch/meminfo');
    await sh('mount --bind /scratch/meminfo /proc/meminfo');
    await sh('useradd client');
    await tree.run(['tee', '/scratch/steps.mjs'], { input: STEPS });
    await install();
    const keys = JSON.parse(await sh('cat /var/lib/vectabase/data/private/keys.json')) as {
      passwords: typeof passwords;
    };
    ({ passwords } = keys);
  });
  afterAll(async () => {
    await tree.stop();
  });

  it('is complete after one run, and the next one finds nothing to do', async () => {
    expect(await install()).toMatchObject({ changed: [], steps: expect.any(Number) as number });
    expect(await sh('systemctl --failed --plain --no-legend')).toBe('');
  });

  it.each(PORTS)('lets the owner in on port %i by TLS with a certificate that fits, and nobody else', async (port) => {
    const owner = { port, password: own() };
    expect(await psql(owner)).toMatchObject({ code: 0, stdout: 'postgres\n' });
    expect((await psql({ ...owner, sslmode: 'disable' })).stderr).toMatch(/no encryption|SSL required/);
    expect((await psql({ ...owner, password: 'wrong' })).stderr).toMatch(/authentication failed/);
    const superuser = await psql({ port, user: 'supabase_admin', password: passwords['supabase_admin'] ?? '' });
    expect(superuser.stderr).toMatch(/rejects connection|no such user/);
    expect((await psql({ port, user: 'pgbouncer' })).code).not.toBe(0);
  });

  it('lets the users of the machine in by the socket as whom they are, and as nobody else', async () => {
    const as = async (user: string, role: string): Promise<string> => {
      const { stdout, stderr } = await tree.run(['psql', '-wXAtc', 'select current_user', '-U', role, 'postgres'], {
        user,
        check: false,
      });
      return stdout.trim() || stderr;
    };
    for (const [user, role] of [
      ['root', 'supabase_admin'],
      ['postgres', 'postgres'],
      ['vectabase', 'authenticator'],
      ['vectabase', 'supabase_auth_admin'],
    ] as const) {
      expect(await as(user, role)).toBe(role);
    }
    for (const role of ['supabase_admin', 'postgres', 'pgbouncer']) {
      expect(await as('vectabase', role)).toMatch(/Peer authentication failed/);
    }
    expect(await as('client', 'authenticator')).toMatch(/Peer authentication failed/);
  });

  it('keeps prepared statements where each transaction meets another server connection', async () => {
    const seen = (await node(`
      const clients = await Promise.all(Array.from({ length: 30 }, () => connect({ port: 6432 })));
      const query = { name: 'twice', text: 'select $1::int * 2 as n, pg_backend_pid() as pid, pg_sleep(0.02)' };
      const rows = [];
      for (let round = 0; round < 5; round++) {
        const answers = await Promise.all(clients.map((client, n) => client.query({ ...query, values: [n] })));
        answers.forEach(({ rows: [row] }, n) => rows.push({ right: row.n === n * 2, pid: row.pid }));
      }
      await Promise.all(clients.map((client) => client.end()));
      tell({ right: rows.every(({ right }) => right), pids: new Set(rows.map(({ pid }) => pid)).size });
    `)) as { right: boolean; pids: number };
    expect(seen.right).toBe(true);
    expect(seen.pids).toBeGreaterThan(1);
    expect(seen.pids).toBeLessThanOrEqual(25);
  });

  it('keeps ten server connections ready while somebody is there', async () => {
    const ready = (await node(`
      const client = await connect({ port: 6432 });
      const count = "select count(*)::int as n from pg_stat_activity where usename = 'postgres' and backend_type = 'client backend'";
      let n = 0;
      for (const end = Date.now() + 30_000; n < 10 && Date.now() < end; await new Promise((r) => setTimeout(r, 100)))
        n = (await client.query(count)).rows[0].n;
      await client.end();
      tell(n);
    `)) as number;
    expect(ready).toBeGreaterThanOrEqual(10);
  });

  it('refuses a role that has expired, and every superuser, through the pooler', async () => {
    await admin(`
      create role late login password 'known' valid until 'yesterday';
      create role early login password 'known' valid until 'tomorrow';
      create role mighty superuser login password 'known';`);
    const login = async (user: string): Promise<RunResult> => psql({ port: 6432, user, password: 'known' });
    expect((await login('early')).stdout.trim()).toBe('early');
    expect((await login('late')).code).not.toBe(0);
    expect((await login('mighty')).stderr).toMatch(/no such user|authentication failed/);
    await admin(`alter role early valid until 'yesterday'`);
    expect((await login('early')).code).not.toBe(0);
    await admin('drop role late, early, mighty');
  });

  it('takes a new password of the owner at once, on both ports, and cuts nobody off', async () => {
    const old = own();
    const kept = await node(
      `
      const client = await connect({ port: 6432 });
      execFileSync('/vectabase/bin/run.js', ['db', 'rotate-password', '--json']);
      const { rows } = await client.query('select 1 as n');
      await client.end();
      tell(rows[0].n);
    `,
    );
    expect(kept).toBe(1);
    for (const pooler of ['', '--pooler']) {
      const url = await sh(`/vectabase/bin/run.js db url --password ${pooler}`);
      passwords = { ...passwords, postgres: new URL(url).password };
      const { stdout } = await tree.run(['psql', '-XAtc', 'select current_user', url], {
        user: 'client',
        env: { HOME: '/' },
      });
      expect(stdout.trim()).toBe('postgres');
    }
    expect(own()).not.toBe(old);
    for (const port of PORTS) {
      expect((await psql({ port, password: old })).stderr).toMatch(/authentication failed/);
    }
    expect((await install()).changed).toEqual([]);
  });

  it('asks for passwords as a role that may do that and nothing else', async () => {
    const as = async (sql: string): Promise<RunResult> =>
      tree.run(['psql', '-XAtc', sql, '-U', 'pgbouncer', 'postgres'], { user: 'postgres', check: false });
    expect((await as(`select username from pgbouncer.get_auth('postgres')`)).stdout.trim()).toBe('postgres');
    expect((await as(`select username from pgbouncer.get_auth('supabase_admin')`)).stdout.trim()).toBe('');
    const replace = `create or replace function pgbouncer.get_auth(p_usename text) returns table (username text, password text) language sql as 'select null, null'`;
    for (const sql of [replace, 'select rolpassword from pg_authid', 'create table pgbouncer.t ()']) {
      expect((await as(sql)).stderr).toMatch(/must be owner|permission denied/);
    }
  });

  it('runs with what a machine of 1 GB can bear', async () => {
    const shown = await admin(`select string_agg(name || '=' || current_setting(name), ' ' order by name)
      from pg_settings where name in ('shared_buffers', 'work_mem', 'data_checksums', 'wal_level', 'archive_mode',
        'summarize_wal', 'ssl', 'log_min_duration_statement', 'log_parameter_max_length', 'max_slot_wal_keep_size')`);
    expect(shown).toBe(
      'archive_mode=on data_checksums=on log_min_duration_statement=100ms log_parameter_max_length=0 ' +
        `max_slot_wal_keep_size=${await admin('show max_slot_wal_keep_size')} shared_buffers=128MB ssl=on ` +
        'summarize_wal=on wal_level=logical work_mem=4MB',
    );
    expect(
      await admin(`select extname from pg_extension where extname in ('pgcrypto', 'pg_stat_statements') order by 1`),
    ).toBe('pg_stat_statements\npgcrypto');
    const idle = async (): Promise<string> =>
      sh(
        `psql -XAtqU supabase_admin postgres -c "select count(*) from pg_stat_activity where backend_type = 'client backend'"`,
      );
    await sh('systemctl restart pgbouncer');
    for (const end = Date.now() + 30_000; (await idle()) !== '1' && Date.now() < end;) await sleep(200);
    const kilobytes = Number(
      await sh(
        `for pid in $(pgrep -u postgres); do cat /proc/$pid/smaps_rollup; done | awk '/^Pss:/ { sum += $2 } END { print sum }'`,
      ),
    );
    expect(kilobytes).toBeGreaterThan(10_000);
    expect(kilobytes).toBeLessThan(80_000); // 250 MB is for all, and the daemon takes about 85 of them
  });

  it('logs a slow statement without its parameters, on the volume', async () => {
    await node(`
      const client = await connect({ port: 5432 });
      await client.query("select pg_sleep($1::float8), $2::text", ['0.15', 'canary-value-of-a-person']);
      await client.end();
      tell(null);
    `);
    const log = await sh('cat /var/lib/vectabase/data/log/postgresql-17-vectabase.log');
    expect(log).toMatch(/duration: \d+\.\d+ ms .*select pg_sleep\(\$1::float8\), \$2::text/);
    expect(log).not.toContain('canary-value-of-a-person');
  });

  it.each([
    ['settings', `echo 'work_mem = 1GB' >> ${CONF}`, ['postgres.settings', 'postgres.running']],
    ['access', `rm ${CLUSTER}/pg_hba.d/50-vectabase.conf`, ['postgres.settings', 'postgres.running']],
    [
      'identities',
      `echo 'vectabase nobody postgres' >> ${CLUSTER}/pg_ident.conf`,
      ['postgres.settings', 'postgres.running'],
    ],
    [
      'the certificate',
      'rm /var/lib/vectabase/data/postgres/server.key',
      ['postgres.certificate', 'postgres.running', 'pgbouncer.running'],
    ],
    [
      'the pooler',
      'sed -i s/scram-sha-256/trust/ /etc/pgbouncer/vectabase.ini',
      ['pgbouncer.settings', 'pgbouncer.running'],
    ],
    [
      'a password',
      `runuser -u postgres -- psql -qU supabase_admin postgres -c "alter role postgres password 'easy'"`,
      ['database.schema'],
    ],
    ['a running server', 'systemctl stop postgresql@17-vectabase', ['postgres.running']],
  ])('repairs %s and nothing else', async (_, tamper, steps) => {
    expect(await changedBy(tamper)).toEqual(steps);
    for (const port of PORTS) expect((await psql({ port, password: own() })).stdout.trim()).toBe('postgres');
  });

  it('makes a damaged configuration anew, with what the owner had put there', async () => {
    const steps = await changedBy(
      `echo "idle_session_timeout = '7h'" > ${CLUSTER}/conf.d/90-own.conf; rm ${CLUSTER}/postgresql.conf`,
    );
    expect(steps).toContain('postgres.cluster');
    expect(await admin('show idle_session_timeout')).toBe('7h');
  });

  it('restarts for a setting that needs it, and tells what ALTER SYSTEM has overridden', async () => {
    await admin(`alter system set work_mem = '11MB'`);
    await sh(`sed -i 's/^max_connections.*/max_connections = 90/' ${CONF} && systemctl reload postgresql@17-vectabase`);
    expect(await admin(`select pending_restart from pg_settings where name = 'max_connections'`)).toBe('t');
    const { changed, notes } = await install();
    expect(changed).toEqual(['postgres.settings', 'postgres.running']); // set back, there is nothing to restart for
    expect(notes.join()).toMatch(/ALTER SYSTEM has set work_mem to '11MB'/);
    await admin('alter system reset work_mem');
    const more = await install('{"memoryBytes":4294967296}');
    expect(more.changed).toEqual(['postgres.settings', 'postgres.running', 'postgres.in-force']);
    expect(await admin('show shared_buffers')).toBe('896MB');
    await install();
  });

  it('renews a certificate before it ends, and both servers show the new one', async () => {
    const serials = async (): Promise<string[]> =>
      Promise.all(
        PORTS.map(async (port) =>
          sh(
            `openssl s_client -starttls postgres -connect localhost:${port} -CAfile ${CA} -verify_return_error </dev/null 2>/dev/null | openssl x509 -noout -serial`,
          ),
        ),
      );
    const before = await serials();
    await tree.run(['tee', '/scratch/old.mjs'], { input: OLD_CERTIFICATE });
    expect(await changedBy('node /scratch/old.mjs')).toEqual([
      'postgres.authority',
      'postgres.certificate',
      'postgres.running',
      'pgbouncer.running',
    ]);
    const after = await serials();
    expect(after[0]).toMatch(/^serial=/);
    expect([new Set(before).size, new Set(after).size, new Set([...before, ...after]).size]).toEqual([1, 1, 2]);
  });
});

interface Installed {
  readonly steps: number;
  readonly changed: string[];
  readonly notes: string[];
}

interface Login {
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly sslmode?: string;
}

/** The installer's steps for the database alone, on a machine that may be given other memory. */
const STEPS = `
import { applySteps } from '/vectabase/dist/operator/provision/install/engine.js';
import { readFacts } from '/vectabase/dist/operator/provision/install/facts.js';
import { openJournal } from '/vectabase/dist/operator/provision/install/journal.js';
import { localMachine } from '/vectabase/dist/operator/provision/install/local-machine.js';
import { loadSettings } from '/vectabase/dist/foundation/config/settings.js';
import { toInstallSettings } from '/vectabase/dist/operator/provision/install/settings.js';
import { installSteps } from '/vectabase/dist/operator/provision/install/steps.js';

const { memoryBytes } = JSON.parse(process.argv[2] || '{}');
const settings = toInstallSettings(loadSettings({ dir: '/etc/vectabase', flags: { 'install.volume': 'plaintext' } }).settings);
const journal = await openJournal('/var/lib/vectabase/journal');
const notes = [];
const context = {
  observe: (event) => event.note && notes.push(event.note),
  signal: new AbortController().signal,
  clock: { now: () => Date.now() },
};
const facts = { ...(await readFacts()), ...(memoryBytes && { memoryBytes }) };
const ours = /^(machine|units\\.credentials-directory|volume\\.data|postgres|database|pgbouncer)/;
const steps = installSteps(settings).filter(({ id }) => ours.test(id));
const { changed } = await applySteps(steps, localMachine({ facts, settings, context, journal }), journal);
await journal.close();
console.log(JSON.stringify({ steps: steps.length, changed: changed.map(({ id }) => id), notes }));
`;

/** Puts a certificate in place that ends in 25 days. */
const OLD_CERTIFICATE = `
import { readFileSync, writeFileSync } from 'node:fs';
import { newServerCertificate } from '/vectabase/dist/foundation/crypto/certificates.js';
const [tls, keys] = ['/etc/vectabase/tls', '/var/lib/vectabase/data/private'];
const [certificate, privateKey] = [tls + '/ca.crt', keys + '/ca.key'].map((file) => readFileSync(file, 'utf8'));
const old = await newServerCertificate({ certificate, privateKey }, Date.now() - 800 * 86_400_000);
writeFileSync(tls + '/server.crt', old.certificate);
writeFileSync(keys + '/server.key', old.privateKey);
`;

/** node-postgres, as an owner's own program uses it. */
const CLIENT = `
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const pg = createRequire('/vectabase/package.json')('pg');
const ca = readFileSync('${CA}', 'utf8');
const connect = async (options) => {
  const client = new pg.Client({ host: 'localhost', user: 'postgres', database: 'postgres', ssl: { ca }, ...options });
  await client.connect();
  return client;
};
const tell = (value) => console.log(JSON.stringify(value));
`;
