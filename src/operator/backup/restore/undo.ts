import { stat } from 'node:fs/promises';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Site } from './site.ts';
import { beginSwap, finishSwap, giveUpSwap, isHopeless, readSwap, unfinished, type SwapReport } from './swap.ts';

/** The replacement goes on to its end even when the terminal goes away: half-way nothing runs. */
const TO_THE_END = { signal: new AbortController().signal };

/** @throws VectabaseError PRECONDITION_FAILED when there is nothing to go on with */
export async function resumeSwap(site: Site): Promise<SwapReport> {
  const journal = await readSwap(site);
  if (journal !== undefined && journal.phase !== 'done') return finishSwap(site, journal, TO_THE_END);
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: 'no restore stopped half-way here',
    hint: 'Look at what there is with vectabase backup list.',
  });
}

/**
 * Brings back what the last restore replaced, and keeps what is there now instead: an undo can be undone.
 *
 * @throws VectabaseError PRECONDITION_FAILED when it was removed or never was
 */
export async function undoSwap(site: Site, confirm: (what: string) => Promise<void>, now: number): Promise<SwapReport> {
  const last = await readSwap(site);
  if (last !== undefined && last.phase !== 'done') {
    if (!(await isHopeless(last))) throw unfinished(last);
    await confirm(`The restore begun ${last.begunAt} is given up, and ${site.name} is as it was before`);
    return giveUpSwap(site, last);
  }
  const kept = last && (await stat(last.kept).catch(() => undefined)) ? last.kept : undefined;
  if (last === undefined || kept === undefined) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: last === undefined ? 'nothing was restored here' : `what the restore replaced is gone: ${last.kept}`,
      hint: 'Restore to the second before it instead: vectabase backup restore --pitr TIME.',
    });
  }
  await confirm(`Everything written since the restore of ${last.begunAt} leaves ${site.name}`);
  const journal = await beginSwap(site, { incoming: kept, workshop: null, target: 'what was there before', now });
  return finishSwap(site, journal, TO_THE_END);
}
