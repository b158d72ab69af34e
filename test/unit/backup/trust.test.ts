import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWith } from '../../../src/operator/backup/epochs.ts';
import { documentKey } from '../../../src/operator/backup/catalog/document.ts';
import { readTrustedKeys } from '../../../src/operator/backup/catalog/home.ts';
import { findDump } from '../../../src/operator/backup/dump/find.ts';
import { findEntry, listEntries, openRepository, readCatalogues } from '../../../src/operator/backup/repository.ts';
import { readArchive } from '../../../src/operator/backup/restore/archive-view.ts';
import { BackupFixture, SYSTEM } from '../../support/backup-fixture.ts';

const LABEL = '20260101T000000Z';
const { signal } = new AbortController();

describe('a reader of a store', () => {
  let root: string;
  let fixture: BackupFixture;
  let key: string;
  /** This machine, or a new one that knows only what it is told. */
  const reader = async (who: 'machine' | 'new', more: { catalogueKeys?: string[]; systemId?: string } = {}) =>
    openRepository({
      directory: path.join(root, 'store'),
      home: who === 'machine' ? fixture.home : { directory: path.join(root, 'new') },
      ...more,
    });
  const put = async (systemId: string, number: number): Promise<unknown> =>
    fixture.store.put(documentKey(systemId, number), Buffer.from('{}'), { signal });

  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'vt-trust-'));
    fixture = new BackupFixture(root);
    await fixture.base(LABEL);
    await fixture.add({ kind: 'dump', label: LABEL, ...DUMP });
    key = (await readTrustedKeys(fixture.home))[0] ?? '';
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('who knows no key takes no catalogue for signed, and is told which key to compare', async () => {
    const nobody = await reader('new');
    expect(await listEntries(nobody)).toMatchObject([{ label: LABEL, signed: false, unknownKey: key }]);
    const refused = {
      code: 'BACKUP_UNSIGNED',
      details: { catalogueKey: key },
      hint: expect.stringContaining(`--catalogue-key ${key}`) as string,
    };
    const opener = openWith([]);
    await expect(findEntry(nobody, undefined)).rejects.toMatchObject(refused);
    await expect(findEntry(nobody, LABEL)).rejects.toMatchObject(refused);
    await expect(findDump(nobody, undefined, signal)).rejects.toMatchObject(refused);
    await expect(readArchive(nobody, { opener, signal })).rejects.toMatchObject(refused);
    const named = await reader('new', { systemId: SYSTEM });
    await expect(readArchive(named, { opener, signal })).rejects.toMatchObject(refused);
    expect(await findEntry(nobody, undefined, { unsigned: true })).toMatchObject({ label: LABEL, signed: false });
    expect(await findDump(nobody, undefined, signal, { unsigned: true })).toMatchObject({ label: LABEL });

    const told = await reader('new', { catalogueKeys: [key] });
    expect(await findEntry(told, undefined)).toMatchObject({ label: LABEL, signed: true });
    expect(await findDump(told, undefined, signal)).toMatchObject({ label: LABEL });
    expect((await readArchive(told, { opener, signal })).bases).toHaveLength(1);
  });

  test('is not kept from his own catalogue by a broken one of another cluster', async () => {
    await put('999', 1);
    for (const repository of [await reader('machine'), await reader('new', { catalogueKeys: [key] })]) {
      expect(await readCatalogues(repository, signal)).toMatchObject([{ systemId: SYSTEM }]);
      expect(await findEntry(repository, undefined)).toMatchObject({ label: LABEL, signed: true });
    }
    await expect(readCatalogues(await reader('new'), signal)).rejects.toMatchObject({
      code: 'CATALOGUE_BROKEN',
      hint: expect.stringContaining('--system') as string,
    });
  });

  test('hears that his own is broken, also beside another broken one', async () => {
    await put('999', 1);
    await put(SYSTEM, 3);
    const broken = { code: 'CATALOGUE_BROKEN', details: { systemId: SYSTEM } };
    await expect(readCatalogues(await reader('machine'), signal)).rejects.toMatchObject(broken);
  });
});

const HASH = '0'.repeat(64);
const DUMP = {
  postgres: '17.10',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:00.000Z',
  databases: ['postgres'],
  objects: [
    {
      object: `dump/${LABEL}/postgres.dump`,
      plainBytes: 1,
      plainSha256: HASH,
      sealedBytes: 1,
      sealedSha256: HASH,
    },
  ],
};
