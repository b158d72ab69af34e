import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { ObjectStore } from '../../src/foundation/objects/store.ts';

const signal = new AbortController().signal;

/** What every store must keep. The store begins empty. */
export function holdStoreContract(open: () => ObjectStore, { ordered = true } = {}): void {
  const inOrder = (keys: string[]): string[] => (ordered ? keys : keys.toSorted());
  test('gives back what was put, and nothing that was not', async () => {
    const store = open();
    await store.put('1/base/a.vbk', Buffer.from('some text'), { signal });
    await store.put('1/base/empty', Buffer.from(''), { signal });
    expect(String(await buffer(await store.get('1/base/a.vbk', { signal })))).toBe('some text');
    expect(String(await buffer(await store.get('1/base/empty', { signal })))).toBe('');
    expect(await store.stat('1/base/a.vbk')).toMatchObject({ key: '1/base/a.vbk', bytes: 9 });
    expect(await store.stat('1/base/a.vb')).toBeUndefined();
    await expect(store.get('1/base/a.vb', { signal })).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    await expect(store.put('1/base/a.vbk', Buffer.from('x'), { signal })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
    await store.close();
  });

  test('lists in the order of bytes, by any prefix', async () => {
    const store = open();
    const keys = ['2/a-b', '2/a/b', '2/a.b', '2/a0', '2/A', '2/a=1', '2/a_/z'];
    for (const key of keys) await store.put(key, Buffer.from(key), { signal });
    expect(inOrder(await keysOf(store, '2/'))).toEqual(keys.toSorted());
    expect(inOrder(await keysOf(store, '2/a'))).toEqual(keys.filter((key) => key !== '2/A').toSorted());
    expect(await keysOf(store, '2/a/')).toEqual(['2/a/b']);
    expect(await keysOf(store, '3/')).toEqual([]);
    await store.close();
  });

  test('removes, also what is not there', async () => {
    const store = open();
    await store.put('4/x', Buffer.from('x'), { signal });
    await store.remove('4/x');
    await store.remove('4/x');
    expect(await store.stat('4/x')).toBeUndefined();
    await expect(store.put('../x', Buffer.from('x'), { signal })).rejects.toThrow('cannot be the name');
    await store.close();
  });
}

export async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}
