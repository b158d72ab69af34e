import { mkdtempSync, rmSync } from 'node:fs';
import { link, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';
import { holdStoreContract, keysOf } from '../../support/store-contract.ts';

const signal = new AbortController().signal;

describe('a directory as a store', () => {
  let home: string;
  let store: ObjectStore;
  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'vt-store-'));
    store = directoryStore(path.join(home, 'made', 'later'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  holdStoreContract(() => store);

  test('gives back what was put, from a file and from memory', async () => {
    const file = path.join(home, 'source');
    await writeFile(file, 'from a file');
    await store.put('1/base/a.vbk', file, { signal });
    await store.put('1/catalog/b.json', Buffer.from('from memory'), { signal });
    expect(String(await buffer(await store.get('1/base/a.vbk', { signal })))).toBe('from a file');
    expect(String(await buffer(await store.get('1/catalog/b.json', { signal })))).toBe('from memory');
    expect(await store.stat('1/base/a.vbk')).toMatchObject({ key: '1/base/a.vbk', bytes: 11 });
    expect((await stat(path.join(home, 'made/later/1/base/a.vbk'))).mode & 0o077).toBe(0);
  });

  test('takes no link for the file that it was given, and leaves alone what it names', async () => {
    const [named, file] = [path.join(home, 'named'), path.join(home, 'source')];
    await writeFile(named, 'of somebody else', { mode: 0o644 });
    await symlink(named, file);
    const { mode, uid, nlink } = await stat(named);
    await expect(store.put('1/x', file, { signal })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    expect(await stat(named)).toMatchObject({ mode, uid, nlink });
    expect(await keysOf(store, '')).toEqual([]);
    // Nor a second name of it: the object is a copy.
    await link(named, path.join(home, 'second'));
    await store.put('1/x', path.join(home, 'second'), { signal });
    expect(await stat(named)).toMatchObject({ mode, uid, nlink: 2 });
  });

  test('never writes over an object, whoever is first', async () => {
    const put = async (text: string): Promise<string> =>
      store.put('1/x', Buffer.from(text), { signal }).then(
        () => text,
        (error: { code: string }) => error.code,
      );
    const outcomes = await Promise.all(Array.from({ length: 20 }, async (_, n) => put(`writer ${n}`)));
    const won = outcomes.filter((outcome) => outcome.startsWith('writer'));
    expect(won).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set([...won, 'OBJECT_EXISTS']));
    expect(String(await buffer(await store.get('1/x', { signal })))).toBe(won[0]);
    expect(await readdir(path.join(home, 'made/later/1'))).toEqual(['x']);
  });

  test('tells what is absent from what cannot be known', async () => {
    expect(await store.stat('1/none')).toBeUndefined();
    await expect(store.get('1/none', { signal })).rejects.toMatchObject({ code: 'OBJECT_MISSING', exitCode: 5 });
    await store.remove('1/none');
    await writeFile(path.join(home, 'made'), 'a file where a directory should be');
    await expect(store.put('1/x', Buffer.from(''), { signal })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await symlink('loop', path.join(home, 'loop'));
    const broken = directoryStore(path.join(home, 'loop'));
    await expect(broken.stat('1/x')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await expect(broken.get('1/x', { signal })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await expect(keysOf(broken, '')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  });

  test.each(['../x', '/etc/passwd', 'a/../b', 'a//b', '.hidden', 'a/.new-1', '', 'a b', 'a/'])(
    'takes no key %j',
    async (key) => {
      await expect(store.put(key, Buffer.from(''), { signal })).rejects.toThrow('cannot be the name');
    },
  );

  test('lists in the order of bytes, any prefix, and nothing that is half written', async () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '0', '='), minLength: 1, maxLength: 3 });
    const key = fc
      .array(
        part.filter((text) => !text.startsWith('.')),
        { minLength: 1, maxLength: 3 },
      )
      .map((parts) => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), key, async (keys, prefix) => {
        // No key can be a directory on the way to another one: that much a file system cannot do.
        const usable = keys.filter((one) => !keys.some((two) => two.startsWith(`${one}/`)));
        const each = directoryStore(mkdtempSync(path.join(home, 'list-')));
        for (const one of usable) await each.put(one, Buffer.from('x'), { signal });
        for (const start of ['', prefix, prefix.slice(0, 1)]) {
          expect(await keysOf(each, start)).toEqual(usable.filter((one) => one.startsWith(start)).toSorted());
        }
      }),
      { numRuns: 60 },
    );
  });
});
