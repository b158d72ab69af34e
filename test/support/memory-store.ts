import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ErrorCode } from '../../src/foundation/core/error-catalogue.ts';
import { VectabaseError } from '../../src/foundation/core/errors.ts';
import type { ObjectStore } from '../../src/foundation/objects/store.ts';

export interface MemoryStore extends ObjectStore {
  readonly objects: Map<string, Buffer>;
  /** Why every call fails until it is cleared: a store that is away, or full. */
  trouble: 'STORE_UNREACHABLE' | 'DISK_FULL' | undefined;
}

/** Objects in memory, which can be looked at, changed and taken away behind everybody's back. */
export function memoryStore(): MemoryStore {
  const objects = new Map<string, Buffer>();
  const refuse = (code: ErrorCode): never => {
    throw new VectabaseError(code, { message: `the store says ${code}` });
  };
  const store: MemoryStore = {
    url: 'memory://test',
    objects,
    trouble: undefined,
    put: async (key, source) => {
      if (store.trouble) refuse(store.trouble);
      if (objects.has(key)) refuse('OBJECT_EXISTS');
      objects.set(key, typeof source === 'string' ? await readFile(source) : Buffer.from(source));
    },
    get: async (key) => {
      if (store.trouble === 'STORE_UNREACHABLE') refuse(store.trouble);
      const found = objects.get(key) ?? refuse('OBJECT_MISSING');
      return Readable.from([Buffer.from(found)], { objectMode: false });
    },
    stat: async (key) => {
      const found = objects.get(key);
      return found && { key, bytes: found.length, modifiedAt: 0 };
    },
    async *list(prefix) {
      for (const key of [...objects.keys()].toSorted()) {
        if (key.startsWith(prefix)) yield { key, bytes: objects.get(key)?.length ?? 0, modifiedAt: 0 };
      }
    },
    remove: async (key) => void objects.delete(key),
    close: async () => undefined,
  };
  return store;
}
