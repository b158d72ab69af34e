import { bytes, duration, whole } from '../../../foundation/core/numbers.ts';
import { fail, ok, psql, setting, some, warn, type Check } from '../check.ts';
import type { DatabaseFacts } from '../facts.ts';

const GIB = 1024 ** 3;
const HOUR = 3_600;

/** What its use has made of the database. */
export const WORKLOAD_CHECKS: ReadonlyArray<Check<'database'>> = [
  {
    id: 'database.slots',
    title: 'no slot that holds WAL for nobody',
    fact: 'database',
    judge: ({ slots }, { where }) => {
      const lost = slots.find(({ walStatus }) => walStatus === 'lost');
      if (lost)
        return fail(`${lost.name} has lost its WAL`, psql(`select pg_drop_replication_slot('${lost.name}')`, where));
      const idle = slots.find(({ active, heldBytes }) => !active && (heldBytes ?? 0) > GIB);
      return idle === undefined
        ? ok(slots.length === 0 ? 'none' : `${slots.length}, all of use`)
        : fail(
            `${idle.name} holds ${bytes(idle.heldBytes ?? 0)} and nobody reads it`,
            psql(`select pg_drop_replication_slot('${idle.name}')`, where),
          );
    },
  },
  {
    id: 'database.wraparound',
    title: 'transaction numbers to spare',
    fact: 'database',
    judge: ({ databases }, { where }) => {
      const worst = databases.toSorted((a, b) => oldest(b) - oldest(a))[0];
      if (worst === undefined) return ok('no database');
      const evidence = `${worst.name}: ${whole(oldest(worst))} of 2,147,483,647 used`;
      // Autovacuum begins at 200 million by itself; 1.6 thousand million is where Postgres stops sparing the disk.
      if (oldest(worst) > 1_600_000_000) return fail(evidence, psql('vacuum (freeze, verbose)', where));
      return oldest(worst) > 600_000_000 ? warn(evidence, psql('vacuum (freeze, verbose)', where)) : ok(evidence);
    },
  },
  {
    id: 'database.bloat',
    title: 'few dead rows',
    fact: 'database',
    judge: ({ tables }, { where }) => {
      const full = tables.filter(({ dead, live }) => dead > 50_000 && dead > live * 0.3);
      const [first] = full;
      return first === undefined
        ? ok('no table is full of them')
        : warn(
            some(full.map(({ name, dead }) => `${name}: ${whole(dead)}`)),
            psql(`vacuum (analyze) ${first.name}`, where),
          );
    },
  },
  {
    id: 'database.statistics',
    title: 'a planner that knows the tables',
    fact: 'database',
    judge: ({ tables }, { where }) => {
      const stale = tables.filter(
        ({ neverAnalysed, modified, live }) => neverAnalysed || modified > Math.max(live, 10_000),
      );
      return stale.length === 0
        ? ok('statistics are fresh')
        : warn(`${some(stale.map(({ name }) => name))}: not analysed since most rows changed`, psql('analyze', where));
    },
  },
  {
    id: 'database.indexes',
    title: 'no broken index',
    fact: 'database',
    judge: ({ indexes }, { where }) => {
      const [first] = indexes;
      return first === undefined
        ? ok('all are valid')
        : fail(
            `${some(indexes.map(({ name }) => name))}: written, and read by no query`,
            psql(`reindex index concurrently ${first.name}`, where),
          );
    },
  },
  {
    id: 'database.sequences',
    title: 'sequences far from their end',
    fact: 'database',
    judge: ({ sequences }, { where }) => {
      const near = sequences.filter(({ usedPercent }) => usedPercent > 70);
      const told = some(near.map(({ name, usedPercent }) => `${name}: ${usedPercent} %`));
      if (near.length === 0) return ok('none is past 70 %');
      const fix = `vectabase db inspect table-sizes${where}`;
      return near.some(({ usedPercent }) => usedPercent > 90) ? fail(told, fix) : warn(told, fix);
    },
  },
  {
    id: 'database.connections',
    title: 'connections to spare',
    fact: 'database',
    judge: (facts, { where }) => {
      const limit =
        Number(setting(facts, 'max_connections')) - Number(setting(facts, 'superuser_reserved_connections') || 3);
      const { connections } = facts.activity;
      const evidence = `${connections} of ${limit} in use`;
      if (connections > limit * 0.95) return fail(evidence, `vectabase db inspect role-connections${where}`);
      return connections > limit * 0.8 ? warn(evidence, `vectabase db inspect role-connections${where}`) : ok(evidence);
    },
  },
  {
    id: 'database.transactions',
    title: 'no transaction left open',
    fact: 'database',
    judge: ({ activity }, { where }) => {
      if (activity.forgottenPrepared > 0)
        return fail(
          `${activity.forgottenPrepared} prepared and never finished`,
          psql('select * from pg_prepared_xacts', where),
        );
      if (activity.longestIdle > HOUR)
        return warn(
          `one has waited for its client for ${duration(activity.longestIdle)}`,
          `vectabase db inspect locks${where}`,
        );
      return activity.oldestTransaction > 6 * HOUR
        ? warn(
            `one has run for ${duration(activity.oldestTransaction)}`,
            `vectabase db inspect long-running-queries${where}`,
          )
        : ok(`the oldest is ${duration(activity.oldestTransaction)} old`);
    },
  },
  {
    id: 'database.locks',
    title: 'nobody waits for a lock',
    fact: 'database',
    judge: ({ activity }, { where }) =>
      activity.blocked > 5
        ? warn(`${activity.blocked} sessions wait`, `vectabase db inspect blocking${where}`)
        : ok(activity.blocked === 0 ? 'none' : `${activity.blocked} wait for a moment`),
  },
];

function oldest({ age, multixactAge }: DatabaseFacts['databases'][number]): number {
  return Math.max(age, multixactAge);
}
