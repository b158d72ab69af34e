/** Hosted projects still run 15: what its server prints and hashes must equal what the target's does. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { verifyMigration } from '../../../src/operator/migrate/verify-again.ts';
import { FLIPS, zooSql } from '../../fixtures/flips.ts';
import { migrate, quiet, startBench, WORDS, type Bench } from '../../support/migration.ts';
import { startSystemPostgres, systemMajors, type SystemPostgres } from '../../support/system-postgres.ts';

const others = systemMajors().filter((major) => major !== 17);

describe.each(others)('from Postgres %i', (major) => {
  let bench: Bench;
  let older: SystemPostgres;
  beforeAll(async () => {
    [bench, older] = await Promise.all([startBench(), startSystemPostgres(major)]);
    const admin = await Session.open(older.address('postgres'), { applicationName: 'test' });
    await applyTemplates(admin, 'platform');
    await admin.script(await readFile(assetPath('test/fixtures/small-project.sql'), 'utf8'));
    await admin.script(zooSql());
    await admin.close();
  });
  afterAll(async () => {
    await older?.stop();
    await bench?.stop();
  });

  test('a copy is equal, and one changed value is named', async () => {
    const ends = { source: older.address('postgres'), target: await bench.freshTarget('moved') };
    const { report } = await migrate(ends);
    expect(report.catalogue?.different).toEqual([]);
    expect(report.tables.filter(({ status }) => status !== 'verified')).toEqual([]);
    expect(report.outcome).toBe('complete');
    const column = FLIPS.find(({ type, from }) => type === 'jsonb' && from.includes('1.0'))?.column;
    const admin = await bench.admin('target', 'moved');
    await admin.script(`update app.zoo set ${column} = '{"a": 1.00}' where id = 1`);
    await admin.close();
    const again = await verifyMigration({ ends, jobs: 2, words: WORDS }, quiet());
    expect(again.tables.filter(({ status }) => status === 'differs').map(({ table }) => table)).toEqual(['app.zoo']);
  });
});
