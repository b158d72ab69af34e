import type { CatalogueDocument } from './document.ts';
import type { CatalogueEntry, EntryOf } from './entries.ts';

/** The entries of one kind, in their order. */
export function entriesOf<K extends CatalogueEntry['kind']>(
  documents: readonly CatalogueDocument[],
  kind: K,
): Array<{ readonly number: number; readonly at: string; readonly entry: EntryOf<K> }> {
  return documents.flatMap(({ number, at, entry }) => (isOf(entry, kind) ? [{ number, at, entry }] : []));
}

/** What retention took away from a store: `base/LABEL`, `dump/LABEL`, `wal/…`. */
export function prunedFrom(documents: readonly CatalogueDocument[], store: string): Set<string> {
  const pruned = entriesOf(documents, 'pruned').filter(({ entry }) => entry.store === store);
  return new Set(pruned.flatMap(({ entry }) => entry.objects));
}

/** Jobs that failed and made no backup since; of copying and pruning, those that ever did. */
export function failingJobs(documents: readonly CatalogueDocument[]): Array<EntryOf<'failed'>> {
  const failing = new Map<string, EntryOf<'failed'>>();
  for (const { entry } of documents) {
    if (entry.kind === 'failed') failing.set(entry.job, entry);
    else failing.delete(entry.kind);
  }
  return [...failing.values()];
}

function isOf<K extends CatalogueEntry['kind']>(entry: CatalogueEntry, kind: K): entry is EntryOf<K> {
  return entry.kind === kind;
}
