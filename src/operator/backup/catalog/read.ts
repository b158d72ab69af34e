import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import { proveChain, type ChainProof, type FoundDocument, type Trust } from './chain.ts';
import { documentKey, type CatalogueDocument } from './document.ts';

/** A catalogue that was read whole and proved. */
export interface Catalogue {
  readonly systemId: string;
  /** Where it was read. */
  readonly store: string;
  /** In the order of their numbers. */
  readonly documents: readonly CatalogueDocument[];
  readonly proof: ChainProof;
}

/** Documents that are fetched at the same time: on an object store each takes a round trip. */
const AT_ONCE = 16;

/**
 * Reads every document and proves the chain.
 *
 * @throws VectabaseError CATALOGUE_BROKEN, STORE_UNREACHABLE
 */
export async function readCatalogue(
  store: ObjectStore,
  systemId: string,
  trust: Trust,
  signal: AbortSignal,
): Promise<Catalogue> {
  const numbers: number[] = [];
  for await (const { key } of store.list(`${systemId}/catalog/`)) {
    const number = Number(/\/catalog\/(\d{10})\.json$/.exec(key)?.[1]);
    if (number > 0) numbers.push(number);
  }
  const found: FoundDocument[] = [];
  for (let at = 0; at < numbers.length; at += AT_ONCE) {
    const some = numbers.slice(at, at + AT_ONCE);
    found.push(
      ...(await Promise.all(
        some.map(async (number) => ({ number, bytes: await readDocument(store, systemId, number, signal) })),
      )),
    );
  }
  return { systemId, store: store.url, ...proveChain(systemId, found, trust) };
}

/** Larger than any document of ours; a stranger's may be anything. */
const MOST_BYTES = 4 * 1024 * 1024;

export async function readDocument(
  store: ObjectStore,
  systemId: string,
  number: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const stream = await store.get(documentKey(systemId, number), { signal });
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) stream.destroy(new Error('no document is as long as this'));
  });
  return buffer(stream);
}

/** Clusters that have something in a store. */
export async function listSystems(store: ObjectStore): Promise<string[]> {
  const systems = new Set<string>();
  for await (const { key } of store.list('')) {
    const id = /^(\d+)\//.exec(key)?.[1];
    if (id !== undefined) systems.add(id);
  }
  return [...systems];
}
