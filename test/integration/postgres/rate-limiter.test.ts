import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeRateLimiter, type Bucket, type RateLimiter } from '../../../src/foundation/postgres/rate-limiter.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import type { StoreNews } from '../../../src/foundation/postgres/token-store.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;
let limiters: RateLimiter[] = [];
let news: StoreNews[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { track_functions: 'all' } });
  const address = await cluster.createDatabase('limits');
  await cluster.createDatabase('foreign');
  await cluster.createDatabase('owned');
  const admin = await Session.open(address, { applicationName: 'test' });
  await admin.script('create role authenticator login; create role stranger login');
  await applyTemplates(admin, 'gateway');
  await admin.close();
});
beforeEach(() => {
  news = [];
});
afterAll(async () => {
  await cluster?.stop();
});

/** Runs with limiters of as many processes as it asks for. */
async function withLimiters(
  count: number,
  body: (limiters: RateLimiter[]) => Promise<void>,
  database = 'limits',
  user = 'authenticator',
) {
  limiters = Array.from({ length: count }, () =>
    makeRateLimiter(cluster.address(database, { user }), (each) => news.push(each)),
  );
  try {
    await body(limiters);
  } finally {
    await Promise.all(limiters.map((each) => each.stop()));
  }
}

const never: Pick<Bucket, 'perSecond'> = { perSecond: 1e-6 };
const admitted = async (asked: Array<Promise<{ ok: boolean }>>) =>
  (await Promise.all(asked)).filter(({ ok }) => ok).length;

describe('shared buckets', () => {
  test('two processes together let through what one may, to the last one', async () => {
    await withLimiters(2, async (both) => {
      const bucket = { name: 'exact', capacity: 30, ...never };
      const asked = Array.from(
        { length: 200 },
        async (_, at) => both[at % 2]?.take(bucket, '10.0.0.1') ?? { ok: false },
      );
      expect(await admitted(asked)).toBe(30);
      expect(await both[0]?.take(bucket, '10.0.0.2')).toEqual({ ok: true, retryAfterSeconds: 0 });
      expect(await both[0]?.take({ ...bucket, name: 'other' }, '10.0.0.1')).toMatchObject({ ok: true });
    });
    expect(news).toEqual([]);
  });

  test('large ones are leased: few round trips, never more than the capacity, at most a hundredth each left unspent', async () => {
    await withLimiters(3, async (all) => {
      const bucket = { name: 'large', capacity: 5_000, ...never };
      const asked = Array.from({ length: 20_000 }, async (_, at) => all[at % 3]?.take(bucket, 'key') ?? { ok: false });
      const through = await admitted(asked);
      expect(through).toBeLessThanOrEqual(5_000);
      expect(through).toBeGreaterThanOrEqual(5_000 - 3 * 50);
    });
  });

  test('a busy key costs a round trip for thousands of requests, a flood of refused ones none', async () => {
    const admin = await Session.open(cluster.address('limits'), { applicationName: 'test' });
    const roundTrips = async (): Promise<number> => {
      await admin.rows('select pg_stat_force_next_flush(), pg_stat_clear_snapshot()');
      const rows = await admin.rows<{ calls: string }>(
        "select calls from pg_stat_user_functions where funcname = 'take_tokens'",
      );
      return Number(rows[0]?.calls ?? 0);
    };
    const spend = async (bucket: Bucket, count: number): Promise<number> => {
      const before = await roundTrips();
      await withLimiters(1, async ([one]) => {
        for (let at = 0; at < count; at++) await one?.take(bucket, 'k');
      });
      // A session tells its figures when it ends.
      await expect.poll(roundTrips).toBeGreaterThan(before);
      return (await roundTrips()) - before;
    };
    expect(await spend({ name: 'busy', capacity: 1_000_000, perSecond: 16_667 }, 20_000)).toBeLessThanOrEqual(3);
    expect(await spend({ name: 'flood', capacity: 1, perSecond: 0.001 }, 20_000)).toBe(2);
    await admin.close();
  });

  test('the bound over time: capacity, what flowed in, and a hundredth a process', async () => {
    await withLimiters(2, async (both) => {
      const bucket = { name: 'flow', capacity: 1_000, perSecond: 500 };
      const began = performance.now();
      let through = 0;
      while (performance.now() - began < 1_500) {
        through += await admitted(
          Array.from({ length: 100 }, async (_, at) => both[at % 2]?.take(bucket, 'k') ?? { ok: false }),
        );
      }
      const seconds = (performance.now() - began) / 1_000;
      expect(through).toBeLessThanOrEqual(1_000 + 500 * seconds + 2 * 10);
      expect(through).toBeGreaterThan(1_000);
    });
  });

  test('a cost counts as so many; one that never fits counts as the whole bucket', async () => {
    await withLimiters(1, async ([one]) => {
      const bucket = { name: 'cost', capacity: 10, ...never };
      expect(await one?.take(bucket, 'a', 4)).toMatchObject({ ok: true });
      expect(await one?.take(bucket, 'a', 6)).toMatchObject({ ok: true });
      expect(await one?.take(bucket, 'a')).toMatchObject({ ok: false });
      expect(await one?.take(bucket, 'b', 99)).toMatchObject({ ok: true });
      expect(await one?.take(bucket, 'b')).toMatchObject({ ok: false });
    });
  });

  test('tells when to come back, and keeps the word', async () => {
    await withLimiters(1, async ([one]) => {
      const bucket = { name: 'again', capacity: 1, perSecond: 1 };
      expect(await one?.take(bucket, 'a')).toMatchObject({ ok: true });
      expect(await one?.take(bucket, 'a')).toEqual({ ok: false, retryAfterSeconds: 1 });
      await expect.poll(async () => (await one?.take(bucket, 'a'))?.ok, { timeout: 5_000 }).toBe(true);
    });
  });

  test('stores no address, and forgets full buckets', async () => {
    const admin = await Session.open(cluster.address('limits'), { applicationName: 'test' });
    await withLimiters(1, async ([one]) => {
      await one?.take({ name: 'quick', capacity: 1, perSecond: 1_000 }, '203.0.113.7');
      const rows = await admin.rows<{ text: string }>("select encode(id, 'escape') as text from vectabase.rate_limits");
      expect(rows.length).toBeGreaterThan(0);
      expect(JSON.stringify(rows)).not.toContain('203.0.113.7');
    });
    await admin.rows('select vectabase.forget_full_buckets(), pg_sleep(0.01)');
    await admin.rows('select vectabase.forget_full_buckets()');
    const [left] = await admin.rows<{ full: string }>(
      'select count(*)::text as full from vectabase.rate_limits where full_at < now()',
    );
    await admin.close();
    expect(left?.full).toBe('0');
  });
});

describe('where the table is not', () => {
  test('with the right to make it, it is made', async () => {
    const admin = await Session.open(cluster.address('owned'), { applicationName: 'test' });
    await admin.script('alter database owned owner to stranger');
    await admin.close();
    await withLimiters(
      2,
      async (both) => {
        const bucket = { name: 'made', capacity: 10, ...never };
        const asked = Array.from({ length: 40 }, async (_, at) => both[at % 2]?.take(bucket, 'a') ?? { ok: false });
        expect(await admitted(asked)).toBe(10);
      },
      'owned',
      'stranger',
    );
    expect(news).toEqual([]);
  });

  test('without it each process counts for itself, and says so once', async () => {
    await withLimiters(
      2,
      async (both) => {
        const bucket = { name: 'alone', capacity: 10, ...never };
        const asked = Array.from({ length: 60 }, async (_, at) => both[at % 2]?.take(bucket, 'a') ?? { ok: false });
        expect(await admitted(asked)).toBe(20);
      },
      'foreign',
      'stranger',
    );
    expect(news).toMatchObject([
      { counts: 'process', final: true },
      { counts: 'process', final: true },
    ]);
  });
});

test('while the database is away it goes on by itself, and together again afterwards', async () => {
  await withLimiters(1, async ([one]) => {
    const bucket = { name: 'away', capacity: 3, ...never };
    await one?.take(bucket, 'a');
    await cluster.kill('SIGKILL');
    // A backend outlives its postmaster for a moment, and may still give a token. A process then begins with a full bucket.
    const through = await admitted(Array.from({ length: 9 }, async () => one?.take(bucket, 'b') ?? { ok: false }));
    expect([3, 4, 5, 6]).toContain(through);
    await expect.poll(async () => one?.take(bucket, `${Math.random()}`).then(() => news)).toHaveLength(1);
    expect(news).toMatchObject([{ counts: 'process', final: false }]);
    await cluster.restart();
    await expect
      .poll(async () => one?.take(bucket, `${Math.random()}`).then(() => news.length), {
        timeout: 10_000,
        interval: 100,
      })
      .toBe(2);
    expect(news[1]).toEqual({ counts: 'database' });
  });
});
