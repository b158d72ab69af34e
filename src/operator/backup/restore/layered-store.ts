import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { ObjectStore, StoredObject } from '../../../foundation/objects/store.ts';

/**
 * A store with what is on its way there: WAL lies in the spool under the keys that it will have. What both have is taken
 * from the store. Written is to the store alone.
 */
export function layeredStore(store: ObjectStore, spool: ObjectStore): ObjectStore {
  return {
    url: store.url,
    put: (key, source, options) => store.put(key, source, options),
    async get(key, options) {
      try {
        return await store.get(key, options);
      } catch (error) {
        if (!(error instanceof VectabaseError) || error.code !== 'OBJECT_MISSING') throw error;
        return spool.get(key, options).catch(() => {
          throw error; // uploaded in between, or nowhere: what the store says counts
        });
      }
    },
    stat: async (key) => (await store.stat(key)) ?? spool.stat(key),
    list: (prefix) => merged(store.list(prefix), spool.list(prefix)),
    remove: (key) => store.remove(key),
    async close() {
      await spool.close();
      await store.close();
    },
  };
}

/** Both ascend; of a key that both have the first one counts. */
async function* merged(
  one: AsyncIterable<StoredObject>,
  two: AsyncIterable<StoredObject>,
): AsyncGenerator<StoredObject> {
  const [first, second] = [one[Symbol.asyncIterator](), two[Symbol.asyncIterator]()];
  let [a, b] = [await first.next(), await second.next()];
  while (a.done !== true || b.done !== true) {
    if (a.done !== true && (b.done === true || a.value.key <= b.value.key)) {
      if (b.done !== true && a.value.key === b.value.key) b = await second.next();
      yield a.value;
      a = await first.next();
    } else if (b.done !== true) {
      yield b.value;
      b = await second.next();
    }
  }
}
