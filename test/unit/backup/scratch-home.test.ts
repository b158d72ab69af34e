import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processTag } from '../../../src/foundation/process/identity.ts';
import { claimScratch, scratchHome, sweepScratch } from '../../../src/operator/backup/restore/scratch-home.ts';
import { beginSwap, finishSwap } from '../../../src/operator/backup/restore/swap.ts';
import type { Site } from '../../../src/operator/backup/restore/site.ts';

const signal = new AbortController().signal;

describe('what a killed restore leaves', () => {
  let parent: string;
  const dead = `${spawnSync('true').pid}-1`;
  const at = (name: string): string => path.join(parent, name);

  beforeEach(() => {
    parent = realpathSync(mkdtempSync(path.join(tmpdir(), 'vt-sweep-')));
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  function leave(name: string): string {
    mkdirSync(path.join(at(name), 'data'), { recursive: true });
    writeFileSync(path.join(at(name), 'data', 'rows'), 'in clear');
    return at(name);
  }

  test('goes when the next one begins, and what lives stays', async () => {
    leave(`scratch-${dead}-aaaaaa`);
    leave(`scratch-${process.pid}-1-bbbbbb`); // of one that had our number before us
    const [own, other] = [leave(`scratch-${processTag()}-cccccc`), leave('scratch-of-somebody')];
    const made = await scratchHome(parent, undefined);
    expect(readdirSync(parent).map(at).toSorted()).toEqual([own, other, made].toSorted());
  });

  test('stays where it is a link, or another user’s', async () => {
    const target = leave('elsewhere');
    symlinkSync(target, at(`scratch-${dead}-aaaaaa`));
    if (process.getuid?.() === 0) chownSync(leave(`scratch-${dead}-bbbbbb`), 61_234, 61_234);
    const before = readdirSync(parent);
    expect(await sweepScratch(parent)).toEqual([]);
    expect(readdirSync(parent)).toEqual(before);
    expect(existsSync(path.join(target, 'data', 'rows'))).toBe(true);
  });

  test('stays as long as the journal of a replacement names it', async () => {
    const workshop = leave(`scratch-${dead}-aaaaaa`);
    const journal = at('restore.json');
    const site: Site = {
      kind: 'up',
      name: 'shop',
      data: at('data'),
      runAs: undefined,
      spool: at('spool'),
      scratch: parent,
      journal,
      isRunning: async () => false,
      stop: async () => ({ release: async () => undefined }),
      start: async () => false,
    };
    await claimScratch(workshop, journal);
    writeFileSync(journal, 'cut off in the mid');
    expect(await sweepScratch(parent)).toEqual([]);
    rmSync(journal);
    const begun = await beginSwap(site, { incoming: path.join(workshop, 'data'), workshop, target: 'x', now: 0 });
    expect(await sweepScratch(parent)).toEqual([]);
    mkdirSync(site.data);
    await finishSwap(site, begun, { signal });
    leave(path.basename(workshop));
    await claimScratch(workshop, journal);
    expect(await sweepScratch(parent)).toEqual([workshop]);
  });

  test('goes when the kill came before the journal was begun', async () => {
    const workshop = leave(`scratch-${dead}-aaaaaa`);
    await claimScratch(workshop, at('restore.json'));
    expect(await sweepScratch(parent)).toEqual([workshop]);
  });

  test('is nothing where there is no directory', async () => {
    expect(await sweepScratch(at('absent'))).toEqual([]);
  });
});
