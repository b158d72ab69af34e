import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';
import { copyStore } from '../../../src/operator/backup/copy/run.ts';
import { ancestorsOf } from '../../../src/operator/backup/links.ts';
import { findParent, type ServerFacts } from '../../../src/operator/backup/parent.ts';
import { keepManifest } from '../../../src/operator/backup/kept-manifest.ts';
import {
  listEntries,
  openRepository,
  readCatalogues,
  type Repository,
} from '../../../src/operator/backup/repository.ts';
import { prune } from '../../../src/operator/backup/retention/run.ts';
import { retentionState } from '../../../src/operator/backup/retention/state.ts';
import { showBackup } from '../../../src/operator/backup/show.ts';
import { BackupFixture, quietContext, SYSTEM } from '../../support/backup-fixture.ts';

/** A full backup in January, two that build on it, and another full one. */
const [FULL, FIRST, SECOND, NEXT] = ['20260101', '20260102', '20260103', '20260108'].map((day) => `${day}T000000Z`) as [
  string,
  string,
  string,
  string,
];
const RULES = { windowDays: 7, dumpDays: 30 };
const { signal } = new AbortController();
let root: string;
let fixture: BackupFixture;
let repository: Repository;

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'vt-chains-'));
  fixture = new BackupFixture(root);
  await fixture.base(FULL, 3);
  await fixture.base(FIRST, 5, FULL);
  await fixture.base(SECOND, 7, FIRST);
  repository = await openRepository({ directory: path.join(root, 'store'), home: fixture.home });
});
afterEach(() => rmSync(root, { recursive: true }));

test('show names what a backup builds on, and what is nothing without it', async () => {
  expect(await showBackup(repository, FIRST, signal)).toMatchObject({ buildsOn: [FULL], carries: [SECOND] });
  expect(await showBackup(repository, SECOND, signal)).toMatchObject({ buildsOn: [FULL, FIRST], carries: [] });
});

test('those that name each other, or one that is not there, cannot be put together', () => {
  const [a, b] = [
    { label: 'a', parent: 'b' },
    { label: 'b', parent: 'a' },
  ] as const;
  expect(ancestorsOf(a, [a, b])).toBeUndefined();
  expect(ancestorsOf(a, [a])).toBeUndefined();
  expect(ancestorsOf<{ label: string; parent?: string }>({ label: 'c' }, [a, b])).toEqual([]);
});

test('a backup is as sound as the least of what it builds on, and a restore of it proves them all', async () => {
  await verified(SECOND, 3);
  await verified(FIRST, 2);
  expect(await levels()).toEqual({ [FULL]: -1, [FIRST]: -1, [SECOND]: -1 });
  await verified(FULL, 1);
  expect(await levels()).toEqual({ [FULL]: 1, [FIRST]: 1, [SECOND]: 1 });
  await fixture.add({ kind: 'rehearsed', label: SECOND, target: null, ms: 1, ok: true });
  expect(await levels()).toEqual({ [FULL]: 4, [FIRST]: 4, [SECOND]: 4 });
  await verified(FIRST, 2, false);
  expect(await levels()).toEqual({ [FULL]: 4, [FIRST]: -1, [SECOND]: -1 });
});

test.each(['pinned', 'verified'] as const)('the whole chain stays for one that is %s', async (why) => {
  await fixture.base(NEXT, 9);
  if (why === 'pinned') await fixture.add({ kind: 'pinned', label: SECOND, pinned: true });
  else for (const label of [FULL, FIRST, SECOND]) await verified(label, 2);
  expect(await pruned()).toEqual([[]]);
});

test('the whole chain goes when nothing needs it, the last link first', async () => {
  await fixture.base(NEXT, 9);
  expect(await pruned()).toEqual([[SECOND, FIRST, FULL].map((label) => `base/${label}`)]);
  expect((await listEntries(repository)).map(({ label }) => label)).toEqual([NEXT]);
});

test('a copy keeps what the next backup builds on that it does not have yet, and gets a whole chain', async () => {
  await verified(FULL, 2);
  const away = directoryStore(path.join(root, 'away'));
  await fixture.base(NEXT, 9);
  await copy(away);
  // Another backup was begun before that one, and was finished after it: it builds on an old one.
  await fixture.base('20260109T000000Z', 11, SECOND);
  const catalogue = await documents();
  const there = catalogue.slice(0, -1);
  const coming = catalogue.slice(-1);
  expect([...retentionState(there, away.url, Date.now(), coming).awaited]).toEqual([`base/${SECOND}`]);
  expect((await pruned(away))[1]).toEqual([]);
  await copy(away);
  for (const label of [FULL, FIRST, SECOND])
    expect(await away.stat(`${SYSTEM}/base/${label}/base.tar.vbk`)).toBeDefined();
});

test('the next backup builds on the newest, unless that cannot be or has grown too long', async () => {
  fixture = new BackupFixture(path.join(root, 'short'));
  await fixture.base(FULL, 3);
  await fixture.base(FIRST, 5, FULL);
  repository = await openRepository({ directory: path.join(root, 'short', 'store'), home: fixture.home });
  const server: ServerFacts = { systemId: SYSTEM, postgres: '17.10', timeline: 1, summarizes: true };
  const now = Date.UTC(2026, 0, 4);
  const because = async (facts: Partial<ServerFacts> = {}, wishes = { fullDays: 7, now, signal }) => {
    const found = await findParent(repository, { ...server, ...facts }, wishes);
    return 'because' in found ? found.because : found.entry.label;
  };
  expect(await because()).toBe(`the manifest of backup ${FIRST} is not on this machine`);
  await keepManifest(repository, { systemId: SYSTEM, label: FIRST }, Buffer.from('another one'));
  expect(await because()).toBe(`the manifest of backup ${FIRST} is not on this machine`);
  expect(await because({ postgres: '16.4' })).toBe('Postgres 16 takes no incremental backups');
  expect(await because({ summarizes: false })).toMatch(/summarize_wal is off/);
  expect(await because({ timeline: 2 })).toBe(`backup ${FIRST} is of timeline 1, and the server is on 2`);
  expect(await because({ postgres: '18.1' })).toBe(`backup ${FIRST} is of 17.10`);
  expect(await because({ systemId: '1' })).toBe('there is no backup to build on');
  expect(await because({}, { fullDays: 3, now, signal })).toBe('the last full backup is 3 days old');
  await verified(FULL, 1, false);
  expect(await because()).toBe(`backup ${FULL} did not pass its last check`);
  await verified(FULL, 1);
  await repository.store.remove(`${SYSTEM}/base/${FULL}/base.tar.vbk`);
  expect(await because()).toBe(`base/${FULL}/base.tar is not in the store as it was written`);
  await fixture.base(SECOND, 7, FIRST);
  expect(await because()).toBe('the incremental backups are larger than the full one that they build on');
});

async function verified(label: string, level: number, ok = true): Promise<void> {
  await fixture.add({ kind: 'verified', label, store: repository.store.url, level, by: 'recovery', ok });
}

async function documents() {
  const [catalogue] = await readCatalogues(repository, signal);
  return catalogue?.documents ?? [];
}

async function levels(): Promise<Record<string, number>> {
  const { bases } = retentionState(await documents(), repository.store.url, Date.now());
  return Object.fromEntries(bases.map(({ group, level }) => [group.slice('base/'.length), level]));
}

async function pruned(away?: ObjectStore): Promise<Array<readonly string[]>> {
  const stores = away ? [{ url: away.url }] : [];
  const place = { directory: path.join(root, 'store'), home: fixture.home, stores };
  return (await prune({ place, rules: RULES, dryRun: false }, quietContext())).map(({ remove }) => remove);
}

async function copy(to: ObjectStore): Promise<void> {
  const {
    home,
    trustedKeys,
    store: from,
  } = await openRepository({
    directory: path.join(root, 'store'),
    home: fixture.home,
  });
  await copyStore({ systemId: SYSTEM, from, to, home, trustedKeys }, quietContext());
}
