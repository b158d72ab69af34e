import { completed, type RuntimeConfig } from '../../../foundation/config/runtime-file.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import type { JobFacts } from './rules.ts';

const HOUR = 3_600_000;
/** Of a job that runs each day. */
const DAILY = 26 * HOUR;

/** Milliseconds between two successes of a job that are still no reason to worry, and what does the same by hand. */
export interface JobTerms {
  readonly patience: number;
  readonly command: string;
}

/** The daemon runs and watches by these, and `status` judges by them where no daemon answers. */
export const JOB_TERMS = {
  base: { patience: DAILY, command: 'vectabase backup create' },
  dump: { patience: DAILY, command: 'vectabase backup create --kind dump' },
  copy: { patience: 3 * HOUR, command: 'vectabase backup copy' },
  prune: { patience: DAILY, command: 'vectabase backup prune' },
  verify: { patience: DAILY, command: 'vectabase backup create' },
  rehearsal: { patience: 8 * 24 * HOUR, command: 'vectabase backup rehearse --key FILE' },
} as const satisfies Readonly<Record<string, JobTerms>>;

export type JobName = keyof typeof JOB_TERMS;

/** What a daemon with this configuration does by itself: where it has a store, a recovery key and a login. */
export function expectedJobs({ archive, jobs, backup }: Pick<RuntimeConfig, 'archive' | 'jobs' | 'backup'>): JobName[] {
  if (archive === undefined || jobs?.backupLogin === undefined) return [];
  const { stores, rehearsalKeyFile } = completed('backup', backup);
  const rehearses = rehearsalKeyFile !== undefined && jobs.scratch !== undefined;
  return [
    'base',
    'dump',
    ...(stores.length > 0 ? (['copy'] as const) : []),
    'prune',
    'verify',
    ...(rehearses ? (['rehearsal'] as const) : []),
  ];
}

/** What the database knows of a job. Seconds since the epoch. */
export interface JobState {
  readonly job: string;
  readonly first_at: number;
  readonly succeeded_at: number | null;
  readonly started_at: number;
  readonly status: 'running' | 'ok' | 'failed' | 'interrupted' | 'skipped';
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly seconds: number | null;
}

/** @throws VectabaseError DATABASE_UNREACHABLE */
export async function readJobStates(address: DatabaseAddress): Promise<JobState[]> {
  const session = await Session.open(address, { applicationName: 'vectabase job', connectTimeout: 5_000 });
  try {
    const rows = await session.rows<{ state: JobState }>('select to_json(s) as state from vectabase.job_states() s');
    return rows.map(({ state }) => state);
  } finally {
    await session.close();
  }
}

/** @param knownSince milliseconds since the epoch: when somebody began to wait for its first run */
export function jobFacts(
  { name, patience, command }: JobTerms & { readonly name: string },
  states: readonly JobState[],
  knownSince: number | undefined,
): JobFacts {
  const state = states.find(({ job }) => job === name);
  const ms = (seconds: number | null | undefined): number | undefined => (seconds ? seconds * 1_000 : undefined);
  return {
    job: name,
    firstAt: ms(state?.first_at) ?? knownSince,
    succeededAt: ms(state?.succeeded_at),
    status: state?.status,
    error: state?.error_message ?? undefined,
    patience,
    command,
  };
}
