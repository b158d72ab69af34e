import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';
import { documentKey } from '../../../src/operator/backup/catalog/document.ts';
import { readTrustedKeys } from '../../../src/operator/backup/catalog/home.ts';
import { copyStore } from '../../../src/operator/backup/copy/run.ts';
import { BackupFixture, SYSTEM, quietContext } from '../../support/backup-fixture.ts';
import { keysOf } from '../../support/store-contract.ts';

describe('a copy of a store', () => {
  let root: string;
  let fixture: BackupFixture;
  let to: ObjectStore;
  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'vt-copy-'));
    fixture = new BackupFixture(root);
    to = directoryStore(path.join(root, 'away'));
    await fixture.base('20260101T000000Z');
    await fixture.wal(3, 5);
    await fixture.base('20260108T000000Z');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const copy = async (store = to) =>
    copyStore(
      {
        systemId: SYSTEM,
        from: fixture.store,
        to: store,
        home: fixture.home,
        trustedKeys: await readTrustedKeys(fixture.home),
      },
      quietContext(),
    );

  test('is the same, and the second time nothing is left to do', async () => {
    expect(await copy()).toMatchObject({ documents: 3, objects: 9 });
    const keys = await keysOf(fixture.store, '');
    expect(await keysOf(to, '')).toEqual(keys);
    for (const key of keys) {
      expect(await readFile(path.join(root, 'away', key))).toEqual(await readFile(path.join(root, 'store', key)));
    }
    expect(await copy()).toMatchObject({ documents: 0, objects: 0 });
    await fixture.wal(6, 6);
    expect(await copy()).toMatchObject({ documents: 1, objects: 1 });
  });

  test('that breaks off anywhere names nothing that is not there, and goes on', async () => {
    for (let puts = 0; puts < 12; puts++) {
      const away = directoryStore(path.join(root, `away-${puts}`));
      let left = puts;
      const failing: ObjectStore = {
        ...away,
        put: async (...args) => {
          if (left-- === 0) throw new VectabaseError('STORE_UNREACHABLE', { message: 'gone' });
          return away.put(...args);
        },
      };
      await expect(copy(failing)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      const there = new Set(await keysOf(away, ''));
      for (const [number, objects] of fixture.objects) {
        if (!there.has(documentKey(SYSTEM, number))) continue;
        for (const key of objects) expect(there).toContain(key);
      }
      await copy(away);
      expect(await keysOf(away, '')).toEqual(await keysOf(fixture.store, ''));
    }
  });

  test('does not spread what was damaged here', async () => {
    const [, objects = []] = [...fixture.objects][2] ?? [];
    await writeFile(path.join(root, 'store', objects[0] ?? ''), 'x'.repeat(100));
    await expect(copy()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    expect(await to.stat(documentKey(SYSTEM, 3))).toBeUndefined();
  });

  test('whose end was taken away is told, and not filled up in silence', async () => {
    await copy();
    await rm(path.join(root, 'away', documentKey(SYSTEM, 3)));
    await expect(copy()).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN', details: { reason: 'rolled-back' } });
  });

  test('onto the backups of another history is refused', async () => {
    const other = new BackupFixture(path.join(root, 'other'));
    await other.base('20260101T000000Z');
    to = directoryStore(path.join(root, 'other', 'store'));
    await expect(copy()).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN', details: { reason: 'foreign' } });
  });
});
