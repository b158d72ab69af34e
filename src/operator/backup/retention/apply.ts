import type { JobContext } from '../../../foundation/core/observe.ts';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import type { CatalogueWriter } from '../catalog/append.ts';
import type { CatalogueDocument } from '../catalog/document.ts';
import { objectsOf } from '../catalog/objects.ts';
import { prunedFrom } from '../catalog/view.ts';
import type { BackupObservation } from '../observations.ts';

interface ApplyInput {
  readonly systemId: string;
  readonly store: ObjectStore;
  readonly documents: readonly CatalogueDocument[];
  readonly catalogue: CatalogueWriter;
  /** Groups that go, those that build on others first. */
  readonly remove: readonly string[];
  readonly reason: string;
}

/** Groups that one document names. */
const AT_ONCE = 1000;

/**
 * Takes groups away: first the catalogue says so, then the objects go. Killed in between, what is left is named by
 * nobody, and goes at the next run; nothing is ever named that is not there.
 *
 * @returns objects that went, also those of earlier runs that were killed
 */
export async function applyRetention(input: ApplyInput, ctx: JobContext<BackupObservation>): Promise<number> {
  const { systemId, store, documents, catalogue, remove, reason } = input;
  for (let at = 0; at < remove.length; at += AT_ONCE) {
    const objects = remove.slice(at, at + AT_ONCE);
    await catalogue.append({ kind: 'pruned', store: store.url, objects, reason });
  }
  const gone = new Set([...prunedFrom(documents, store.url), ...remove]);
  const order = new Map([...gone].map((group, at) => [group, at]));
  const doomed = documents
    .flatMap(({ entry }) => objectsOf(systemId, entry))
    .filter(({ group }) => gone.has(group))
    .toSorted((one, two) => (order.get(one.group) ?? 0) - (order.get(two.group) ?? 0));
  const present = new Set<string>();
  for await (const { key } of store.list(`${systemId}/`)) present.add(key);
  let removed = 0;
  for (const { key, group } of doomed) {
    ctx.signal.throwIfAborted();
    if (!present.has(key)) continue;
    await store.remove(key);
    removed++;
    ctx.observe({ event: 'backup.prune.progress', id: group, removed });
  }
  return removed;
}
