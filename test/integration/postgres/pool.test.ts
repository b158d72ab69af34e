import { afterAll, beforeAll, expect, test } from 'vitest';
import { isPoolTrouble, Pool, PoolTimeout } from '../../../src/foundation/postgres/pool.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.stop());

const begin = 'begin';
const one = (text: string, values: string[] = []) => ({
  begin,
  statements: [{ text, values }],
  end: 'commit' as const,
});

async function withPool(size: number, body: (pool: Pool) => Promise<void>, patience = 10_000): Promise<void> {
  const pool = new Pool(cluster.adminAddress, { size, applicationName: 'pool test', patience });
  try {
    await body(pool);
  } finally {
    await pool.close();
  }
}

test('what fails is rolled back, the first error is told, and the connection serves on', async () => {
  await withPool(1, async (pool) => {
    await pool.run(one('create table kept (id int)'));
    const bad = {
      begin,
      statements: ['insert into kept values (1)', 'select 1/0', 'select 1'].map((text) => ({ text, values: [] })),
      end: 'commit' as const,
    };
    await expect(pool.run(bad)).rejects.toMatchObject({ code: '22012' });
    expect(await pool.run(one('select count(*)::text from kept'))).toEqual([[['0']]]);
  });
});

test('a decision after the results can undo', async () => {
  await withPool(1, async (pool) => {
    await pool.run(one('create table tried (id int)'));
    const insert = { begin, statements: [{ text: 'insert into tried values (1) returning id::text', values: [] }] };
    const seen: unknown[] = [];
    await pool.run({ ...insert, end: (results) => (seen.push(results[0]), 'rollback') });
    expect(seen).toEqual([[[Buffer.from('1')]]]);
    expect((await pool.run(one('select count(*)::text from tried')))[0]).toEqual([['0']]);
  });
});

test('a transaction step by step: committed whole, or undone by what it throws', async () => {
  await withPool(1, async (pool) => {
    await pool.run(one('create table stepped (id int)'));
    const stepped = (id: number, then: () => void) =>
      pool.transaction(async (session) => {
        const [row] = await session.rows<{ id: number }>('insert into stepped values ($1) returning id', [id]);
        then();
        return row?.id;
      });
    expect(await stepped(1, () => undefined)).toBe(1);
    const stop = () => {
      throw new Error('thought better of it');
    };
    await expect(stepped(2, stop)).rejects.toThrow('thought better of it');
    expect((await pool.run(one('select string_agg(id::text, $1) from stepped', [','])))[0]).toEqual([['1']]);
  });
});

test('more shapes than a connection holds prepared', async () => {
  await withPool(1, async (pool) => {
    for (let at = 0; at < 1_200; at++) {
      const [rows] = await pool.run(one(`select $1::text as "c${at % 600}"`, [String(at)]));
      expect(rows).toEqual([[String(at)]]);
    }
    const [prepared] = await pool.run(one('select count(*)::text from pg_prepared_statements'));
    expect(Number(prepared?.[0]?.[0])).toBeLessThanOrEqual(501);
  });
});

test('who waits too long is told so', async () => {
  await withPool(
    1,
    async (pool) => {
      const slow = pool.run(one('select pg_sleep(1)::text'));
      await expect(pool.run(one('select 1'))).rejects.toBeInstanceOf(PoolTimeout);
      await slow;
    },
    50,
  );
});

test('a server that went away is trouble, and no more once it is back', async () => {
  await withPool(2, async (pool) => {
    await pool.run(one('select 1'));
    await cluster.kill('SIGKILL');
    await expect.poll(async () => pool.run(one('select 1')).catch((error: unknown) => isPoolTrouble(error))).toBe(true);
    await cluster.restart();
    await expect
      .poll(async () => pool.run(one('select $1::text', ['back'])).catch(() => undefined), { timeout: 10_000 })
      .toEqual([[['back']]]);
  });
});

test('what failed to be prepared, or was skipped after a failure, is prepared when it comes again', async () => {
  await withPool(1, async (pool) => {
    const good = { text: 'select $1::text as "after"', values: ['x'] };
    const bad = { text: 'select * from not_yet', values: [] };
    const both = { statements: [bad, good], end: 'commit' as const };
    await expect(pool.run(both)).rejects.toMatchObject({ code: '42P01' });
    expect(await pool.run({ statements: [good], end: 'commit' })).toEqual([[['x']]]);
    await pool.run(one('create table not_yet (id int)'));
    expect(await pool.run(both)).toEqual([[], [['x']]]);
  });
});

test('a batch without BEGIN is one transaction', async () => {
  await withPool(1, async (pool) => {
    await pool.run(one('create table whole (id int)'));
    const texts = [`select set_config('work_mem', '123kB', true)`, 'insert into whole values (1)', 'select 1/0'];
    const statements = texts.map((text) => ({ text, values: [] }));
    await expect(pool.run({ statements, end: 'commit' })).rejects.toMatchObject({ code: '22012' });
    const after = await pool.run({
      statements: [
        ...statements.slice(0, 2),
        { text: `select current_setting('work_mem'), count(*)::text from whole`, values: [] },
      ],
      end: 'commit',
    });
    expect(after[2]).toEqual([['123kB', '1']]);
    expect(await pool.run(one(`select current_setting('work_mem'), count(*)::text from whole`))).toEqual([
      [['4MB', '1']],
    ]);
  });
});

test('in another epoch, statements are prepared for the tables as they are then', async () => {
  await withPool(1, async (pool) => {
    await pool.run(one('create table changing (v int)'));
    const find = { statements: [{ text: 'select v::text from changing where v = $1', values: ['1'] }], end: 'commit' };
    await pool.run({ ...find, end: 'commit', epoch: 1 });
    await pool.run(one('alter table changing alter v type text using v::text'));
    await pool.run(one(`insert into changing values ('1')`));
    await expect(pool.run({ ...find, end: 'commit', epoch: 1 })).rejects.toMatchObject({ code: '42883' });
    expect(await pool.run({ ...find, end: 'commit', epoch: 2 })).toEqual([[['1']]]);
  });
});
