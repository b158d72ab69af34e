import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncDirectory, writeDurably } from '../../../foundation/core/durable-file.ts';
import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import { removeTree } from '../../../foundation/process/remove-tree.ts';
import type { Site } from './site.ts';

/**
 * The replacement of a data directory by another one, as it stands on disk beside them:
 *
 *   begun → stopped → set-aside → in-place → done
 *
 * Nothing is removed on the way, each step can be done again, and killed anywhere the next run goes on from what lies
 * there. An undo is the same with the directories changed.
 */
const PHASES = ['begun', 'stopped', 'set-aside', 'in-place', 'done'] as const;
const JOURNAL = z.strictObject({
  version: z.literal(1),
  phase: z.enum(PHASES),
  /** What it is for people: `2026-11-22 14:03:00+00`, `undo`. */
  target: z.string(),
  data: z.string(),
  /** The directory that takes its place, and where the one that was there is kept. */
  incoming: z.string(),
  kept: z.string(),
  /** Taken away at the end: where `incoming` was built. */
  workshop: z.string().nullable(),
  /** ISO 8601. */
  begunAt: z.string(),
});

export type SwapJournal = z.output<typeof JOURNAL>;
export type SwapPhase = SwapJournal['phase'];

export interface SwapReport {
  readonly data: string;
  /** The replaced data directory, until its owner removes it. */
  readonly kept: string;
  readonly target: string;
  /** Whether the installation runs again; false where its owner starts it. */
  readonly started: boolean;
}

/** A replacement that was begun and not finished. */
export async function unfinishedSwap(site: Pick<Site, 'journal'>): Promise<SwapJournal | undefined> {
  const journal = await readSwap(site);
  return journal?.phase === 'done' ? undefined : journal;
}

/** Whether a journal names the place where a copy was built, and still needs it. */
export async function isUnfinished(journal: string, workshop: string): Promise<boolean> {
  return (await unfinishedSwap({ journal }))?.workshop === workshop;
}

/** The last one, finished or not. @throws VectabaseError PRECONDITION_FAILED for a journal that cannot be read */
export async function readSwap({ journal: file }: Pick<Site, 'journal'>): Promise<SwapJournal | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const journal = JOURNAL.safeParse(parse(text));
  if (journal.success) return journal.data;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${file} is damaged, and tells where the parts of a restore lie`,
    hint: 'Look for the data directories beside it, move the right one into place, and remove the file.',
    details: { file },
  });
}

/**
 * A data directory takes another one's place by a rename, which no two file systems have between them.
 *
 * @param built need not be there yet
 * @throws VectabaseError PRECONDITION_FAILED
 */
export async function assertSameDisk(built: string, beside: string): Promise<void> {
  if ((await deviceOf(path.resolve(built))) === (await deviceOf(beside))) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${built} is on another file system than ${beside}, where the copy shall stay`,
    hint: `Name a directory on the same one: --scratch DIR, or leave it out.`,
    details: { built, beside },
  });
}

async function deviceOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined);
  return found ? found.dev : deviceOf(path.dirname(file));
}

/** Writes down what will happen; `finishSwap` does it. */
export async function beginSwap(
  site: Site,
  { incoming, workshop, target, now }: { incoming: string; workshop: string | null; target: string; now: number },
): Promise<SwapJournal> {
  const before = await unfinishedSwap(site);
  if (before) throw unfinished(before);
  const kept = `${site.data}.before-${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
  const begunAt = new Date(now).toISOString();
  const journal: SwapJournal = {
    version: 1,
    phase: 'begun',
    target,
    data: site.data,
    incoming,
    kept,
    workshop,
    begunAt,
  };
  await save(site, journal);
  return journal;
}

/**
 * Does what is left of a replacement.
 *
 * @param reached told after each step, when it is on disk
 * @throws VectabaseError RESTORE_STOPPED with the command that goes on
 */
export async function finishSwap(
  site: Site,
  begun: SwapJournal,
  options: { readonly signal: AbortSignal; readonly reached?: (phase: SwapPhase) => void },
): Promise<SwapReport> {
  let journal = begun;
  const reach = async (phase: SwapPhase): Promise<void> => {
    journal = { ...journal, phase };
    await save(site, journal);
    options.reached?.(phase);
  };
  try {
    const { data, kept, incoming, workshop } = journal;
    if (!isPast(journal, 'in-place')) {
      const held = await site.stop(options.signal);
      try {
        if (!isPast(journal, 'stopped')) await reach('stopped');
        if (!isPast(journal, 'set-aside')) {
          if (await exists(data)) await assertReady(incoming, data);
          await move(data, kept);
          await reach('set-aside');
        }
        await move(incoming, data);
        await reach('in-place');
      } finally {
        await held.release();
      }
    }
    const started = await site.start();
    if (workshop !== null) await removeTree(workshop);
    await reach('done');
    return { data, kept, target: journal.target, started };
  } catch (error) {
    throw stopped(journal, error);
  }
}

/** Before anything is set aside for it. */
async function assertReady(incoming: string, data: string): Promise<void> {
  if (await exists(incoming)) return assertSameDisk(incoming, path.dirname(data));
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `the restored copy is gone: ${incoming}`,
    hint: 'Give the restore up, nothing was replaced: vectabase backup restore --undo',
  });
}

/** Back to what was there, when the copy that should take its place is gone. */
export async function giveUpSwap(site: Site, journal: SwapJournal): Promise<SwapReport> {
  const { data, kept } = journal;
  const held = await site.stop(new AbortController().signal);
  try {
    await move(kept, data);
    await save(site, { ...journal, phase: 'done' });
  } finally {
    await held.release();
  }
  return { data, kept, target: 'what was there before', started: await site.start() };
}

/** It cannot go on: what would take the place is gone, and nothing has taken it. */
export async function isHopeless({ phase, incoming, data, kept }: SwapJournal): Promise<boolean> {
  if (phase === 'in-place' || phase === 'done' || (await exists(incoming))) return false;
  return (await exists(data)) !== (await exists(kept));
}

function isPast({ phase }: SwapJournal, which: SwapPhase): boolean {
  return PHASES.indexOf(phase) >= PHASES.indexOf(which);
}

/** Renames, unless that was done before somebody could write it down. */
async function move(from: string, to: string): Promise<void> {
  const [source, target] = await Promise.all([exists(from), exists(to)]);
  if (!source && target) return;
  if (!source || target)
    throw new Error(`${from} ${source ? 'and' : 'or'} ${to} ${source ? 'are both' : 'should be'} there`);
  await rename(from, to);
  await syncDirectory(path.dirname(to));
  await syncDirectory(path.dirname(from));
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

async function save({ journal: file }: Site, journal: SwapJournal): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeDurably(file, `${JSON.stringify(journal, null, 2)}\n`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function unfinished({ target, begunAt }: SwapJournal): VectabaseError {
  return new VectabaseError('RESTORE_STOPPED', {
    message: `the restore to ${target}, begun ${begunAt}, stopped while the data directory was replaced`,
    hint: 'Run: vectabase backup restore --resume',
  });
}

function stopped({ target, phase }: SwapJournal, thrown: unknown): VectabaseError {
  const cause = asVectabaseError(thrown);
  return new VectabaseError('RESTORE_STOPPED', {
    message: `the restore to ${target} stopped while the data directory was replaced (${phase}): ${cause.message}`,
    hint: `${cause.hint === undefined ? '' : `${cause.hint}\n`}Nothing is lost. Run: vectabase backup restore --resume`,
    details: { phase, code: cause.code },
    cause: thrown,
  });
}
