import { expect, test } from 'vitest';
import type { CatalogueEntry } from '../../../src/operator/backup/catalog/entries.ts';
import { OpenGaps } from '../../../src/operator/backup/gap-watch.ts';
import { lsnOf } from '../../support/backup-fixture.ts';

test('a gap asks for a base when WAL arrives again, until one begins behind it', () => {
  const gaps = new OpenGaps();
  gaps.hear(base(1), 100);
  gaps.hear(gap(5), 200);
  gaps.hear(gap(6), 201);
  expect(gaps.over()).toEqual([]); // it is still being dropped
  gaps.hear(wal(4), 300); // uploaded late
  expect(gaps.over()).toEqual([]);
  gaps.hear(wal(6), 400);
  expect(gaps.over()).toEqual([200]);
  gaps.hear(wal(7), 400);
  expect(gaps.over()).toEqual([200, 201]);
  gaps.hear(base(6), 500); // begins within it
  expect(gaps.over()).toEqual([201]);
  gaps.hear(base(8), 500);
  expect(gaps.over()).toEqual([]);
});

test('one that is told of after the base that was taken behind it asks for nothing', () => {
  const gaps = new OpenGaps();
  gaps.hear(base(9), 100);
  gaps.hear(gap(5), 200);
  gaps.hear(wal(9), 300);
  expect(gaps.over()).toEqual([]);
});

test('a timeline that was begun later leaves it behind', () => {
  const gaps = new OpenGaps();
  gaps.hear(gap(5), 200);
  gaps.hear(wal(5, 2), 300);
  expect(gaps.over()).toEqual([200]);
  gaps.hear(base(5, 2), 400);
  expect(gaps.over()).toEqual([]);
});

function gap(segment: number, timeline = 1): CatalogueEntry {
  return { kind: 'gap', timeline, start: lsnOf(segment), end: lsnOf(segment + 1), reason: 'dropped' };
}

function wal(segment: number, timeline = 1): CatalogueEntry {
  return { kind: 'wal', timeline, start: lsnOf(segment), end: lsnOf(segment + 1), lastCommitAt: null, files: [] };
}

function base(segment: number, timeline = 1): CatalogueEntry {
  const position = { lsn: lsnOf(segment), timeline };
  const at = '2026-01-01T00:00:00Z';
  const facts = { label: 'x', postgres: '17.10', startedAt: at, finishedAt: at, objects: [] };
  return { kind: 'base', ...facts, start: position, end: position };
}
