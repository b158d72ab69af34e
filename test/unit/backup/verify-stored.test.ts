import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newIdentityFile, parseIdentities, parseRecipient } from '../../../src/foundation/crypto/age-keys.ts';
import { readTrustedKeys } from '../../../src/operator/backup/catalog/home.ts';
import { entriesOf } from '../../../src/operator/backup/catalog/view.ts';
import { sealFile } from '../../../src/operator/backup/container.ts';
import { newEpoch } from '../../../src/operator/backup/epochs.ts';
import { readCatalogues, type Repository } from '../../../src/operator/backup/repository.ts';
import { verifyStored } from '../../../src/operator/backup/verify-stored.ts';
import { BackupFixture, lsnOf, quietContext, SYSTEM } from '../../support/backup-fixture.ts';

describe('what a store holds', () => {
  let root: string;
  let fixture: BackupFixture;
  let repository: Repository;
  const label = '20260101T000000Z';
  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'vt-stored-'));
    fixture = new BackupFixture(root);
    await fixture.base(label);
    await fixture.wal(3, 5);
    await fixture.base('20260108T000000Z');
    const { store, home } = fixture;
    repository = { store, home, staging: path.join(root, 'staging'), trustedKeys: await readTrustedKeys(home) };
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const file = (name: string): string => path.join(root, 'store', SYSTEM, name);
  const verified = async () => {
    const [catalogue] = await readCatalogues(repository, new AbortController().signal);
    return entriesOf(catalogue?.documents ?? [], 'verified').map(({ entry }) => entry);
  };

  test('is compared with the catalogue without any key, and written down once', async () => {
    expect(await verifyStored({ repository }, quietContext())).toMatchObject({ level: 1, objects: 7, damaged: [] });
    expect(await verified()).toMatchObject([
      { label, level: 1, by: 'none', ok: true },
      { label: '20260108T000000Z', level: 1, by: 'none', ok: true },
    ]);
    await verifyStored({ repository }, quietContext());
    expect(await verified()).toHaveLength(2);
    await verifyStored({ repository, label }, quietContext());
    expect(await verified()).toHaveLength(3);
  });

  test('is told to be damaged, object by object', async () => {
    await verifyStored({ repository }, quietContext());
    await appendFile(file(`base/${label}/base.tar.vbk`), 'x');
    await rm(file('wal/00000001/00000000/000000010000000000000004.vbk'));
    const { damaged } = await verifyStored({ repository }, quietContext());
    expect(damaged).toEqual([
      { object: `base/${label}/base.tar.vbk`, code: 'BACKUP_DAMAGED' },
      { object: 'wal/00000001/00000000/000000010000000000000004.vbk', code: 'OBJECT_MISSING' },
    ]);
    expect((await verified()).at(-1)).toMatchObject({ label, ok: false, code: 'BACKUP_DAMAGED' });
    expect(await verifyStored({ repository, kinds: ['wal'] }, quietContext())).toMatchObject({ objects: 3 });
  });

  test('is opened on level 2, which shows what was spoiled before it was catalogued', async () => {
    const identities = (await parseIdentities(await newIdentityFile(0))) ?? [];
    const recipients = identities.flatMap(({ recipient }) => parseRecipient(recipient) ?? []);
    const epoch = await newEpoch(recipients, Date.now());
    const names = [6, 7].map((at) => `00000001000000000000000${at}`);
    const sealed = await Promise.all(
      names.map(async (name) => {
        const object = `wal/00000001/00000000/${name}`;
        const facts = {
          kind: 'wal',
          object,
          systemId: SYSTEM,
          timeline: 1,
          postgres: '17.10',
          createdAt: 'now',
        } as const;
        const to = path.join(root, name);
        await sealFile(to, Readable.from([randomBytes(100_000)]), { facts, epoch }, quietContext());
        return readFile(to);
      }),
    );
    const spoiled = sealed[1] ?? Buffer.alloc(0);
    spoiled.writeUInt8(spoiled.readUInt8(50_000) ^ 1, 50_000);
    const files = sealed.map((content, at) => ({
      name: names[at] ?? '',
      sealedBytes: content.length,
      sealedSha256: createHash('sha256').update(content).digest('hex'),
    }));
    const range = { timeline: 1, start: lsnOf(6), end: lsnOf(8), lastCommitAt: null };
    await fixture.add({ kind: 'wal', ...range, files }, sealed);
    const input = { repository, kinds: ['wal'] as const };
    expect((await verifyStored(input, quietContext())).damaged).toEqual([]);
    const opened = await verifyStored({ ...input, identities }, quietContext());
    const damaged = opened.damaged.map(({ object, code }) => `${path.basename(object, '.vbk')} ${code}`);
    // Those of the fixture are random bytes.
    expect(damaged.toSorted().slice(3)).toEqual([`${names[1]} BACKUP_DAMAGED`]);
    expect(opened).toMatchObject({ level: 2, objects: 5 });
  });

  test.each(['catalog/0000000002.json', 'catalog', ''])('is not sound without %j of the catalogue', async (name) => {
    await rm(file(name), { recursive: true });
    await expect(verifyStored({ repository }, quietContext())).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN' });
  });

  test('but what was pruned is not missed', async () => {
    const objects = [`base/${label}`];
    await rm(file(`base/${label}`), { recursive: true });
    await fixture.add({ kind: 'pruned', store: fixture.store.url, objects, reason: 'test' });
    expect(await verifyStored({ repository }, quietContext())).toMatchObject({ objects: 5, damaged: [] });
    await expect(verifyStored({ repository, label }, quietContext())).rejects.toMatchObject({ code: 'BACKUP_MISSING' });
  });
});
