import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Settings } from '../../foundation/config/definitions.ts';
import { completed, type RuntimeConfig } from '../../foundation/config/runtime-file.ts';
import { systemClock, type JobContext } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { Repository } from '../../operator/backup/repository.ts';
import { databaseAddress } from '../database-address.ts';
import type { Job, JobReport } from './job.ts';

const HOUR = 3_600_000;

/** What a job works with. */
interface Tools {
  /** May replicate, and read everything. */
  readonly address: DatabaseAddress;
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
  const withTools =
    (body: (tools: Tools) => Promise<JobReport>) =>
    async (signal: AbortSignal): Promise<JobReport> => {
      const { openRepository } = await import('../../operator/backup/repository.ts');
      const place = { directory: archive.repository, home: { directory: archive.home } };
      return body({
        address: { ...databaseAddress(config), password: undefined, ...login },
        repository: await openRepository(place),
        context: contextFor(log, signal),
      });
    };
  const { scratch } = jobs ?? {};
  const { rehearsalKeyFile: keyFile } = settings;
  return [
    {
      name: 'base',
      schedule: settings.baseSchedule,
      atFirst: true,
      patience: 26 * HOUR,
      command: 'vectabase backup create',
      run: withTools(async ({ address, repository, context }) => {
        const { createBackup } = await import('../../operator/backup/create.ts');
        return reportOf(await createBackup({ address, repository }, context));
      }),
    },
    {
      name: 'dump',
      schedule: settings.dumpSchedule,
      atFirst: true,
      patience: 26 * HOUR,
      command: 'vectabase backup create --kind dump',
      run: withTools(async ({ address, repository, context }) => {
        const { createDump } = await import('../../operator/backup/dump/create.ts');
        return reportOf(await createDump({ address, repository }, context));
      }),
    },
    ...(settings.stores.length === 0 ? [] : [copying(settings, archive, log)]),
    ...(keyFile === undefined || scratch === undefined
      ? []
      : [rehearsal(settings.rehearsalSchedule, keyFile, scratch, withTools)]),
  ];
}

function copying(
  { copySchedule, stores }: Settings['backup'],
  { repository, home }: NonNullable<RuntimeConfig['archive']>,
  log: Logger,
): Job {
  return {
    name: 'copy',
    schedule: copySchedule,
    atFirst: true,
    patience: 3 * HOUR,
    command: 'vectabase backup copy',
    run: async (signal) => {
      const { copyToAll } = await import('../../operator/backup/copy/all.ts');
      const place = { directory: repository, stores, home: { directory: home } };
      const { copies, failure } = await copyToAll(place, contextFor(log, signal));
      if (failure) throw failure;
      return { stores: copies.length };
    },
  };
}

function contextFor(log: Logger, signal: AbortSignal): JobContext<BackupObservation> {
  return { observe: ({ event, ...fields }) => log.debug(fields, event), signal, clock: systemClock };
}

function rehearsal(
  schedule: string,
  keyFile: string,
  scratch: string,
  withTools: (body: (tools: Tools) => Promise<JobReport>) => Job['run'],
): Job {
  return {
    name: 'rehearsal',
    schedule,
    atFirst: false,
    patience: 8 * 24 * HOUR,
    command: 'vectabase backup rehearse --key FILE',
    run: withTools(async ({ repository, context }) => {
      const { parseIdentities } = await import('../../foundation/crypto/age-keys.ts');
      const { rehearse } = await import('../../operator/backup/rehearse.ts');
      const identities = (await parseIdentities(readFileSync(keyFile, 'utf8'))) ?? [];
      const report = await rehearse({ repository, identities, scratch, record: true }, context);
      return { evidence: report.evidence?.sha256 ?? null, tables: Object.keys(report.counts).length };
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
