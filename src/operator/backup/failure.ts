import { asVectabaseError } from '../../foundation/core/errors.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { readCluster } from './archive/cluster.ts';
import { openWriter } from './catalog/append.ts';
import type { EntryOf } from './catalog/entries.ts';
import { readHead } from './catalog/home.ts';
import type { Catalogue } from './catalog/read.ts';
import type { BackupObservation } from './observations.ts';
import { readCatalogues, type Repository } from './repository.ts';

interface FailableJob {
  readonly job: EntryOf<'failed'>['job'];
  readonly repository: Repository;
  /** The server whose cluster it is about; left out for jobs that ask none. */
  readonly address?: DatabaseAddress;
}

/**
 * Does the work of a job. When it fails, and nobody stopped it, the catalogue hears of that: retention takes nothing
 * away after a backup that failed.
 */
export async function noteFailure<T>(
  job: FailableJob,
  ctx: JobContext<BackupObservation>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Where even this cannot be written, nothing can be taken away either: that would have to be written first.
    if (!ctx.signal.aborted) await recordFailure(job, error, ctx).catch(() => undefined);
    throw error;
  }
}

export async function recordFailure(
  { job, repository, address }: FailableJob,
  error: unknown,
  { clock, signal }: JobContext<BackupObservation>,
): Promise<void> {
  const { store, home } = repository;
  const catalogue = await ownCatalogue(repository, address, signal);
  if (!catalogue) return;
  const { code } = asVectabaseError(error);
  if (isOnRecord(catalogue, { kind: 'failed', job, code }, clock.now())) return;
  const { append } = openWriter({ store, systemId: catalogue.systemId, home, clock, signal });
  await append({ kind: 'failed', job, code });
}

/** One that this machine writes: of the server, or, when it does not answer, the one that was written to last. */
async function ownCatalogue(
  repository: Repository,
  address: DatabaseAddress | undefined,
  signal: AbortSignal,
): Promise<Catalogue | undefined> {
  const cluster = address && (await readCluster(address).catch(() => undefined));
  const catalogues = await readCatalogues(cluster ? { ...repository, ...cluster } : repository, signal);
  const own: Catalogue[] = [];
  for (const each of catalogues) {
    if (await readHead(repository.home, each.systemId, repository.store)) own.push(each);
  }
  const lastAt = ({ documents }: Catalogue): string => documents.at(-1)?.at ?? '';
  return own.toSorted((one, two) => (lastAt(one) < lastAt(two) ? 1 : -1))[0];
}

/** Milliseconds. A store that is away for a week should not fill the catalogue, which nothing is ever taken out of. */
const AGAIN = 24 * 3_600_000;

/** The same failure, not long ago and with no success of that kind since. */
function isOnRecord({ documents }: Catalogue, { job, code }: EntryOf<'failed'>, now: number): boolean {
  const last = documents.findLast(
    ({ entry }) => (entry.kind === 'failed' && entry.job === job) || entry.kind === (job === 'prune' ? 'pruned' : job),
  );
  return last?.entry.kind === 'failed' && last.entry.code === code && now - Date.parse(last.at) < AGAIN;
}
