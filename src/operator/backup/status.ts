import { duration } from '../../foundation/core/numbers.ts';
import { asVectabaseError } from '../../foundation/core/errors.ts';
import type { StoreSetting } from '../../foundation/config/definitions.ts';
import { openStore } from '../../foundation/objects/open-store.ts';
import type { Catalogue } from './catalog/read.ts';
import { failingJobs } from './catalog/view.ts';
import { copiedUpTo } from './copy/run.ts';
import { openRepository, readCatalogues, type RepositoryPlace } from './repository.ts';
import { readStanding, type Standing } from './standing.ts';

/** How far a further store is. */
export interface StoreStatus {
  readonly store: string;
  /** Seconds since what it lacks was written here; 0 when it lacks nothing, null when nobody knows. */
  readonly behind: number | null;
  /** Documents of the catalogue that it lacks. */
  readonly missing: number | null;
  /** Code of what is wrong with it. */
  readonly failure: string | undefined;
}

export interface BackupStatus {
  /** One sentence. */
  readonly line: string;
  readonly standing: Standing;
  readonly stores: readonly StoreStatus[];
  /** What an owner should not sleep on, each with what to do. */
  readonly problems: readonly string[];
}

interface Input {
  readonly place: RepositoryPlace;
  /** PGDATA; undefined on a machine that has none. */
  readonly data: string | undefined;
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * What can be brought back, what was proved of it, and where it lies: from catalogues that were proved.
 *
 * @throws VectabaseError CATALOGUE_BROKEN
 */
export async function backupStatus(input: Input): Promise<BackupStatus> {
  const { place, now, signal } = input;
  const standing = await readStanding(input);
  const repository = await openRepository(place);
  const catalogues = await readCatalogues(repository, signal);
  const stores = await Promise.all(
    (place.from === undefined ? (place.stores ?? []) : []).map(async (setting) =>
      storeStatus(setting, catalogues, { home: place.home, now, signal }),
    ),
  );
  const offsite = stores.map(({ store, behind, failure }) => {
    if (failure !== undefined) return `${store} is not in order (${failure})`;
    return behind === 0 ? `${store} up to date` : `${store} ${duration(behind ?? 0)} behind`;
  });
  return {
    line: [standing.line, ...offsite].join('; '),
    standing,
    stores,
    problems: [...problemsOf(standing, stores, place.from), ...failures(catalogues)],
  };
}

async function storeStatus(
  setting: StoreSetting,
  catalogues: readonly Catalogue[],
  { home, now, signal }: Pick<Input, 'now' | 'signal'> & Pick<RepositoryPlace, 'home'>,
): Promise<StoreStatus> {
  try {
    const to = await openStore(setting);
    try {
      let [behind, missing] = [0, 0];
      for (const { systemId, documents } of catalogues) {
        const done = await copiedUpTo({ systemId, to, home }, documents, signal);
        const first = documents[done];
        missing += documents.length - done;
        if (first) behind = Math.max(behind, (now - Date.parse(first.at)) / 1000);
      }
      return { store: to.url, behind, missing, failure: undefined };
    } finally {
      await to.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return { store: setting.url, behind: null, missing: null, failure: asVectabaseError(error).code };
  }
}

const [MINUTE, HOUR, DAY] = [60, 3_600, 86_400];

/** Each with what is run again. */
const COMMANDS = {
  base: 'vectabase backup create',
  dump: 'vectabase backup create --kind dump',
  config: 'vectabase backup create --kind config',
} as const;

/** Whoever names a store looks for backups that were made, and may have mistyped it. */
function nothingAt(from: string): string {
  return `there is no backup at ${from}, if it is there at all: compare the address with the one in your recovery kit`;
}

/** What failed to copy shows in how far a store is behind, and what failed to prune in the next plan. */
function failures(catalogues: readonly Catalogue[]): string[] {
  return catalogues
    .flatMap(({ documents }) => failingJobs(documents))
    .flatMap(({ job, code }) =>
      job === 'copy' || job === 'prune' ? [] : [`the last ${job} backup failed (${code}): ${COMMANDS[job]}`],
    );
}

function problemsOf(standing: Standing, stores: readonly StoreStatus[], from: string | undefined): string[] {
  const { recoveryKey, locked, newestAge, sameDisk, rehearsalAge, keyProofAge, clockBehind } = standing;
  const unknown =
    standing.unknownKey === null
      ? []
      : [
          `${standing.unknownKey} signed the catalogue, and nobody here vouches for it: compare with your recovery kit, then add --catalogue-key ${standing.unknownKey}`,
        ];
  if (!recoveryKey) return ['there is no recovery key: vectabase backup key --out FILE'];
  if (newestAge === null) return [from === undefined ? 'there is no backup: vectabase backup create' : nothingAt(from)];
  const late = stores.filter(({ behind, failure }) => failure !== undefined || (behind ?? 0) > HOUR);
  return [
    ...unknown,
    ...(clockBehind > MINUTE
      ? [`the clock is ${duration(clockBehind)} behind the catalogue, so nothing is pruned: timedatectl status`]
      : []),
    ...(sameDisk && stores.every(({ behind }) => behind === null)
      ? ['all backups are on the disk that they should protect, which is not a backup: set backup.stores']
      : []),
    ...locked.map(
      ({ recipient, epochs }) =>
        `recovery key ${recipient} does not open ${epochsInWords(epochs)}: vectabase backup keys add ${recipient} --key FILE`,
    ),
    ...late.map(({ store }) => `${store} is not up to date: vectabase backup copy`),
    ...(newestAge > 8 * DAY ? [`the newest backup is ${duration(newestAge)} old: vectabase backup create`] : []),
    ...(rehearsalAge === null ? ['no restore was ever proved: vectabase backup rehearse --key FILE'] : []),
    ...((rehearsalAge ?? 0) > 8 * DAY ? ['no restore was proved in 8 days: vectabase backup rehearse --key FILE'] : []),
    ...(keyProofAge === null ? ['nobody has shown the recovery key yet: vectabase backup keys prove --key FILE'] : []),
    ...((keyProofAge ?? 0) > 31 * DAY
      ? ['nobody showed the recovery key in 31 days: vectabase backup keys prove --key FILE']
      : []),
  ];
}

/** Their names begin with when they did. */
function epochsInWords(epochs: readonly string[]): string {
  const [first = '', last] = [epochs[0], epochs.at(-1)];
  return epochs.length === 1 ? `epoch ${first}` : `${epochs.length} epochs from ${first} to ${last}`;
}
