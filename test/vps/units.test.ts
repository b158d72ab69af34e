import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { TrixieTree } from '../support/trixie-tree.ts';

const POSTGRES = 'postgresql@17-vectabase.service';
const DATA = '/var/lib/vectabase/data';

/** The services of an installed machine, made by the steps of the installer, as systemd runs them. */
describe('the units of an installed machine', () => {
  let tree: TrixieTree;

  const sh = async (script: string): Promise<string> => (await tree.run(['bash', '-ec', script])).stdout.trim();
  const psql = async (sql: string): Promise<string> =>
    (await tree.run(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1'], { user: 'postgres', input: sql })).stdout.trim();
  const show = async (unit: string, property: string): Promise<string> =>
    sh(`systemctl show --value --property=${property} ${unit}`);
  const steps = async (which: string): Promise<{ changed: string[] }> =>
    JSON.parse(await sh(`node ${SCRIPTS}/steps.mjs ${which}`)) as { changed: string[] };
  /** Changes what the daemon is started with. */
  const edit = async (statement: string): Promise<string> => {
    const file = '/etc/vectabase/daemon.json';
    return sh(`node -e "const fs = require('fs'), config = JSON.parse(fs.readFileSync('${file}'));
      ${statement}; fs.writeFileSync('${file}', JSON.stringify(config))"`);
  };
  const until = async (what: string, ask: () => Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 60_000; !(await ask()); await sleep(200)) {
      if (Date.now() < end) continue;
      throw new Error(`${what} did not come to pass:\n${await sh('journalctl -n 40 -o cat --no-pager')}`);
    }
  };
  const serves = async (): Promise<boolean> => (await sh(`node ${SCRIPTS}/load.mjs once`)) === '200';

  beforeAll(async () => {
    tree = await TrixieTree.boot({ network: 'private' });
    await sh(RELEASE);
    await steps('files');
    const create = `pg_createcluster 17 vectabase -d ${DATA}/postgres/17/vectabase -p 5432 --locale=C.UTF-8`;
    await sh(`usermod -aG vectabase-archive postgres && chown postgres ${DATA}/postgres && ${create} >/dev/null`);
    await tree.run(['tee', '/etc/postgresql/17/vectabase/pg_hba.conf'], {
      input: 'local all all peer map=vectabase\n',
    });
    await tree.run(['tee', '/etc/postgresql/17/vectabase/pg_ident.conf'], { input: IDENTITIES });
    await tree.run(['systemctl', 'start', POSTGRES]);
    await sh(`cd /vectabase/templates/sql && for file in platform/*.sql gateway/*.sql mail/*.sql encryption/*.sql; do
      setpriv --reuid=postgres --regid=postgres --init-groups psql -Xq1 -v ON_ERROR_STOP=1 -f $file; done`);
    await psql(`create table ping (id int primary key, words text); grant select on ping to anon;
      insert into ping select n, 'word ' || n from generate_series(1, 1000) n`);
    await steps('services');
  });
  afterAll(async () => {
    await tree.stop();
  });

  it('serve through a port that systemd holds, and say so', async () => {
    await until('a first answer', serves);
    expect(await show('vectabase.service', 'NotifyAccess')).toBe('main');
    await until('a status', async () => (await show('vectabase.service', 'StatusText')).startsWith('serves http://'));
    const ask = `require('http').get({socketPath: '/run/vectabase/admin.sock', path: '/healthz'}, (r) => r.pipe(process.stdout))`;
    expect(JSON.parse(await sh(`node -e "${ask}"`))).toMatchObject({ status: 'ok', checks: [{ name: 'postgres' }] });
  });

  it('are there already at a second run', async () => {
    expect((await steps('files')).changed).toEqual([]);
    expect((await steps('services')).changed).toEqual([]);
  });

  it.each([
    ['vectabase.service', 1.5],
    ['vectabase-key-check.service', 1.5],
    [POSTGRES, 3],
    ['pgbouncer.service', 1.5],
  ])('leave little open: %s scores at most %f', async (unit, most) => {
    const last = await sh(`systemd-analyze security --no-pager ${unit} | tail -1`);
    expect(Number(/: ([\d.]+) /.exec(last)?.[1])).toBeLessThanOrEqual(most);
  });

  it('leave Postgres all that it needs: compiled queries, COPY, shared memory of parallel workers, a restart', async () => {
    const compiled = `set jit = on; set jit_above_cost = 0; explain (analyze) select sum(id) from ping`;
    expect(await psql(compiled)).toMatch(/^JIT:/m);
    expect(await psql(`copy (select 1) to program 'cat > ${DATA}/postgres/copied'; select 1`)).toBe('1');
    const parallel = `set debug_parallel_query = on; set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0;
      explain (analyze, costs off) select count(*) from ping`;
    expect(await psql(parallel)).toMatch(/Workers Launched: [1-9]/);
    await tree.run(['systemctl', 'restart', POSTGRES]);
    expect(await psql('select count(*) from ping')).toBe('1000');
    await until('the API', serves);
  });

  it('leave the daemon what it needs: threads that hash passwords', async () => {
    expect(await sh(`node ${SCRIPTS}/load.mjs signup`)).toBe('200');
  });

  it('hand keys over where nobody else looks', async () => {
    const keys = ['/var/lib/vectabase/data/private/master.key', '/var/lib/vectabase/data/private/identity'];
    for (const file of keys) {
      const key = (await sh(`grep -ohE '[0-9a-f]{64}|AGE-SECRET-KEY-[A-Z0-9]+' ${file}`)).split('\n')[0] ?? '';
      expect(key.length).toBeGreaterThan(60);
      const places =
        '/proc/[0-9]*/environ /proc/[0-9]*/cmdline /var/lib/vectabase/data/private/credentials/* /etc/vectabase/daemon.json';
      const found = await tree.run(['bash', '-c', `grep -alF -f - ${places} 2>/dev/null`], {
        input: key,
        check: false,
      });
      expect(found.stdout).toBe('');
      expect(await sh(`journalctl --no-pager -o cat | grep -cF '${key.slice(0, 40)}' || true`)).toBe('0');
    }
    const pid = await show('vectabase.service', 'MainPID');
    expect(await sh(`grep -z CREDENTIALS_DIRECTORY /proc/${pid}/environ | tr -d '\\0'`)).toContain('vectabase.service');
  });

  it('read their configuration again for systemctl reload, in the same process', async () => {
    const pid = await show('vectabase.service', 'MainPID');
    await edit(`config.api.cors = ['https://new.example']`);
    await tree.run(['systemctl', 'reload', 'vectabase']);
    expect(await sh(`node ${SCRIPTS}/load.mjs cors`)).toBe('https://new.example');
    expect(await show('vectabase.service', 'MainPID')).toBe(pid);
  });

  it.each([1, 2])('lose no request while the daemon is restarted, with %i processes', async (workers) => {
    await edit(`config.rest.workers = ${workers}`);
    await tree.run(['systemctl', 'restart', 'vectabase']);
    const result = JSON.parse(await sh(`node ${SCRIPTS}/load.mjs restart 3`)) as { ok: number; failed: unknown[] };
    expect(result.failed).toEqual([]);
    expect(result.ok).toBeGreaterThan(100);
  });

  it('replace a worker that hangs, and the others go on', async () => {
    await quickWatchdog();
    const main = await show('vectabase.service', 'MainPID');
    const [worker] = (await sh(`pgrep -P ${main}`)).split('\n');
    await sh(`kill -STOP ${worker}`);
    await until('a new worker', async () => {
      const now = (await sh(`pgrep -P ${main}`)).split('\n');
      return now.length === 2 && !now.includes(String(worker));
    });
    expect(await show('vectabase.service', 'MainPID')).toBe(main);
  });

  it('start a daemon anew that hangs, and one that is killed', async () => {
    await quickWatchdog();
    for (const signal of ['STOP', 'KILL']) {
      const before = await show('vectabase.service', 'MainPID');
      await sh(`kill -${signal} ${before}`);
      await until(`another daemon after ${signal}`, async () => {
        const pid = await show('vectabase.service', 'MainPID');
        return !['0', before].includes(pid) && (await show('vectabase.service', 'ActiveState')) === 'active';
      });
      await until('an answer', serves);
    }
    expect(await sh(`journalctl -u vectabase -o cat --no-pager | grep -c 'Watchdog timeout'`)).toBe('1');
  });

  it('do not start Postgres without the key of its encrypted values, nor with another one', async () => {
    const sealed = '/var/lib/vectabase/data/private/credentials/vectabase-master-key.cred';
    await tree.run(['systemctl', 'stop', POSTGRES]);
    await sh(`mv ${sealed} /root/kept`);
    expect((await tree.run(['systemctl', 'start', POSTGRES], { check: false })).code).not.toBe(0);
    await sh(`openssl rand -hex 32 | systemd-creds encrypt --name=vectabase-master-key - ${sealed} 2>/dev/null`);
    expect((await tree.run(['systemctl', 'start', POSTGRES], { check: false })).code).not.toBe(0);
    expect(await sh('journalctl -u vectabase-key-check -o cat --no-pager')).toContain('MASTER_KEY_WRONG');
    expect(await show(POSTGRES, 'ActiveState')).toBe('inactive');
    await sh(`mv /root/kept ${sealed}`);
    await tree.run(['systemctl', 'start', POSTGRES]);
    expect(await psql('select 1')).toBe('1');
  });

  it('are repaired one by one: a changed drop-in, a key that was replaced', async () => {
    await steps('files');
    await steps('services');
    await sh(
      `sed -i s/NoNewPrivileges=yes/NoNewPrivileges=no/ /etc/systemd/system/pgbouncer.service.d/50-vectabase.conf`,
    );
    expect((await steps('files')).changed).toEqual(['units.files']);
    expect((await steps('services')).changed).toEqual(['units.pooler']);
    await sh('rm /var/lib/vectabase/data/private/credentials/vectabase-daemon-keys.cred');
    expect((await steps('files')).changed).toEqual(['units.credentials']);
    expect((await steps('services')).changed).toEqual(['units.daemon']);
    await until('the API', serves);
  });

  /** Three seconds in place of thirty. */
  async function quickWatchdog(): Promise<void> {
    await sh(`mkdir -p /run/systemd/system/vectabase.service.d
      printf '[Service]\\nWatchdogSec=3\\n' > /run/systemd/system/vectabase.service.d/quick.conf
      systemctl daemon-reload; systemctl restart vectabase`);
  }
});

/** As a copied package, without the copying. */
const RELEASE = `mkdir -p /opt/vectabase/current && cd /opt/vectabase/current && ln -s /usr/bin/node /vectabase/* .`;
const IDENTITIES = `vectabase postgres postgres
vectabase vectabase authenticator
vectabase vectabase supabase_auth_admin
`;
const SCRIPTS = '/vectabase/test/fixtures/units';
