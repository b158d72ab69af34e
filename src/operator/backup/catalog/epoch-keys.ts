import type { CatalogueDocument } from './document.ts';
import type { CatalogueEntry } from './entries.ts';
import { objectsOf } from './objects.ts';
import type { Catalogue } from './read.ts';
import { prunedFrom } from './view.ts';

/** What a catalogue tells of the key of an epoch. */
export interface EpochKey {
  readonly id: string;
  /** SHA-256 of the key. */
  readonly fingerprints: ReadonlySet<string>;
  /** Age files that hold it, the newest first. */
  readonly wrapped: readonly string[];
  /** Whom one of them opens for. Empty where nobody wrote it down: then only the headers of files have it. */
  readonly recipients: ReadonlySet<string>;
}

/** By id, oldest first. */
export function epochKeys(documents: readonly CatalogueDocument[]): Map<string, EpochKey> {
  const keys = new Map<string, Growing>();
  for (const { entry } of documents) {
    if (entry.kind === 'epoch') {
      const key = keys.get(entry.id) ?? { id: entry.id, fingerprints: new Set(), wrapped: [], recipients: new Set() };
      keys.set(entry.id, key);
      key.fingerprints.add(entry.keySha256);
      if (entry.sealed) learn(key, entry.sealed.recipients, entry.sealed.wrapped);
    } else if (entry.kind === 'rewrapped') {
      for (const { epoch, wrapped } of entry.keys) {
        const key = keys.get(epoch);
        if (key) learn(key, entry.recipients, wrapped);
      }
    }
  }
  return keys;
}

type Growing = { [K in keyof EpochKey]: K extends 'id' ? string : K extends 'wrapped' ? string[] : Set<string> };

function learn(key: Growing, recipients: readonly string[], wrapped: string): void {
  key.wrapped.unshift(wrapped);
  for (const recipient of recipients) key.recipients.add(recipient);
}

/** The same for those epochs of which the store that was read may still have files. */
export function liveEpochKeys({ systemId, documents, store }: Omit<Catalogue, 'proof'>): EpochKey[] {
  const gone = prunedFrom(documents, store);
  const [named, live] = [new Set<string>(), new Set<string>()];
  for (const { entry } of documents) {
    const isThere = objectsOf(systemId, entry).some(({ group }) => !gone.has(group));
    for (const epoch of epochsOf(entry)) {
      named.add(epoch);
      if (isThere) live.add(epoch);
    }
  }
  // One that nothing names yet has files on their way.
  return [...epochKeys(documents).values()].filter(({ id }) => live.has(id) || !named.has(id));
}

/** For each recovery key the epochs that it does not open, where there are any. */
export function lockedEpochs(
  keys: readonly EpochKey[],
  recipients: readonly string[],
): Array<{ readonly recipient: string; readonly epochs: readonly string[] }> {
  return recipients.flatMap((recipient) => {
    // Of one whose recipients nobody wrote down nothing can be said.
    const locked = keys.filter((key) => key.recipients.size > 0 && !key.recipients.has(recipient));
    return locked.length === 0 ? [] : [{ recipient, epochs: locked.map(({ id }) => id) }];
  });
}

function epochsOf(entry: CatalogueEntry): readonly string[] {
  if (entry.kind === 'wal') return entry.epochs ?? [];
  return 'epoch' in entry && entry.epoch !== undefined ? [entry.epoch] : [];
}
