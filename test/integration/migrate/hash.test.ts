import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { inTransaction } from '../../../src/foundation/postgres/transaction.ts';
import { readCatalog } from '../../../src/operator/migrate/catalog/read.ts';
import { contentQuery } from '../../../src/operator/migrate/rows/hash.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

/** What the server calls equal, or prints alike as a hosted project is set up, and yet is not the same. */
const PAIRS: ReadonlyArray<readonly [type: string, left: string, right: string]> = [
  ['numeric', '1.0', '1.00'],
  ['float8', '0', '-0'],
  ['float8', '0.3', '0.30000000000000004'],
  ['float4', '0', '-0'],
  ['interval', '1 mon', '30 days'],
  ['timetz', '12:00+00', '13:00+01'],
  ['bpchar', 'a', 'a '],
  ['char(3)', 'a', 'b'],
  ['jsonb', '{"a": 1.0}', '{"a": 1.00}'],
  ['json', '{"a":1}', '{"a": 1}'],
  ['int4[]', '{1,2}', '[0:1]={1,2}'],
  ['numeric[]', '{1.0}', '{1.00}'],
  ['text', 'a', 'a '],
  ['text', '', 'null'],
  ['bytea', '\\x00', '\\x0000'],
  ['point', '(1,2)', '(1,3)'],
  ['tsvector', 'a:1', 'a:2'],
];

describe('the content of a table, as the server sums it up', () => {
  let cluster: TestCluster;
  let session: Session;
  beforeAll(async () => {
    cluster = await startTestCluster();
    session = await Session.open(cluster.adminAddress, {
      applicationName: 'test',
      settings: { extra_float_digits: '0' },
    });
  });
  afterAll(async () => {
    await session?.close();
    await cluster?.stop();
  });

  const contentOf = async (table: string): Promise<unknown> => {
    const catalog = await inTransaction(session, async () => readCatalog(session, { schemas: 'all-user' }));
    const found = catalog.tables.find(({ name }) => name === table);
    if (!found) throw new Error(`no table ${table}`);
    const [row] = await session.rows(contentQuery(found.identity, found.columns, null));
    return row;
  };

  test.each(PAIRS)('%s: %s is not %s', async (type, left, right) => {
    await session.script(`drop table if exists l, r, same; create table l (c ${type}); create table r (c ${type})`);
    await session.rows('insert into l values ($1)', [left]);
    await session.rows('insert into r values ($1)', [right === 'null' ? null : right]);
    await session.script('create table same (c ' + type + '); insert into same select * from l');
    const content = await contentOf('l');
    expect(await contentOf('same')).toEqual(content);
    expect(await contentOf('r')).not.toEqual(content);
  });

  test('a row that is there twice counts, the order of rows does not', async () => {
    await session.script(`drop table if exists l, r, same;
      create table l (a int, b text); insert into l values (1, 'x'), (2, 'y'), (2, 'y');
      create table same (a int, b text); insert into same values (2, 'y'), (1, 'x'), (2, 'y');
      create table r (a int, b text); insert into r values (1, 'x'), (1, 'x'), (2, 'y')`);
    expect(await contentOf('same')).toEqual(await contentOf('l'));
    expect(await contentOf('r')).not.toEqual(await contentOf('l'));
  });
});
