import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';
import { openWriter } from '../../../src/operator/backup/catalog/append.ts';
import { documentKey } from '../../../src/operator/backup/catalog/document.ts';
import { objectsOf } from '../../../src/operator/backup/catalog/objects.ts';
import { prunedFrom } from '../../../src/operator/backup/catalog/view.ts';
import { copyToAll } from '../../../src/operator/backup/copy/all.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { openRepository, readCatalogues } from '../../../src/operator/backup/repository.ts';
import { applyRetention } from '../../../src/operator/backup/retention/apply.ts';
import { prune, refusalOf } from '../../../src/operator/backup/retention/run.ts';
import { BackupFixture, quietContext, SYSTEM } from '../../support/backup-fixture.ts';
import { keysOf } from '../../support/store-contract.ts';

const RULES = { windowDays: 7, dumpDays: 30 };
const HOUR = 3_600_000;

describe('pruning', () => {
  let root: string;
  let fixture: BackupFixture;
  let place: { directory: string; home: { directory: string }; stores: Array<{ url: string }> };
  const run = async (dryRun = false) => prune({ place, rules: RULES, dryRun }, quietContext<BackupObservation>());

  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'vt-prune-'));
    fixture = new BackupFixture(root);
    place = { directory: path.join(root, 'store'), home: fixture.home, stores: [] };
    await fixture.base('20260101T000000Z', 3);
    await fixture.wal(3, 5);
    await fixture.base('20260108T000000Z', 6);
    await fixture.wal(6, 8);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('takes what a plan said, and the catalogue tells of it', async () => {
    const [plan] = await run(true);
    expect(plan).toMatchObject({ removed: undefined, refused: undefined });
    expect(plan?.remove).toEqual([
      'wal/00000001/00000000/000000010000000000000003',
      'wal/00000001/00000000/000000010000000000000004',
      'wal/00000001/00000000/000000010000000000000005',
      'base/20260101T000000Z',
    ]);
    const before = await keysOf(fixture.store, '');
    expect(await run()).toMatchObject([{ remove: plan?.remove, removed: 6 }]);
    const after = await keysOf(fixture.store, '');
    expect(after).toHaveLength(before.length - 6 + 1);
    expect(await run()).toMatchObject([{ remove: [], removed: 0 }]);
  });

  test('of one store leaves the others alone, and each is told in its own catalogue first', async () => {
    place.stores = [{ url: pathToFileURL(path.join(root, 'away')).href }];
    await copyToAll(place, quietContext<BackupObservation>());
    const away = directoryStore(path.join(root, 'away'));
    place.stores = [];
    await run();
    expect(await keysOf(away, `${SYSTEM}/base/20260101T000000Z`)).toHaveLength(3);
    place.stores = [{ url: away.url }];
    expect((await run())[1]).toMatchObject({ store: away.url, removed: 6 });
    expect(await keysOf(away, `${SYSTEM}/base/20260101T000000Z`)).toEqual([]);
    expect(await away.stat(documentKey(SYSTEM, 6))).toBeDefined();
  });

  test.each(['append', 'remove'] as const)(
    'killed before any %s leaves nothing named that is not there',
    async (at) => {
      for (let steps = 0; steps < 5; steps++) {
        const own = path.join(root, `killed-${at}-${steps}`);
        const each = new BackupFixture(own);
        await each.base('20260101T000000Z', 3);
        await each.wal(3, 5);
        await each.base('20260108T000000Z', 6);
        const repository = await openRepository({ directory: path.join(own, 'store'), home: each.home });
        const signal = new AbortController().signal;
        const [catalogue] = await readCatalogues(repository, signal);
        const documents = catalogue?.documents ?? [];
        let left = steps;
        const mortal = <A extends unknown[], R>(name: string, work: (...args: A) => Promise<R>) => {
          return async (...args: A): Promise<R> => {
            if (name === at && left-- === 0) throw new Error('killed');
            return work(...args);
          };
        };
        const { append } = openWriter({ store: each.store, systemId: SYSTEM, home: each.home, clock: Date, signal });
        const remove = ['wal/00000001/00000000/000000010000000000000003', 'base/20260101T000000Z'];
        const store: ObjectStore = {
          ...each.store,
          remove: mortal('remove', async (key: string) => each.store.remove(key)),
        };
        const input = { systemId: SYSTEM, store, documents, remove, reason: 'test' };
        const writer = { append: mortal('append', append) };
        await applyRetention({ ...input, catalogue: writer }, quietContext()).catch(() => undefined);

        const [now] = await readCatalogues(repository, signal);
        const gone = prunedFrom(now?.documents ?? [], each.store.url);
        const there = new Set(await keysOf(each.store, ''));
        for (const { key, group } of (now?.documents ?? []).flatMap(({ entry }) => objectsOf(SYSTEM, entry))) {
          expect(gone.has(group) || there.has(key)).toBe(true);
        }
        await prune(
          { place: { directory: path.join(own, 'store'), home: each.home }, rules: RULES, dryRun: false },
          quietContext(),
        );
        expect(await keysOf(each.store, `${SYSTEM}/base/20260101T000000Z`)).toEqual([]);
      }
    },
  );

  test('is refused after a failure, with a wrong clock, and with a catalogue that lacks a document', async () => {
    const late = { ...quietContext<BackupObservation>(), clock: { now: () => Date.now() - HOUR } };
    expect(await prune({ place, rules: RULES, dryRun: false }, late)).toMatchObject([
      { refused: 'clock-went-back', remove: [], removed: undefined },
    ]);
    const early = { ...quietContext<BackupObservation>(), clock: { now: () => Date.now() + 35 * 24 * HOUR } };
    const ahead = await prune({ place, rules: RULES, dryRun: false }, early);
    expect(ahead).toMatchObject([{ refused: 'clock-went-ahead', remove: [], removed: undefined }]);
    expect(refusalOf(ahead)).toMatchObject({
      code: 'PRUNE_REFUSED',
      hint: expect.stringContaining('timedatectl') as unknown,
    });
    await fixture.add({ kind: 'failed', job: 'base', code: 'DATABASE_UNREACHABLE' });
    expect(await run()).toMatchObject([{ refused: 'last-backup-failed', remove: [], removed: undefined }]);
    await rm(path.join(root, 'store', documentKey(SYSTEM, 2)));
    await expect(run()).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN' });
  });
});
