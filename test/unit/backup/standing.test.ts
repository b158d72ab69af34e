import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CatalogueDocument } from '../../../src/operator/backup/catalog/document.ts';
import type { CatalogueEntry } from '../../../src/operator/backup/catalog/entries.ts';
import type { Catalogue } from '../../../src/operator/backup/catalog/read.ts';
import { readStanding, standingOf } from '../../../src/operator/backup/standing.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const at = (time: string): string => `2026-11-${time}:00Z`;

function catalogue(...entries: ReadonlyArray<readonly [time: string, entry: CatalogueEntry]>): Catalogue {
  const documents = entries.map(
    ([time, entry], index) => ({ number: index + 1, at: at(time), entry }) as CatalogueDocument,
  );
  const proof = { trust: 'signed', publicKey: 'ed25519:ours' };
  return { systemId: '7', store: 'file:///backups', documents, proof } as unknown as Catalogue;
}

const base = (label: string, time: string, lsn = '0/2'): readonly [string, CatalogueEntry] => [
  time,
  {
    kind: 'base',
    label,
    postgres: '17.12',
    startedAt: at(time),
    finishedAt: at(time),
    objects: [],
    start: { lsn: '0/1', timeline: 1 },
    end: { lsn, timeline: 1 },
  },
];
const wal = (
  time: string,
  lastCommit: string | null,
  [start, end] = ['0/2', '0/3'],
): readonly [string, CatalogueEntry] => [
  time,
  {
    kind: 'wal',
    timeline: 1,
    start,
    end,
    lastCommitAt: lastCommit === null ? null : at(lastCommit),
    files: [],
  },
];
const rehearsed = (time: string, ok: boolean): readonly [string, CatalogueEntry] => [
  time,
  { kind: 'rehearsed', label: 'a', target: null, ms: 1, ok },
];

describe('how backups stand', () => {
  test('with continuous WAL: any second between the oldest backup and the last commit', () => {
    const standing = standingOf(
      [
        catalogue(
          base('a', '21T03:00'),
          base('b', '22T03:00'),
          rehearsed('22T04:00', true),
          wal('23T11:59', '23T11:58'),
        ),
      ],
      NOW,
    );
    expect(standing.line).toBe(
      'you can return to any second between 2026-11-21 03:00:00 UTC and 2026-11-23 11:58:00 UTC; last proved restore 32 h ago; store 1 min behind',
    );
    expect(standing).toMatchObject({
      continuous: true,
      lag: 60,
      newestAge: 33 * 3_600,
      rehearsalAge: 32 * 3_600,
      keyProofAge: null,
    });
  });

  test('a proof that the key is there counts while backups are sealed for that key', () => {
    const shown = (time: string, recipient: string): readonly [string, CatalogueEntry] => [
      time,
      { kind: 'key-proved', recipient, by: 'file' },
    ];
    const all = [catalogue(base('a', '22T03:00'), shown('22T12:00', 'age1kept'), shown('23T11:00', 'age1removed'))];
    expect(standingOf(all, NOW, ['age1kept'])).toMatchObject({ keyProofAge: 24 * 3_600 });
    expect(standingOf(all, NOW, ['age1kept', 'age1removed'])).toMatchObject({ keyProofAge: 3_600 });
    expect(standingOf(all, NOW, ['age1new'])).toMatchObject({ keyProofAge: null });
  });

  test('without WAL: only the backup itself', () => {
    const standing = standingOf([catalogue(base('a', '22T03:00'))], NOW);
    expect(standing.line).toBe(
      'you can return to the backup of 2026-11-22 03:00:00 UTC, and to nothing after it; no restore was ever proved',
    );
    expect(standing).toMatchObject({ continuous: false, lag: null });
  });

  test('a hole ends the line, and only what begins behind it counts', () => {
    const gap: readonly [string, CatalogueEntry] = [
      '22T05:00',
      { kind: 'gap', timeline: 1, start: '0/3', end: '0/4', reason: 'lost' },
    ];
    const before = [base('a', '21T03:00'), wal('22T04:00', '22T04:00'), gap] as const;
    const behind = wal('23T11:00', '23T11:00', ['0/4', '0/5']);
    expect(standingOf([catalogue(...before, behind)], NOW).line).toContain(
      'between 2026-11-21 03:00:00 UTC and 2026-11-22 04:00:00 UTC',
    );
    expect(standingOf([catalogue(...before, base('c', '22T06:00', '0/4'), behind)], NOW).line).toContain(
      'between 2026-11-22 06:00:00 UTC and 2026-11-23 11:00:00 UTC',
    );
  });

  test('what was pruned is gone, and a rehearsal that failed proves nothing', () => {
    const pruned: readonly [string, CatalogueEntry] = [
      '23T01:00',
      { kind: 'pruned', store: 'file:///backups', objects: ['base/a'], reason: 'old' },
    ];
    const standing = standingOf([catalogue(base('a', '21T03:00'), pruned, rehearsed('23T02:00', false))], NOW);
    expect(standing).toMatchObject({
      newestAge: null,
      rehearsalAge: null,
      line: expect.stringContaining('no backup') as unknown,
    });
  });

  test('a backup or proof from the future is a wrong clock, and not fresh, until the next one', () => {
    const early = catalogue(base('a', '28T03:00'), rehearsed('28T04:00', true));
    const standing = standingOf([early], NOW);
    expect(standing).toMatchObject({ clockBehind: 112 * 3_600, rehearsalAge: null });
    const healed = standingOf([catalogue(base('a', '28T03:00'), base('b', '23T11:00'))], NOW);
    expect(healed.newestAge).toBe(3_600);
    expect(standingOf([catalogue(base('a', '23T12:01'))], NOW)).toMatchObject({ clockBehind: 60, newestAge: 0 });
  });

  test('of several clusters in one store the newest counts', () => {
    const old = catalogue(base('a', '01T03:00'));
    expect(standingOf([old, catalogue(base('b', '23T03:00'))], NOW).newestAge).toBe(9 * 3_600);
  });
});

describe('on disk', () => {
  let place: string;
  beforeEach(() => (place = mkdtempSync(path.join(tmpdir(), 'vt-standing-'))));
  afterEach(() => rmSync(place, { recursive: true }));

  test('a store on the disk of the data is told from one that is not', async () => {
    const read = async (...urls: string[]) =>
      readStanding({
        place: {
          directory: path.join(place, 'none', 'yet'),
          home: { directory: place },
          stores: urls.map((url) => ({ url })),
        },
        data: place,
        now: NOW,
        signal: new AbortController().signal,
      });
    expect(await read()).toMatchObject({ sameDisk: true, copies: [], recoveryKey: false, newestAge: null });
    expect(await read(`file://${place}/copy`)).toMatchObject({ sameDisk: true });
    expect(await read(`file://${place}/copy`, 's3://bucket/shop/')).toMatchObject({
      sameDisk: false,
      copies: [{ behind: 0 }, { where: 's3://bucket/shop' }],
    });
  });
});
