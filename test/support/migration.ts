import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock, type JobContext } from '../../src/foundation/core/observe.ts';
import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { buildStandinSource, type StandinOptions } from '../../src/operator/demo/standin/build.ts';
import type { MigrateObservation } from '../../src/operator/migrate/observations.ts';
import { DEFAULT_CHOICES, type MigrateChoices } from '../../src/operator/migrate/options.ts';
import type { MigrationReport } from '../../src/operator/migrate/report.ts';
import { runMigration } from '../../src/operator/migrate/run.ts';
import { startTestCluster, type TestCluster } from './cluster.ts';

/** A source like a hosted project and a target like an installation, on two clusters. */
export interface Bench {
  readonly source: TestCluster;
  readonly target: TestCluster;
  /** Role postgres of the source, by TCP, as an operator connects. */
  readonly sourceAddress: DatabaseAddress;
  /** A fresh database with the platform's schemas, as `vectabase up` leaves it. */
  freshTarget(name: string): Promise<DatabaseAddress>;
  admin(of: 'source' | 'target', database?: string): Promise<Session>;
  /** A directory for reports. */
  readonly folder: string;
  stop(): Promise<void>;
}

export async function startBench(options: { standin?: StandinOptions } = {}): Promise<Bench> {
  const [source, target] = await Promise.all([startTestCluster(), startTestCluster()]);
  const admin = await Session.open(source.address('postgres'), { applicationName: 'test' });
  if (options.standin) await buildStandinSource(admin, options.standin, quiet());
  else await applyTemplates(admin, 'platform');
  await admin.script(`alter role postgres password 'source'`);
  await admin.close();
  const prepared = await Session.open(await target.createDatabase('prepared'), { applicationName: 'test' });
  await applyTemplates(prepared, 'platform');
  await prepared.close();
  const folder = await mkdtemp(path.join(tmpdir(), 'vb-test-'));
  await chmod(folder, 0o700);
  return {
    source,
    target,
    sourceAddress: source.address('postgres', { user: 'postgres', password: 'source', tcp: true }),
    freshTarget: async (name) => target.createDatabase(name, 'prepared'),
    admin: async (of, database = 'postgres') =>
      Session.open((of === 'source' ? source : target).address(database), { applicationName: 'test' }),
    folder,
    stop: async () => {
      await rm(folder, { recursive: true, force: true });
      await source.stop();
      await target.stop();
    },
  };
}

export const WORDS = {
  resume: 'vectabase migrate --resume',
  abort: 'vectabase migrate abort',
  migrate: 'vectabase migrate',
};

export interface Moved {
  readonly report: MigrationReport;
  readonly observations: readonly MigrateObservation[];
}

/** Runs the engine in this process. */
export async function migrate(
  ends: { source: DatabaseAddress; target: DatabaseAddress },
  options: {
    choices?: Partial<MigrateChoices>;
    resume?: boolean;
    signal?: AbortSignal;
    onObservation?: (seen: MigrateObservation) => void;
  } = {},
): Promise<Moved> {
  const observations: MigrateObservation[] = [];
  const report = await runMigration(
    {
      ends,
      choices: { ...DEFAULT_CHOICES, ...options.choices },
      resume: options.resume === true ? (options.choices ?? {}) : null,
      targetFreeBytes: null,
      words: WORDS,
      onReport: async () => undefined,
    },
    {
      clock: systemClock,
      signal: options.signal ?? new AbortController().signal,
      observe: (seen) => {
        observations.push(seen);
        options.onObservation?.(seen);
      },
    },
  );
  return { report, observations };
}

export function quiet(): JobContext {
  return { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
}
