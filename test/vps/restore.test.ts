import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrixieTree } from '../support/trixie-tree.ts';

const DATA = '/var/lib/vectabase/data/postgres/17/vectabase';
/** Whose owner decides whose files a restored cluster has. */
const BESIDE = '/var/lib/postgresql/17';
const KEY = ['--key', '/root/recovery.key'];

/** An installed machine goes back to a second, forward again, and comes to life on another one. */
describe('a return to a second of an installed machine', () => {
  let tree: TrixieTree;
  /** Seconds between the rows: row n was there at `instants[n]`, row n + 1 was not. */
  const instants: string[] = [];
  let name: string;

  beforeAll(async () => {
    tree = await TrixieTree.boot({ network: 'private' });
    await vectabase('install', '--allow-plaintext', '--no-harden');
    await vectabase('backup', 'key', '--out', '/root/recovery.key');
    await vectabase('install'); // archives from now on
    await tree.run(['install', '-d', '-o', 'postgres', '-g', 'postgres', BESIDE]);
    name = (await tree.run(['hostname'])).stdout.trim();
    await sql('create table marks (id integer primary key, note text)');
    await vectabase('backup', 'create');
    await vectabase('backup', 'create', '--kind', 'dump');
    // Something else writes, so that there are commits on both sides of every instant.
    await sql('create table load (id bigserial, note text)');
    await tree.run(['systemd-run', '--unit=load', '--uid=postgres', 'sh', '-c', LOAD]);
    await marks(1, 5);
  });
  afterAll(async () => {
    await tree.stop();
  });

  it('tells what it would do, and does nothing', async () => {
    const plan = await vectabase('backup', 'restore', '--pitr', instants[3] ?? '', ...KEY, '--dry-run');
    expect(plan).toMatchObject({ timeline: 1, target: expect.stringContaining(':') as string });
    expect(await ids()).toBe('1,2,3,4,5');
  });

  it('brings back what was there, and the machine runs on it', async () => {
    const report = await vectabase('backup', 'restore', '--pitr', instants[3] ?? '', ...KEY, '--confirm', name);
    expect(report).toMatchObject({ started: true, data: DATA });
    expect(await ids()).toBe('1,2,3');
    // Postgres refuses files of another user, and one that slipped through would stop it some day.
    expect((await tree.run(['find', DATA, '!', '-user', 'postgres'])).stdout).toBe('');
    expect((await tree.run(['systemctl', '--failed', '--plain', '--no-legend'])).stdout).toBe('');
    expect((await tree.run(['stat', '--format=%a %U:%G', DATA])).stdout.trim()).toBe('700 postgres:postgres');
    expect(await sql('select timeline_id from pg_control_checkpoint()')).toBe('2');
    expect(await sql('show archive_mode')).toBe('on');
    await healthy();
  });

  it('goes back on the new timeline, and to seconds before it', async () => {
    await vectabase('backup', 'create');
    await marks(6, 8);
    const onNew = await vectabase(
      'backup',
      'restore',
      '--pitr',
      instants[6] ?? '',
      ...KEY,
      '--into',
      `${BESIDE}/new-line`,
    );
    expect(onNew).toMatchObject({ timeline: 2 });
    const onOld = await vectabase(
      'backup',
      'restore',
      '--pitr',
      instants[4] ?? '',
      ...KEY,
      '--into',
      `${BESIDE}/old-line`,
    );
    expect(onOld).toMatchObject({ timeline: 1 });
    expect(await ids()).toBe('1,2,3,6,7,8');
  });

  it('is undone', async () => {
    await vectabase('backup', 'restore', '--undo', '--confirm', name);
    expect(await ids()).toBe('1,2,3,4,5');
    await healthy();
  });

  it('comes back from a chain of what changed, byte for byte as Postgres puts it together', async () => {
    await sql(`create table stock as select n, md5(n::text) as code from generate_series(1, 200000) n;
      create index on stock (code)`);
    await vectabase('backup', 'create', '--full');
    await sql(`update stock set code = 'x' where n % 5003 = 0; delete from stock where n > 150000`);
    await sql('vacuum stock'); // cuts its file
    await vectabase('backup', 'create', '--incremental');
    await sql(`insert into stock select n, 'back' from generate_series(150001, 160000) n`);
    await marks(9, 9);
    const last = await vectabase('backup', 'create', '--incremental');
    await marks(10, 10);
    const report = await vectabase(
      'backup',
      'restore',
      '--pitr',
      instants[10] ?? '',
      ...KEY,
      '--table',
      'public.marks',
    );
    expect(report).toMatchObject({ rows: 7 }); // 1 to 5, 9 and 10
    const { systemId, buildsOn } = await vectabase('backup', 'show', String(last['label']));
    expect((buildsOn as string[]).length).toBeGreaterThanOrEqual(2);
    const labels = [...(buildsOn as string[]), String(last['label'])];
    await vectabase('backup', 'restore', String(last['label']), ...KEY, '--into', `${BESIDE}/ours`);
    const base = `/var/lib/vectabase/data/backups/${String(systemId)}/base`;
    for (const label of labels) {
      await tree.run(['mkdir', '-p', `/scratch/links/${label}`]);
      for (const [from, to] of [
        ['base.tar', 'tar'],
        ['manifest', `links/${label}/backup_manifest`],
      ] as const)
        await vectabase('backup', 'decrypt', `${base}/${label}/${from}.vbk`, ...KEY, '--out', `/scratch/${to}`);
      await tree.run(['sh', '-ec', `tar -C /scratch/links/${label} -xf /scratch/tar; rm /scratch/tar`]);
    }
    const links = labels.map((label) => `/scratch/links/${label}`);
    await tree.run(['/usr/lib/postgresql/17/bin/pg_combinebackup', '-N', '-o', '/scratch/theirs', ...links]);
    await tree.run(['diff', '-r', '-x', 'backup_manifest', '/scratch/theirs', `${BESIDE}/ours`]);
  });

  it('brings back a dump beside what is there', async () => {
    const report = await vectabase('backup', 'restore', '--dump', 'newest', ...KEY);
    expect(report).toMatchObject({ kept: null });
    expect(await sql('select count(*) from marks', String(report['database']))).toBe('0');
  });

  it('needs on another machine only the store and the key', async () => {
    const bare = 'cp -r /var/lib/vectabase/data/backups /scratch/store && mkdir /root/elsewhere';
    await tree.run(['sh', '-ec', bare]);
    const into = `${BESIDE}/restored`;
    await tree.run(['sh', '-c', 'echo local all all trust > /tmp/hba']);
    const flags = ['--dir', '/root/elsewhere', '--repository', '/scratch/store', '--into', into];
    await vectabase('backup', 'restore', '--pitr', instants[2] ?? '', ...KEY, ...flags);
    const start = `/usr/lib/postgresql/17/bin/pg_ctl -w -D ${into} -l /tmp/restored.log start -o`;
    await tree.run(
      [...start.split(' '), `-p 5499 -c listen_addresses= -c hba_file=/tmp/hba -c config_file=/dev/null`],
      { user: 'postgres' },
    );
    const { stdout } = await tree.run(
      ['psql', '-XAtqc', `select string_agg(id::text, ',' order by id) from marks`, '-p', '5499', 'postgres'],
      { user: 'postgres' },
    );
    expect(stdout.trim()).toBe('1,2');
  });

  /** Rows with an instant after each, at least some milliseconds away from both neighbours. */
  async function marks(from: number, to: number): Promise<void> {
    for (let id = from; id <= to; id++) {
      await sql(`insert into marks values (${id})`);
      instants[id] = await sql('select pg_sleep(0.05); select clock_timestamp()');
      await sql('select pg_sleep(0.05)');
    }
  }

  async function ids(): Promise<string> {
    return sql(`select string_agg(id::text, ',' order by id) from marks`);
  }

  async function sql(statement: string, database = 'postgres'): Promise<string> {
    const { stdout } = await tree.run(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-U', 'supabase_admin', database], {
      input: statement,
    });
    return stdout.trim();
  }

  async function healthy(): Promise<void> {
    const wait = 'for i in $(seq 60); do curl -fs http://127.0.0.1:54321/readyz && exit; sleep 0.5; done; exit 1';
    const script = wait.replace(
      'curl -fs',
      `node -e 'fetch(process.argv[1]).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))'`,
    );
    await tree.run(['sh', '-c', script]);
  }

  async function vectabase(...args: string[]): Promise<Record<string, unknown>> {
    const { stdout } = await tree.run(['node', '/vectabase/bin/run.js', ...args, '--json', '--no-input']);
    const text = stdout.trim();
    const last = text.startsWith('{\n') ? text : (text.split('\n').at(-1) ?? '{}');
    return JSON.parse(last) as Record<string, unknown>;
  }
});

const LOAD = `while sleep 0.02; do psql -XAtqc "insert into load (note) select repeat('x', 200) from generate_series(1, 20)" postgres || sleep 1; done`;
