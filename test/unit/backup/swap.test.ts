import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Site } from '../../../src/operator/backup/restore/site.ts';
import {
  assertSameDisk,
  beginSwap,
  finishSwap,
  readSwap,
  unfinishedSwap,
  type SwapJournal,
  type SwapPhase,
} from '../../../src/operator/backup/restore/swap.ts';
import { resumeSwap, undoSwap } from '../../../src/operator/backup/restore/undo.ts';

/** Directories with a file that says which one it is, and a server of which only is known whether it runs. */
describe('the replacement of a data directory', () => {
  let home: string;
  let site: Site & { runs: boolean };
  const at = (name: string): string => path.join(home, name);
  const said = (name: string): string => readFileSync(path.join(name, 'who'), 'utf8');

  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'vt-swap-'));
    for (const name of ['data', 'workshop/data']) {
      mkdirSync(at(name), { recursive: true });
      writeFileSync(path.join(at(name), 'who'), name === 'data' ? 'old' : 'restored');
    }
    site = {
      kind: 'installed',
      name: 'shop',
      data: at('data'),
      runAs: undefined,
      spool: at('spool'),
      scratch: home,
      journal: at('restore.json'),
      runs: true,
      isRunning: async () => site.runs,
      async stop() {
        site.runs = false;
        return { release: async () => undefined };
      },
      async start() {
        if (!existsSync(site.data)) throw new Error('there is nothing to start');
        site.runs = true;
        return true;
      },
    };
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const begin = async (): Promise<SwapJournal> =>
    beginSwap(site, { incoming: at('workshop/data'), workshop: at('workshop'), target: 'a second', now: 0 });
  const signal = new AbortController().signal;

  function expectRestored(): void {
    expect(said(site.data)).toBe('restored');
    expect(said(`${site.data}.before-19700101T000000Z`)).toBe('old');
    expect(existsSync(at('workshop'))).toBe(false);
    expect(site.runs).toBe(true);
  }

  test('keeps what was there', async () => {
    const report = await finishSwap(site, await begin(), { signal });
    expectRestored();
    expect(report).toMatchObject({ kept: `${site.data}.before-19700101T000000Z`, started: true });
    expect(await unfinishedSwap(site)).toBeUndefined();
  });

  /** What lies on disk when it is killed there: the journal tells the step before, and the renames may be done. */
  const EDGES: Array<[phase: SwapPhase, renames: number, runs: boolean]> = [
    ['begun', 0, true],
    ['begun', 0, false],
    ['stopped', 0, false],
    ['stopped', 1, false],
    ['set-aside', 1, false],
    ['set-aside', 2, false],
    ['in-place', 2, false],
    ['in-place', 2, true],
  ];

  test.each(EDGES)('killed after %s with %i renames done, the next run finishes it', async (phase, renames, runs) => {
    const journal = await begin();
    if (renames > 0) renameSync(journal.data, journal.kept);
    if (renames > 1) renameSync(journal.incoming, journal.data);
    writeFileSync(site.journal, JSON.stringify({ ...journal, phase }));
    site.runs = runs;
    expect(await unfinishedSwap(site)).toMatchObject({ phase });
    await expect(begin()).rejects.toMatchObject({ code: 'RESTORE_STOPPED' });
    await resumeSwap(site);
    expectRestored();
  });

  test('that fails anywhere says the command that goes on, and that one does', async () => {
    for (const phase of ['stopped', 'set-aside', 'in-place'] as const) {
      const failing = finishSwap(site, (await unfinishedSwap(site)) ?? (await begin()), {
        signal,
        reached: (now) => {
          if (now === phase) throw new Error('the disk is gone');
        },
      });
      await expect(failing).rejects.toMatchObject({
        code: 'RESTORE_STOPPED',
        exitCode: 75,
        hint: expect.stringContaining('--resume') as string,
      });
    }
    await resumeSwap(site);
    expectRestored();
  });

  test('never moves over something', async () => {
    const journal = await begin();
    mkdirSync(journal.kept);
    await expect(finishSwap(site, journal, { signal })).rejects.toMatchObject({ code: 'RESTORE_STOPPED' });
    expect(said(site.data)).toBe('old');
  });

  test('is undone, and the undo too', async () => {
    await finishSwap(site, await begin(), { signal });
    const asked: string[] = [];
    const confirm = async (what: string): Promise<void> => void asked.push(what);
    await undoSwap(site, confirm, 1000);
    expect(said(site.data)).toBe('old');
    expect(said(`${site.data}.before-19700101T000001Z`)).toBe('restored');
    await undoSwap(site, confirm, 2000);
    expect(said(site.data)).toBe('restored');
    expect(asked).toHaveLength(2);
  });

  test('is not undone without a yes, nor when what was kept is gone', async () => {
    const never = async (): Promise<void> => {
      throw new Error('no');
    };
    await expect(undoSwap(site, never, 0)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    const { kept } = await finishSwap(site, await begin(), { signal });
    await expect(undoSwap(site, never, 1000)).rejects.toThrow('no');
    expect(said(site.data)).toBe('restored');
    rmSync(kept, { recursive: true });
    await expect(undoSwap(site, never, 1000)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
  });

  test.each([0, 1])('whose copy is gone goes no further, and is given up (%i renames done)', async (renames) => {
    const journal = await begin();
    if (renames > 0) renameSync(journal.data, journal.kept);
    writeFileSync(site.journal, JSON.stringify({ ...journal, phase: renames > 0 ? 'set-aside' : 'begun' }));
    rmSync(journal.incoming, { recursive: true });
    await expect(resumeSwap(site)).rejects.toMatchObject({ code: 'RESTORE_STOPPED' });
    expect(said(renames > 0 ? journal.kept : site.data)).toBe('old');
    await undoSwap(site, async () => undefined, 1000);
    expect(said(site.data)).toBe('old');
    expect(site.runs).toBe(true);
    expect(await unfinishedSwap(site)).toBeUndefined();
  });

  test('is refused for a copy on another file system', async () => {
    await expect(assertSameDisk('/proc/not/there', home)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    await assertSameDisk(at('not/there'), home);
    const journal = { ...(await begin()), incoming: '/proc/self' };
    await expect(finishSwap(site, journal, { signal })).rejects.toMatchObject({ code: 'RESTORE_STOPPED' });
    expect(said(site.data)).toBe('old');
  });

  test('with a damaged journal does nothing', async () => {
    writeFileSync(site.journal, '{"version":1');
    await expect(readSwap(site)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    await expect(begin()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
  });
});
