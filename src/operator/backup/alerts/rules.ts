import { duration } from '../../../foundation/core/numbers.ts';
import type { Condition } from './state.ts';

/** What is known of a job. Times in milliseconds since the epoch. */
export interface JobFacts {
  readonly job: string;
  /** The oldest run on record; undefined when there is none. */
  readonly firstAt: number | undefined;
  readonly succeededAt: number | undefined;
  /** Of its last run. */
  readonly status: string | undefined;
  readonly error: string | undefined;
  /** Milliseconds between two successes that are still no reason to worry. */
  readonly patience: number;
  /** What runs it by hand. */
  readonly command: string;
}

/** How backups stand, whoever looks: the daemon each minute, or `status` when the daemon is down. */
export interface AlertFacts {
  readonly now: number;
  readonly jobs: readonly JobFacts[];
  /** Age in milliseconds of the oldest WAL that is only on this machine; undefined: nothing is archived. */
  readonly archiveLag?: number | undefined;
  /** Why the store does not take WAL now. */
  readonly archiveFailure?: string | undefined;
  /** Milliseconds for which it has been like that. */
  readonly archiveFailing?: number | undefined;
  /** Why Postgres could not hand over its last WAL. */
  readonly archiveRefused?: string | undefined;
  /** Why files pile up in pg_wal. */
  readonly archiveStuck?: string | undefined;
  /** Milliseconds by which the clock is behind the newest document of the catalogue. */
  readonly clockBehind?: number | undefined;
  /** Milliseconds since the configuration was backed up, or since the catalogue began where it never was. */
  readonly configAge?: number | undefined;
  /** Used shares of the disks that matter, 0 to 1, by their directories. */
  readonly disks: ReadonlyArray<{ readonly directory: string; readonly used: number }>;
  /** Milliseconds since the owner proved to have the recovery key; undefined: never. */
  readonly keyProofAge?: number | undefined;
  /** Why Postgres does not answer. */
  readonly database?: string | undefined;
}

export interface AlertLimits {
  readonly archiveLag: number;
  readonly disk: number;
  /** undefined: nobody asks for the proof. */
  readonly keyProof: number | undefined;
}

/** Everything that somebody has to see to now. */
export function conditionsOf(facts: AlertFacts, limits: AlertLimits): Condition[] {
  return [
    ...facts.jobs.flatMap((job) => [...failed(job), ...silent(job, facts.now), ...ahead(job, facts.now)]),
    ...archive(facts, limits),
    ...disks(facts, limits),
    ...keyProof(facts, limits),
    ...clock(facts),
    ...configuration(facts),
    ...database(facts),
  ];
}

/** One that was interrupted is taken up again within a minute. */
function failed({ job, status, error, command }: JobFacts): Condition[] {
  if (status !== 'failed') return [];
  const title = `the job ${job} failed: ${error ?? 'it does not say why'}`;
  return [{ key: `job.${job}.failed`, severity: 'critical', title, command }];
}

/** Measured from its first run where it never succeeded: a job that is not even started is silent too. */
function silent({ job, firstAt, succeededAt, patience, command }: JobFacts, now: number): Condition[] {
  const since = succeededAt ?? firstAt;
  if (since === undefined || now - since <= patience) return [];
  const what = succeededAt === undefined ? 'never succeeded in' : 'has not succeeded for';
  const title = `the job ${job} ${what} ${duration((now - since) / 1_000)}`;
  return [{ key: `job.${job}.silent`, severity: 'critical', title, command }];
}

/** Milliseconds by which two clocks may differ. */
const SAME_TIME = 5 * 60_000;

/** A clock that was ahead makes a job look fresh until that date; its next success makes it good. */
function ahead({ job, firstAt, succeededAt, command }: JobFacts, now: number): Condition[] {
  const by = (succeededAt ?? firstAt ?? now) - now;
  if (by <= SAME_TIME) return [];
  const title = `the job ${job} last ran ${duration(by / 1_000)} in the future: the clock is wrong or was. Set it right (timedatectl), then run the job`;
  return [{ key: `job.${job}.clock`, severity: 'critical', title, command }];
}

/** Milliseconds that a store, or its catalogue, may be out of order: shorter troubles pass by themselves. */
const FAILING = 5 * 60_000;

function archive(
  { archiveLag = 0, archiveFailure, archiveFailing = 0, archiveRefused, archiveStuck }: AlertFacts,
  limits: AlertLimits,
): Condition[] {
  const common = { severity: 'critical', command: 'vectabase backup status' } as const;
  const why = archiveFailure === undefined ? '' : `: ${archiveFailure}`;
  const late = `the store is ${duration(archiveLag / 1_000)} behind${why}`;
  const failing = `nothing was archived for ${duration(archiveFailing / 1_000)}${why}`;
  const refused = `WAL is not kept, and gathers on the disk of the database: ${archiveRefused}`;
  return [
    ...(archiveLag > limits.archiveLag ? [{ ...common, key: 'archive.lag', title: late }] : []),
    ...(archiveFailure !== undefined && archiveFailing > FAILING
      ? [{ ...common, key: 'archive.failing', title: failing }]
      : []),
    ...(archiveRefused === undefined ? [] : [{ ...common, key: 'archive.refused', title: refused }]),
    ...(archiveStuck === undefined ? [] : [{ ...common, key: 'archive.stuck', title: archiveStuck }]),
  ];
}

function disks({ disks: all }: AlertFacts, limits: AlertLimits): Condition[] {
  return all
    .filter(({ used }) => used >= limits.disk)
    .map(({ directory, used }) => ({
      key: `disk.${directory}`,
      severity: used >= 0.95 ? 'critical' : 'warning',
      title: `the disk of ${directory} is ${Math.floor(used * 100)} % full`,
      command: `du -xh --max-depth=2 ${directory} | sort -h | tail`,
    }));
}

function keyProof({ keyProofAge }: AlertFacts, { keyProof: limit }: AlertLimits): Condition[] {
  if (limit === undefined || (keyProofAge !== undefined && keyProofAge <= limit)) return [];
  const when = keyProofAge === undefined ? 'was never proved' : `was last proved ${duration(keyProofAge / 1_000)} ago`;
  const title = `that the recovery key is at hand ${when}: without it no backup opens`;
  return [{ key: 'key-proof', severity: 'warning', title, command: 'vectabase backup verify --key FILE' }];
}

/** Less is two machines that write one catalogue. */
const CLOCKS_DIFFER = 60_000;

function clock({ clockBehind = 0 }: AlertFacts): Condition[] {
  if (clockBehind <= CLOCKS_DIFFER) return [];
  const title = `the clock is ${duration(clockBehind / 1_000)} behind the catalogue: nothing is pruned, and a time of today may mean two moments`;
  return [{ key: 'clock', severity: 'critical', title, command: 'timedatectl status' }];
}

/** A timer of systemd's makes it each night, as root: no job of the daemon's could read it all. */
const CONFIGURATION_PATIENCE = 26 * 3_600_000;

function configuration({ configAge = 0 }: AlertFacts): Condition[] {
  if (configAge <= CONFIGURATION_PATIENCE) return [];
  const title = `the configuration was not backed up for ${duration(configAge / 1_000)}`;
  return [{ key: 'job.config.silent', severity: 'warning', title, command: 'vectabase backup create --kind config' }];
}

function database({ database: reason }: AlertFacts): Condition[] {
  if (reason === undefined) return [];
  return [{ key: 'database', severity: 'critical', title: reason, command: 'vectabase status' }];
}
