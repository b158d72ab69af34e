import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Logger } from 'pino';
import { backupJobs } from '../../../src/daemon/scheduler/backup-jobs.ts';
import type { RuntimeConfig } from '../../../src/foundation/config/runtime-file.ts';
import { expectedJobs } from '../../../src/operator/backup/alerts/jobs.ts';
import { conditionsOf, type AlertFacts, type JobFacts } from '../../../src/operator/backup/alerts/rules.ts';
import { alertSteps, type AlertState, type Condition, type Letter } from '../../../src/operator/backup/alerts/state.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOW = Date.parse('2026-11-23T10:00:00Z');
const LIMITS = { archiveLag: 15 * MINUTE, disk: 0.85, keyProof: 31 * DAY };
const fine: JobFacts = {
  job: 'base',
  firstAt: NOW - 30 * DAY,
  succeededAt: NOW - 60 * MINUTE,
  status: 'ok',
  error: undefined,
  patience: 26 * 60 * MINUTE,
  command: 'vectabase backup create',
};
const calm: AlertFacts = { now: NOW, jobs: [fine], disks: [], keyProofAge: DAY };

const keysOf = (facts: Partial<AlertFacts>): string[] =>
  conditionsOf({ ...calm, ...facts }, LIMITS).map(({ key }) => key);

test.each<[string, Partial<AlertFacts>, string[]]>([
  ['all is well', {}, []],
  ['a job failed', { jobs: [{ ...fine, status: 'failed', error: 'no space' }] }, ['job.base.failed']],
  ['a job was interrupted and is taken up again', { jobs: [{ ...fine, status: 'interrupted' }] }, []],
  ['a job is silent', { jobs: [{ ...fine, succeededAt: NOW - 2 * DAY }] }, ['job.base.silent']],
  ['a job never ran', { jobs: [{ ...fine, firstAt: NOW - 2 * DAY, succeededAt: undefined }] }, ['job.base.silent']],
  ['a job is new', { jobs: [{ ...fine, firstAt: NOW - MINUTE, succeededAt: undefined, status: 'running' }] }, []],
  ['a job succeeded in the future', { jobs: [{ ...fine, succeededAt: NOW + 35 * DAY }] }, ['job.base.clock']],
  ['a job succeeded a moment ago by another clock', { jobs: [{ ...fine, succeededAt: NOW + MINUTE }] }, []],
  ['the store is a little behind', { archiveLag: 14 * MINUTE }, []],
  ['the store is far behind', { archiveLag: 16 * MINUTE, archiveFailure: 'no route' }, ['archive.lag']],
  ['WAL piles up, and nobody refuses it', { archiveStuck: '64 files of WAL wait in pg_wal' }, ['archive.stuck']],
  ['the clock is a little behind', { clockBehind: MINUTE }, []],
  ['the clock went back an hour', { clockBehind: 59 * MINUTE }, ['clock']],
  ['the store fails', { archiveFailure: 'no route', archiveFailing: 4 * MINUTE }, []],
  ['the store fails for long', { archiveFailure: 'no route', archiveFailing: 6 * MINUTE }, ['archive.failing']],
  ['the store failed', { archiveFailing: 6 * MINUTE }, []],
  ['WAL is refused', { archiveRefused: 'the spool is full' }, ['archive.refused']],
  [
    'a disk fills',
    {
      disks: [
        { directory: '/data', used: 0.86 },
        { directory: '/', used: 0.5 },
      ],
    },
    ['disk./data'],
  ],
  ['the key was not proved for long', { keyProofAge: 32 * DAY }, ['key-proof']],
  ['the key was never proved', { keyProofAge: undefined }, ['key-proof']],
  ['the configuration was kept last night', { configAge: DAY }, []],
  ['the configuration was not kept for two days', { configAge: 2 * DAY }, ['job.config.silent']],
  ['Postgres is away', { database: 'Postgres does not answer' }, ['database']],
])('%s', (_, facts, keys) => {
  expect(keysOf(facts)).toEqual(keys);
  for (const { command } of conditionsOf({ ...calm, ...facts }, LIMITS)) expect(command).not.toBe('');
});

test('the jobs that status expects are those that the daemon runs', () => {
  const archive = {
    socketDirectory: '/a',
    spool: '/s',
    repository: '/r',
    home: '/h',
    whenFull: 'stop-writes' as const,
  };
  const some = fc.record({
    archive: fc.constantFrom(undefined, archive),
    backup: fc.record({
      stores: fc.constantFrom([], [{ url: 'file:///mnt' }]),
      rehearsalKeyFile: fc.constantFrom(undefined, '/key'),
    }),
    jobs: fc.constantFrom(
      undefined,
      ...[undefined, { user: 'backup' }].flatMap((backupLogin) =>
        [undefined, '/scratch'].map((scratch) => ({ backupLogin, scratch, disks: [] })),
      ),
    ),
  });
  fc.assert(
    fc.property(some, (parts) => {
      const database = { host: '/run', port: 1, user: 'a', database: 'd' };
      const config = { ...parts, database } as unknown as RuntimeConfig;
      expect(backupJobs(config, undefined as unknown as Logger).map(({ name }) => name)).toEqual(expectedJobs(config));
    }),
  );
});

const conditionOf = (key: string): Condition => ({ key, severity: 'critical', title: key, command: 'x' });

/** Minutes that pass, what is wrong then, and whether somebody takes the letters. */
const looks = fc.array(
  fc.record({
    pause: fc.integer({ min: 1, max: 40 * 60 }),
    keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
    taken: fc.boolean(),
  }),
  { maxLength: 60 },
);

interface Told extends Letter {
  readonly at: number;
}

function play(history: ReadonlyArray<{ pause: number; keys: string[]; taken: boolean }>): {
  told: Told[];
  state: AlertState;
  now: number;
} {
  let state: AlertState = {};
  let now = NOW;
  const told: Told[] = [];
  for (const { pause, keys, taken } of history) {
    now += pause * MINUTE;
    const { steps, state: seen } = alertSteps(state, keys.map(conditionOf), now);
    state = JSON.parse(JSON.stringify(seen)) as AlertState;
    for (const step of taken ? steps : []) {
      state = step.told(state);
      told.push({ ...step.letter, at: now });
    }
  }
  return { told, state, now };
}

test('nothing is raised twice, resolved unraised, or reminded of within a day', () => {
  fc.assert(
    fc.property(looks, (history) => {
      for (const key of ['a', 'b', 'c']) {
        let open: Told | undefined;
        for (const letter of play(history).told.filter((each) => each.key === key)) {
          expect(letter.status === 'raised').toBe(open === undefined);
          const pause = open && letter.status === 'still' ? letter.at - open.at : DAY;
          expect(pause).toBeGreaterThanOrEqual(DAY);
          open = letter.status === 'resolved' ? undefined : letter;
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('whatever happened, what is wrong gets told, and what is over is told to be over', () => {
  fc.assert(
    fc.property(looks, fc.uniqueArray(fc.constantFrom('a', 'b', 'c')), (history, last) => {
      const keys: readonly string[] = last;
      const settled = Array.from({ length: 3 }, () => ({ pause: 10, keys: last, taken: true }));
      const { told, state } = play([...history, ...settled]);
      expect(Object.keys(state).toSorted()).toEqual(last.toSorted());
      for (const key of ['a', 'b', 'c']) {
        const final = told.findLast((each) => each.key === key)?.status;
        expect(keys.includes(key) ? ['raised', 'still'] : ['resolved', undefined]).toContain(final);
      }
    }),
    { numRuns: 500 },
  );
});

test('what comes and goes each minute is one alert', () => {
  const flapping = Array.from({ length: 60 }, (_, at) => ({ pause: 1, keys: at % 2 === 0 ? ['a'] : [], taken: true }));
  expect(play(flapping).told.map(({ status }) => status)).toEqual(['raised']);
});
