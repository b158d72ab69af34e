import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { differences, makeAll, readIn } from '../support/round-trip.ts';
import { startSystemPostgres, systemMajors, type SystemPostgres } from '../support/system-postgres.ts';

/** Where Debian's own Postgres is installed (`apt-get install postgresql`), of whatever major. */
const majors = systemMajors();

it.skipIf(majors.length === 0)('another Postgres is here to read from', () => expect(majors).not.toEqual([]));

describe.each(majors)('from Postgres %i', (major) => {
  let system: SystemPostgres;
  let embedded: TestCluster;
  let source: Session;
  const opened: Session[] = [];

  async function open(address: Parameters<typeof Session.open>[0]): Promise<Session> {
    const session = await Session.open(address, { applicationName: 'catalog majors' });
    opened.push(session);
    return session;
  }

  beforeAll(async () => {
    system = await startSystemPostgres(major);
    embedded = await startTestCluster();
    const admin = await open(system.address('postgres'));
    await admin.script('create database nasty');
    await admin.script('create database copy');
    source = await open(system.address('nasty'));
    await source.script(await readFile(assetPath('test', 'fixtures', 'nasty.sql'), 'utf8'));
  });

  afterAll(async () => {
    for (const session of opened) await session.close();
    await system?.stop();
    await embedded?.stop();
  });

  it('a copy on the embedded Postgres reads the same', async () => {
    const admin = await open(embedded.adminAddress);
    await admin.script('create role postgres superuser login; create role anon; create role authenticated');
    await admin.script('create role service_role');
    await embedded.createDatabase('copy');
    const copy = await open(embedded.address('copy', { user: 'postgres' }));
    const catalog = await readIn(source);
    expect(catalog.serverVersion).toBeGreaterThanOrEqual(major * 10_000);
    await makeAll(copy, catalog, await readIn(copy));
    expect(differences(catalog, await readIn(copy))).toEqual([]);
  });

  it('a copy on the same server reads the same to pg_dump, which knows nothing of us', async () => {
    const copy = await open(system.address('copy'));
    await makeAll(copy, await readIn(source), await readIn(copy));
    const dump = await system.dumpSchema('nasty');
    expect(dump).toContain('CREATE TABLE app.orders');
    expect(await system.dumpSchema('copy')).toBe(dump);
  });
});
