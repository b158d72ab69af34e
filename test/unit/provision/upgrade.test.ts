import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { run } from '../../../src/foundation/process/run.ts';
import { driveUpgrade, type Hands } from '../../../src/operator/provision/upgrade/drive.ts';
import { moveSetting, type ConfigMigration } from '../../../src/operator/provision/upgrade/migrations.ts';
import { pruneReleases } from '../../../src/operator/provision/upgrade/releases.ts';
import { readRecord, writeRecord, type UpgradeRecord } from '../../../src/operator/provision/upgrade/record.ts';
import { stagePackage } from '../../../src/operator/provision/upgrade/stage.ts';

const BEGUN: UpgradeRecord = {
  version: 1,
  from: '/opt/vectabase/releases/1.0.0-aaaaaaaa',
  to: '/opt/vectabase/releases/1.1.0-bbbbbbbb',
  phase: 'begun',
  migrations: [],
  reason: null,
  startedAt: '2026-01-01T00:00:00.000Z',
};

const MIGRATIONS: readonly ConfigMigration[] = [
  {
    number: 1,
    title: 'api.port is now server.port',
    up: (document) => moveSetting(document, 'api.port', 'server.port'),
    down: (document) => moveSetting(document, 'server.port', 'api.port'),
  },
  {
    number: 2,
    title: 'server.port is now server.http',
    up: (document) => moveSetting(document, 'server.port', 'server.http'),
    down: (document) => moveSetting(document, 'server.http', 'server.port'),
  },
];
const OLD = 'api:\n  # as agreed\n  port: 8000 # here\nlog:\n  level: warn\n';

interface Fate {
  /** What becomes of each release. */
  readonly to: 'healthy' | 'ill' | 'cannot be installed';
  readonly from: 'healthy' | 'ill';
}

/** A machine whose disk outlives us; the action with number `killAt` is cut off before or after it took effect. */
class World {
  record = BEGUN;
  settings = OLD;
  current = BEGUN.from;
  readonly fate: Fate;

  constructor(fate: Fate) {
    this.fate = fate;
  }

  /** True when it came to an end. */
  async live(killAt: number, effect: 'before' | 'after'): Promise<boolean> {
    const death = new AbortController();
    let action = 0;
    const act = async <T>(body: () => T): Promise<T> => {
      const dies = action++ === killAt;
      if (dies) death.abort(new Error('killed'));
      if (dies && effect === 'before') throw death.signal.reason;
      const value = body();
      if (dies) throw death.signal.reason;
      return value;
    };
    const hands: Hands = {
      save: async (record) => act(() => void (this.record = record)),
      configure: async (migration, direction) =>
        act(() => {
          const document = parseDocument(this.settings);
          migration[direction](document);
          this.settings = document.toString();
        }),
      activate: async (release) =>
        act(() => {
          const broken = release === BEGUN.to && this.fate.to === 'cannot be installed';
          // It may have got as far as the link.
          this.current = release;
          if (broken) throw new Error('a step failed');
        }),
      ailment: async () =>
        act(() =>
          (this.current === BEGUN.to ? this.fate.to : this.fate.from) === 'ill' ? 'it does not answer' : undefined,
        ),
    };
    try {
      await driveUpgrade(this.record, MIGRATIONS, hands, death.signal);
      return true;
    } catch (error) {
      if (death.signal.aborted) return false;
      throw error;
    }
  }
}

const lives = fc.array(fc.tuple(fc.nat(14), fc.constantFrom('before' as const, 'after' as const)), { maxLength: 6 });

describe('an upgrade that is killed at any of its steps, again and again', () => {
  test('ends with the new release and its configuration when that is healthy', async () => {
    await fc.assert(
      fc.asyncProperty(lives, async (kills) => {
        const world = new World({ to: 'healthy', from: 'healthy' });
        for (const [at, effect] of kills) await world.live(at, effect);
        expect(await world.live(Infinity, 'after')).toBe(true);
        expect(world).toMatchObject({ current: BEGUN.to, record: { phase: 'done', migrations: [1, 2] } });
        expect(parseDocument(world.settings).toJS()).toEqual({ log: { level: 'warn' }, server: { http: 8000 } });
      }),
      { numRuns: 300 },
    );
  });

  test.each(['ill', 'cannot be installed'] as const)('ends with the old one when the new one is %s', async (to) => {
    await fc.assert(
      fc.asyncProperty(lives, async (kills) => {
        const world = new World({ to, from: 'healthy' });
        for (const [at, effect] of kills) await world.live(at, effect);
        expect(await world.live(Infinity, 'after')).toBe(true);
        expect(world).toMatchObject({ current: BEGUN.from, record: { phase: 'returned', migrations: [] } });
        expect(parseDocument(world.settings).toJS()).toEqual({ api: { port: 8000 }, log: { level: 'warn' } });
        expect(world.settings).toContain('port: 8000 # here');
      }),
      { numRuns: 300 },
    );
  });

  test('says so when nothing is healthy any more, and goes on from there', async () => {
    const world = new World({ to: 'ill', from: 'ill' });
    await expect(world.live(Infinity, 'after')).rejects.toMatchObject({ code: 'UPGRADE_STUCK' });
    expect(world.record.phase).toBe('unconfigured');
    const mended = Object.assign(new World({ to: 'ill', from: 'healthy' }), { record: world.record });
    expect(await mended.live(Infinity, 'after')).toBe(true);
    expect(mended.record.phase).toBe('returned');
  });
});

describe('on disk', () => {
  let place: string;
  beforeEach(() => (place = mkdtempSync(path.join(tmpdir(), 'vt-upgrade-'))));
  afterEach(() => rmSync(place, { recursive: true }));

  test('the record is read as it was written, and a foreign one is refused', async () => {
    const file = path.join(place, 'upgrade.json');
    expect(await readRecord(file)).toBeUndefined();
    await writeRecord(BEGUN, file);
    expect(await readRecord(file)).toEqual(BEGUN);
    writeFileSync(file, JSON.stringify({ ...BEGUN, phase: 'flying' }));
    await expect(readRecord(file)).rejects.toThrow('phase');
  });

  /** A package with its own packages, as it is handed from machine to machine. */
  async function tarball(): Promise<string> {
    for (const directory of ['bin', 'dist/cli', 'node_modules'])
      mkdirSync(path.join(place, 'package', directory), { recursive: true });
    for (const file of ['bin/run.js', 'dist/cli/main.js']) writeFileSync(path.join(place, 'package', file), '');
    writeFileSync(path.join(place, 'package', 'package.json'), '{"name":"vectabase","version":"9.9.9"}');
    const file = path.join(place, 'vectabase-9.9.9.tgz');
    expect((await run(['tar', '-czf', file, '-C', place, 'package'])).exitCode).toBe(0);
    return file;
  }

  test('a tarball is unpacked, and gone afterwards', async () => {
    const file = await tarball();
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    const staged = await stagePackage(file, sha256.toUpperCase());
    expect(readFileSync(path.join(staged.root, 'package.json'), 'utf8')).toContain('9.9.9');
    await staged.remove();
    expect(() => readFileSync(path.join(staged.root, 'package.json'))).toThrow('ENOENT');
    await expect(stagePackage(file, '00'.repeat(32))).rejects.toMatchObject({ code: 'UPGRADE_FETCH_FAILED' });
  });

  test.each(['/nowhere/at/all', '../up', 'a b', '--prefix=/'])('%s is no source', async (source) => {
    await expect(stagePackage(source, undefined)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('a directory must hold a package that is built', async () => {
    await expect(stagePackage(place, undefined)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(stagePackage(assetPath(), 'ab')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

test('of the releases two stay, and of the Nodes those that they run on', async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-releases-'));
  const at = (...parts: string[]): string => path.join(home, ...parts);
  for (const name of ['1.0.0-a', '1.1.0-b', '1.2.0-c', '1.3.0-d.new'])
    mkdirSync(at('releases', name, 'bin'), { recursive: true });
  for (const name of ['node-v20.19.0', 'node-v22.0.0', 'other']) writeFileSync(at(name), '');
  symlinkSync(at('node-v22.0.0'), at('releases', '1.2.0-c', 'node'));
  symlinkSync('/usr/bin/node', at('releases', '1.1.0-b', 'node'));
  const keep = [at('releases', '1.1.0-b'), at('releases', '1.2.0-c')];
  expect(await pruneReleases(keep, at('releases'))).toEqual(['1.0.0-a', '1.3.0-d.new']);
  expect(readdirSync(at('releases')).toSorted()).toEqual(['1.1.0-b', '1.2.0-c']);
  expect(readdirSync(home).toSorted()).toEqual(['node-v22.0.0', 'other', 'releases']);
  rmSync(home, { recursive: true });
});
