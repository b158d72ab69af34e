import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDatabaseUrl, type DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { detectPooler } from '../../src/foundation/postgres/pooler.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { createCluster, startPgBouncer, type Cluster } from '../support/trixie-postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { TrixieTree } from '../support/trixie-tree.ts';

const applicationName = 'vectabase test';

describe('Postgres and PgBouncer as services of Debian 13', () => {
  let tree: TrixieTree;
  let cluster: Cluster;
  const pooler = async (settings: Record<string, string>): Promise<DatabaseAddress> =>
    parseDatabaseUrl(await startPgBouncer(tree, cluster, settings));

  beforeAll(async () => {
    tree = await TrixieTree.boot();
    cluster = await createCluster(tree, 'source');
  });
  afterAll(async () => {
    await tree.stop();
  });

  it('answers as Postgres 17, run by systemd', async () => {
    const session = await Session.open(parseDatabaseUrl(cluster.url('postgres')), { applicationName });
    const [row] = await session.rows<{ version: string }>(`select current_setting('server_version_num') as version`);
    await session.close();
    expect(row?.version).toMatch(/^17\d{4}$/);
    const status = await tree.run(['systemctl', 'is-active', 'postgresql@17-source']);
    expect(status.stdout.trim()).toBe('active');
  });

  describe('detectPooler', () => {
    it('knows a direct connection', async () => {
      expect(await detectPooler(parseDatabaseUrl(cluster.url('postgres')), { applicationName })).toBe('direct');
    });

    it('is not fooled by a plain TCP relay', async () => {
      const relay = await TcpProxy.listen({ host: '127.0.0.1', port: cluster.port });
      const address = { ...parseDatabaseUrl(cluster.url('postgres')), port: relay.port };
      expect(await detectPooler(address, { applicationName })).toBe('direct');
      await relay.close();
    });

    it.each([
      ['session', { pool_mode: 'session' }, 'session'],
      ['transaction', { pool_mode: 'transaction' }, 'transaction'],
      [
        'transaction, handing out backends in turn',
        { pool_mode: 'transaction', server_round_robin: '1', min_pool_size: '3' },
        'transaction',
      ],
      ['transaction, with one backend', { pool_mode: 'transaction', default_pool_size: '1' }, 'transaction'],
      ['statement', { pool_mode: 'statement' }, 'transaction'],
    ])('knows PgBouncer in %s mode', async (_, settings, expected) => {
      expect(await detectPooler(await pooler(settings), { applicationName })).toBe(expected);
    });

    it('knows a transaction pooler whose backends are busy with others', async () => {
      const address = await pooler({ pool_mode: 'transaction', default_pool_size: '4' });
      const others = await Promise.all([1, 2, 3].map(async () => Session.open(address, { applicationName })));
      const noise = { wanted: true };
      const loops = others.map(async (session) => {
        while (noise.wanted) await session.rows('select pg_sleep(random() * 0.01)');
      });
      expect(await detectPooler(address, { applicationName })).toBe('transaction');
      noise.wanted = false;
      await Promise.all(loops);
      await Promise.all(others.map(async (session) => session.close()));
    });

    it('knows a session pooler that has no second backend to give', async () => {
      const address = await pooler({ pool_mode: 'session', default_pool_size: '1' });
      expect(await detectPooler(address, { applicationName, patience: 500 })).toBe('session');
    });

    it('leaves no setting and no transaction behind', async () => {
      const address = await pooler({ pool_mode: 'transaction', default_pool_size: '1' });
      const settings = `select string_agg(name || '=' || setting, ' ' order by name) as settings from pg_settings where source = 'session'`;
      const look = async (): Promise<unknown> => {
        const session = await Session.open(address, { applicationName });
        const [row] = await session.rows(settings);
        await session.close();
        return row?.['settings'];
      };
      const before = await look();
      await detectPooler(address, { applicationName });
      expect(await look()).toEqual(before);
      const idle = await cluster.sql('postgres', `select count(*) from pg_stat_activity where state like 'idle in%'`);
      expect(idle).toBe('0');
    });
  });
});
