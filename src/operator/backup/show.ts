import { VectabaseError } from '../../foundation/core/errors.ts';
import type { Clock } from '../../foundation/core/observe.ts';
import { openWriter } from './catalog/append.ts';
import type { CatalogueEntry, EntryOf } from './catalog/entries.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { ancestorsOf } from './links.ts';
import { isTrusted, readCatalogues, type Repository } from './repository.ts';

/** Everything that the signed catalogue says of one backup. */
export interface BackupFacts {
  readonly systemId: string;
  /** Document that names it, and who signed. */
  readonly document: number;
  readonly signedBy: string;
  /** Whether this machine, or a key that was named, vouches for that key. */
  readonly trusted: boolean;
  readonly entry: EntryOf<'base' | 'dump' | 'config'>;
  /** Base backups that it cannot be restored without, the full one first, and those that cannot be without it. */
  readonly buildsOn: readonly string[];
  readonly carries: readonly string[];
  readonly pinned: boolean;
  /** Retention took it away from this store. */
  readonly pruned: boolean;
  readonly verified: ReadonlyArray<{ readonly at: string } & EntryOf<'verified'>>;
  readonly rehearsed: ReadonlyArray<{ readonly at: string } & EntryOf<'rehearsed'>>;
}

/** @throws VectabaseError BACKUP_MISSING, CATALOGUE_BROKEN */
export async function showBackup(repository: Repository, label: string, signal: AbortSignal): Promise<BackupFacts> {
  for (const { systemId, documents, proof } of await readCatalogues(repository, signal)) {
    const ofIt = <E extends { readonly label: string }>(
      all: ReadonlyArray<{ readonly at: string; readonly entry: E }>,
    ) => all.filter(({ entry }) => entry.label === label).map(({ at, entry }) => ({ at, ...entry }));
    for (const { number, key, entry } of documents) {
      if (!isBackup(entry) || entry.label !== label) continue;
      return {
        systemId,
        document: number,
        signedBy: key,
        trusted: isTrusted(proof),
        entry,
        ...chainAround(label, entriesOf(documents, 'base')),
        pinned: ofIt(entriesOf(documents, 'pinned')).at(-1)?.pinned === true,
        pruned: prunedFrom(documents, repository.store.url).has(`${entry.kind}/${label}`),
        verified: ofIt(entriesOf(documents, 'verified')),
        rehearsed: ofIt(entriesOf(documents, 'rehearsed')),
      };
    }
  }
  throw new VectabaseError('BACKUP_MISSING', {
    message: `no catalogue of ${repository.store.url} names a backup ${label}`,
    hint: 'Run vectabase backup list to see which there are.',
    details: { label },
  });
}

function chainAround(
  label: string,
  all: ReadonlyArray<{ readonly entry: EntryOf<'base'> }>,
): Pick<BackupFacts, 'buildsOn' | 'carries'> {
  const bases = all.map(({ entry }) => entry);
  const above = (of: EntryOf<'base'>): string[] => (ancestorsOf(of, bases) ?? []).map((each) => each.label);
  const self = bases.find((base) => base.label === label);
  return {
    buildsOn: self ? above(self) : [],
    carries: bases.filter((base) => above(base).includes(label)).map((base) => base.label),
  };
}

/** @throws VectabaseError BACKUP_MISSING */
export async function pinBackup(
  repository: Repository,
  { label, pinned }: { readonly label: string; readonly pinned: boolean },
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { systemId } = await showBackup(repository, label, signal);
  const { store, home } = repository;
  await openWriter({ store, systemId, home, clock, signal }).append({ kind: 'pinned', label, pinned });
}

function isBackup(entry: CatalogueEntry): entry is EntryOf<'base' | 'dump' | 'config'> {
  return entry.kind === 'base' || entry.kind === 'dump' || entry.kind === 'config';
}
