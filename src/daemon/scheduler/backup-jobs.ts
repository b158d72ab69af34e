import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Settings } from '../../foundation/config/definitions.ts';
import { completed, type RuntimeConfig } from '../../foundation/config/runtime-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { systemClock, type JobContext } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { JOB_TERMS } from '../../operator/backup/alerts/jobs.ts';
import type { GapWatch } from '../../operator/backup/gap-watch.ts';
import type { TimelineWatch } from '../../operator/backup/left-timeline.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { Repository, RepositoryPlace } from '../../operator/backup/repository.ts';
import { databaseAddress } from '../database-address.ts';
import type { StorePruning } from '../../operator/backup/retention/run.ts';
import type { Job, JobReport } from './job.ts';

/** What a job works with. */
interface Tools {
  /** May replicate, and read everything. */
  readonly address: DatabaseAddress;
  readonly place: RepositoryPlace;
  readonly repository: Repository;
  readonly context: JobContext<BackupObservation>;
}

/**
 * The jobs of backups, where the configuration has what they need: a store, a recovery key, a login. Each is one entry
 * here; its schedule is a setting, and its body a function of operator/backup that a command calls as well.
 */
export function backupJobs(config: RuntimeConfig, log: Logger): Job[] {
  const { archive, jobs } = config;
  const login = jobs?.backupLogin;
  if (archive === undefined || login === undefined) return [];
  const settings = completed('backup', config.backup);
  const place = { directory: archive.repository, stores: settings.stores, home: { directory: archive.home } };
  const asBackup = { ...databaseAddress(config), password: undefined, ...login };
  const open = async (): Promise<Repository> => {
    const { openRepository } = await import('../../operator/backup/repository.ts');
    return openRepository(place);
  };
  const withTools: WithTools = (body) => async (signal) =>
    body({ address: asBackup, place, repository: await open(), context: contextFor(log, signal) });
  const { scratch } = jobs ?? {};
  const { rehearsalKeyFile: keyFile } = settings;
  return [
    {
      name: 'base',
      ...JOB_TERMS.base,
      schedule: settings.baseSchedule,
      atFirst: true,
      wantedSince: newBaseWanted(asBackup, open),
      run: withTools(async ({ address, repository, context }) => {
        const { createBackup } = await import('../../operator/backup/create.ts');
        const { incremental, fullDays } = settings;
        const extent = incremental ? 'auto' : 'full';
        const backup = await createBackup({ address, repository, extent, fullDays }, context);
        return { ...reportOf(backup), parent: backup.parent ?? null, fullBecause: backup.fullBecause ?? null };
      }),
    },
    {
      name: 'dump',
      ...JOB_TERMS.dump,
      schedule: settings.dumpSchedule,
      atFirst: true,
      run: withTools(async ({ address, repository, context }) => {
        const { createDump } = await import('../../operator/backup/dump/create.ts');
        return reportOf(await createDump({ address, repository }, context));
      }),
    },
    ...(settings.stores.length === 0 ? [] : [copying(settings.copySchedule, withTools)]),
    pruning(settings, withTools),
    verifying(settings.verifySchedule, withTools),
    ...(keyFile === undefined || scratch === undefined
      ? []
      : [rehearsal(settings.rehearsalSchedule, keyFile, scratch, withTools)]),
  ];
}

/** After a restore, and after WAL that nobody will ever have. */
function newBaseWanted(address: DatabaseAddress, open: () => Promise<Repository>): NonNullable<Job['wantedSince']> {
  let watches: { readonly timeline: TimelineWatch; readonly gaps: GapWatch } | undefined;
  return async (signal) => {
    const { watchTimeline } = await import('../../operator/backup/left-timeline.ts');
    const { watchGaps } = await import('../../operator/backup/gap-watch.ts');
    watches ??= { timeline: watchTimeline(address), gaps: watchGaps() };
    const repository = await open();
    const left = await watches.timeline.leftAt(repository, signal);
    const gap = await watches.gaps.missingSince(repository, signal);
    return left === undefined && gap === undefined ? undefined : Math.max(left ?? 0, gap ?? 0);
  };
}

type WithTools = (body: (tools: Tools) => Promise<JobReport>) => Job['run'];

function copying(schedule: string, withTools: WithTools): Job {
  return {
    name: 'copy',
    ...JOB_TERMS.copy,
    schedule,
    atFirst: true,
    run: withTools(async ({ place, context }) => {
      const { copyToAll } = await import('../../operator/backup/copy/all.ts');
      const { copies, failure } = await copyToAll(place, context);
      if (failure) throw failure;
      return { stores: copies.length };
    }),
  };
}

function pruning({ pruneSchedule, windowDays, dumpDays }: Settings['backup'], withTools: WithTools): Job {
  return {
    name: 'prune',
    ...JOB_TERMS.prune,
    schedule: pruneSchedule,
    atFirst: true,
    run: withTools(async ({ place, context }) => {
      const { prune, refusalOf } = await import('../../operator/backup/retention/run.ts');
      const stores = await prune({ place, rules: { windowDays, dumpDays }, dryRun: false }, context);
      const refusal = refusalOf(stores);
      if (refusal) throw refusal;
      const sum = (count: (each: StorePruning) => number): number => stores.reduce((all, each) => all + count(each), 0);
      return { removed: sum(({ removed = 0 }) => removed), kept: sum(({ keep }) => keep.length) };
    }),
  };
}

function verifying(schedule: string, withTools: WithTools): Job {
  return {
    name: 'verify',
    ...JOB_TERMS.verify,
    schedule,
    atFirst: true,
    run: withTools(async ({ repository, context }) => {
      const { verifyStored } = await import('../../operator/backup/verify-stored.ts');
      const { damaged, objects, bytes, level } = await verifyStored({ repository }, context);
      const [first] = damaged;
      if (first === undefined) return { objects, bytes, level };
      throw new VectabaseError('BACKUP_DAMAGED', {
        message: `${damaged.length} of ${objects} objects in ${repository.store.url} are not what was written, first ${first.object}`,
        hint: 'Take a new backup, and look at the disk: vectabase backup create.',
        details: { store: repository.store.url, objects: damaged.map(({ object }) => object).join(' ') },
      });
    }),
  };
}

function contextFor(log: Logger, signal: AbortSignal): JobContext<BackupObservation> {
  const observe: JobContext<BackupObservation>['observe'] = ({ event, ...fields }) =>
    event.endsWith('.noted') ? log.info(fields, event) : log.debug(fields, event);
  return { observe, signal, clock: systemClock };
}

function rehearsal(schedule: string, keyFile: string, scratch: string, withTools: WithTools): Job {
  return {
    name: 'rehearsal',
    ...JOB_TERMS.rehearsal,
    schedule,
    atFirst: false,
    run: withTools(async ({ repository, context }) => {
      const { parseIdentities } = await import('../../foundation/crypto/age-keys.ts');
      const { assertSame, rehearse } = await import('../../operator/backup/rehearse.ts');
      const identities = (await parseIdentities(readFileSync(keyFile, 'utf8'))) ?? [];
      const report = await rehearse({ repository, identities, scratch, record: true }, context);
      assertSame(report);
      const emptied = report.compared?.emptied.length ?? 0;
      return { evidence: report.evidence?.sha256 ?? null, tables: Object.keys(report.counts).length, emptied };
    }),
  };
}

function reportOf(entry: {
  readonly label: string;
  readonly objects: ReadonlyArray<{ readonly plainBytes: number; readonly sealedBytes: number }>;
}): JobReport {
  const sum = (field: 'plainBytes' | 'sealedBytes'): number =>
    entry.objects.reduce((total, each) => total + each[field], 0);
  return { label: entry.label, bytes: sum('plainBytes'), sealedBytes: sum('sealedBytes') };
}
