import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import { catalogueBroken } from '../catalog/chain.ts';
import { documentKey, sha256Of, type CatalogueDocument } from '../catalog/document.ts';
import { readHead, rememberHead, type CatalogueHome } from '../catalog/home.ts';
import { objectsOf, type NamedObject } from '../catalog/objects.ts';
import { readCatalogue, readDocument } from '../catalog/read.ts';
import { prunedFrom } from '../catalog/view.ts';
import type { BackupObservation } from '../observations.ts';

export interface CopyInput {
  readonly systemId: string;
  /** A store of this machine. */
  readonly from: ObjectStore;
  readonly to: ObjectStore;
  readonly home: CatalogueHome;
  readonly trustedKeys: readonly string[];
}

export interface CopyReport {
  readonly store: string;
  readonly documents: number;
  readonly objects: number;
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Brings a store up to where another one is: document by document of the catalogue, each after the objects that it
 * names, so that what the copy's catalogue names is always there. Killed anywhere, the next run goes on at the document,
 * and at the object within it.
 *
 * @throws VectabaseError BACKUP_DAMAGED when a file here is not what was catalogued: it is not spread; CATALOGUE_BROKEN
 *   when the other store holds another history
 */
export async function copyStore(input: CopyInput, ctx: JobContext<BackupObservation>): Promise<CopyReport> {
  const { systemId, from, to, home, trustedKeys: keys } = input;
  const { signal, clock } = ctx;
  const began = clock.now();
  const head = await readHead(home, systemId, from);
  const { documents } = await readCatalogue(from, systemId, { keys, head }, signal);
  const done = await copiedUpTo(input, documents, signal);
  const gone = new Set([...prunedFrom(documents, from.url), ...prunedFrom(documents, to.url)]);
  const report = { documents: 0, objects: 0, bytes: 0 };
  for (const document of documents.slice(done)) {
    for (const object of objectsOf(systemId, document.entry)) {
      if (gone.has(object.group)) continue;
      const bytes = await copyObject(from, to, object, signal);
      if (bytes === undefined) continue;
      report.objects++;
      report.bytes += bytes;
    }
    const bytes = await readDocument(from, systemId, document.number, signal);
    await putUnlessThere(to, documentKey(systemId, document.number), bytes, signal);
    await rememberHead(home, systemId, to, document);
    report.documents++;
    ctx.observe({ event: 'backup.offsite.progress', id: to.url, bytes: report.bytes, documents: report.documents });
  }
  return { store: to.url, ...report, ms: clock.now() - began };
}

/** How many documents a store has; its last one must be ours, which by its hash proves those before. */
export async function copiedUpTo(
  { systemId, to, home }: Pick<CopyInput, 'systemId' | 'to' | 'home'>,
  documents: readonly CatalogueDocument[],
  signal: AbortSignal,
): Promise<number> {
  let last = 0;
  for await (const { key } of to.list(`${systemId}/catalog/`)) {
    last = Math.max(last, Number(/(\d{10})\.json$/.exec(key)?.[1] ?? 0));
  }
  const remembered = (await readHead(home, systemId, to))?.number ?? 0;
  if (last < remembered) {
    throw catalogueBroken(systemId, 'rolled-back', last + 1, `up to ${remembered} are gone from ${to.url}`);
  }
  if (last === 0) return 0;
  const theirs = sha256Of(await readDocument(to, systemId, last, signal));
  if (documents[last - 1]?.sha256 === theirs) return last;
  throw catalogueBroken(systemId, 'foreign', last, `of ${to.url} is not the one that is here`);
}

/** @returns undefined when it was there already */
async function copyObject(
  from: ObjectStore,
  to: ObjectStore,
  { key, bytes, sha256 }: NamedObject,
  signal: AbortSignal,
): Promise<number | undefined> {
  const there = await to.stat(key);
  if (there && (bytes === undefined || there.bytes === bytes)) return undefined;
  if (there) throw damaged(to, key, `it has ${there.bytes} bytes there, and ${bytes} were catalogued`);
  const file = from.fileOf?.(key);
  if (file === undefined || sha256 === undefined) {
    const content = await buffer(await from.get(key, { signal }));
    await putUnlessThere(to, key, content, signal);
    return content.length;
  }
  if ((await hashFile(file, signal)) !== sha256) throw damaged(from, key, 'it is not what was catalogued');
  await putUnlessThere(to, key, file, signal);
  return bytes;
}

async function putUnlessThere(
  to: ObjectStore,
  key: string,
  source: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await to.put(key, source, { signal }).catch((error: unknown) => {
    // Another copier was first; what it put is compared when the store is verified.
    if (!(error instanceof VectabaseError) || error.code !== 'OBJECT_EXISTS') throw error;
  });
}

async function hashFile(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash, { signal });
  return hash.digest('hex');
}

function damaged(store: ObjectStore, key: string, what: string): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${store.url}/${key} cannot be used: ${what}`,
    hint: 'Nothing of it was copied. Take a new backup: vectabase backup create.',
    details: { store: store.url, key },
  });
}
