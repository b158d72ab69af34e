import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { branchesOf, returnWindow } from '../../../src/operator/backup/catalog/window.ts';
import { openRepository, readCatalogues } from '../../../src/operator/backup/repository.ts';
import { BackupFixture, lsnOf } from '../../support/backup-fixture.ts';

describe('the seconds that can be returned to', () => {
  let root: string;
  let fixture: BackupFixture;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'vt-window-'));
    fixture = new BackupFixture(root);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const window = async (): Promise<string[] | undefined> => {
    const repository = await openRepository({ directory: path.join(root, 'store'), home: fixture.home });
    const [catalogue] = await readCatalogues(repository, new AbortController().signal);
    const found = returnWindow(catalogue?.documents ?? [], fixture.store.url);
    return found && [found.from, found.to].map((at) => new Date(at).toISOString().slice(0, 16));
  };

  const branches = async () => {
    const repository = await openRepository({ directory: path.join(root, 'store'), home: fixture.home });
    const [catalogue] = await readCatalogues(repository, new AbortController().signal);
    const { live, left } = branchesOf(catalogue?.documents ?? [], fixture.store.url);
    return { live, left: left.map(({ timeline, to }) => `${timeline} ${new Date(to).toISOString().slice(0, 16)}`) };
  };

  test('are none without WAL that leads on from a backup', async () => {
    expect(await window()).toBeUndefined();
    await fixture.base('20260101T000000Z', 3);
    expect(await window()).toBeUndefined();
    await fixture.wal(5, 6, '2026-01-02T00:00:00Z'); // segment 4 is missing, and so is the rest of 3
    expect(await window()).toBeUndefined();
  });

  test('go from the oldest backup to the last commit, and end before no hole', async () => {
    await fixture.base('20260101T000000Z', 3);
    await fixture.wal(3, 4, '2026-01-02T00:00:00Z');
    await fixture.wal(5, 6, '2026-01-03T00:00:00Z');
    expect(await window()).toEqual(['2026-01-01T00:00', '2026-01-03T00:00']);
    await fixture.base('20260108T000000Z', 8);
    await fixture.wal(8, 9, '2026-01-09T00:00:00Z');
    expect(await window()).toEqual(['2026-01-08T00:00', '2026-01-09T00:00']);
    await fixture.wal(7, 7, null); // the hole is filled
    expect(await window()).toEqual(['2026-01-01T00:00', '2026-01-09T00:00']);
  });

  describe('after a restore', () => {
    const wal = async (timeline: number, from: number, to: number, lastCommitAt: string): Promise<unknown> =>
      fixture.add({ kind: 'wal', timeline, start: lsnOf(from), end: lsnOf(to + 1), lastCommitAt, files: [] });
    beforeEach(async () => {
      await fixture.base('20260101T000000Z', 3);
      await wal(1, 3, 6, '2026-01-03T00:00:00Z');
    });
    const leave = async (segment: number): Promise<unknown> =>
      fixture.add({
        kind: 'timeline',
        timeline: 2,
        parents: [{ timeline: 1, end: lsnOf(segment, 0x100n) }],
        objects: [],
      });

    test('go on along the new timeline, also from within a segment that the old one never finished', async () => {
      for (const [number, segment] of [5, 7].entries()) {
        await leave(segment);
        await wal(2, segment, 8 + number, '2026-01-04T00:00:00Z');
        expect(await window()).toEqual(['2026-01-01T00:00', '2026-01-04T00:00']);
      }
    });

    test('are those of the line that an undo went back to, and what was left is told', async () => {
      await fixture.add({
        kind: 'timeline',
        timeline: 2,
        parents: [{ timeline: 1, end: lsnOf(5, 0x100n) }],
        bornAt: '2026-01-03T06:00:00Z',
        objects: [],
      });
      await wal(2, 5, 8, '2026-01-04T00:00:00Z');
      expect(await branches()).toEqual({ live: 2, left: ['1 2026-01-03T00:00'] });
      await wal(1, 7, 9, '2026-01-05T00:00:00Z');
      await wal(2, 9, 9, '2026-01-04T01:00:00Z'); // that waited in the spool
      expect(await window()).toEqual(['2026-01-01T00:00', '2026-01-05T00:00']);
      expect(await branches()).toEqual({ live: 1, left: ['2 2026-01-04T01:00'] });
    });

    test('do not go on over a hole before or after the place where the old one was left', async () => {
      await leave(8); // segment 7 of timeline 1 is missing
      await wal(2, 8, 9, '2026-01-04T00:00:00Z');
      expect(await window()).toBeUndefined();
      await wal(1, 9, 9, '2026-01-03T12:00:00Z');
      await leave(5);
      await wal(2, 5, 9, '2026-01-04T00:00:00Z');
      expect(await window()).toBeUndefined();
    });

    test('begin at no backup of what the restore undid', async () => {
      await fixture.add({
        kind: 'pruned',
        store: fixture.store.url,
        objects: ['base/20260101T000000Z'],
        reason: 'test',
      });
      await fixture.base('20260102T000000Z', 6);
      await leave(5);
      await wal(2, 5, 8, '2026-01-04T00:00:00Z');
      expect(await window()).toBeUndefined();
    });
  });

  test('go on only from backups that are still there', async () => {
    await fixture.base('20260101T000000Z', 3);
    await fixture.wal(3, 6, '2026-01-08T12:00:00Z');
    await fixture.base('20260108T000000Z', 6);
    await fixture.add({ kind: 'pruned', store: fixture.store.url, objects: ['base/20260101T000000Z'], reason: 'test' });
    expect(await window()).toEqual(['2026-01-08T00:00', '2026-01-08T12:00']);
  });
});
