import { inParallel } from './package/in-parallel.ts';
import type { Change, Machine, Step } from './step.ts';

/** What a run would do; empty when all is in place. The same value is printed, given out as JSON, and applied. */
export interface InstallPlan {
  readonly steps: readonly PlannedStep[];
  /** Of all steps. */
  readonly changes: number;
  /** What the owner should know before, each a sentence. */
  readonly notes: readonly string[];
}

export interface PlannedStep {
  readonly id: string;
  readonly title: string;
  readonly changes: readonly Change[];
  /** A run was stopped inside this step: it is applied again, whatever is found. */
  readonly unfinished: boolean;
}

/** Most of a look is waiting for a program to start. */
export const LOOKS_AT_ONCE = 8;

/** Looks at every step. Nothing is touched. What one step does is not planned again for a later one. */
export async function planInstall(
  steps: readonly Step[],
  machine: Machine,
  isOpen: (step: string) => boolean,
): Promise<Omit<InstallPlan, 'notes'>> {
  const planned: PlannedStep[] = [];
  const seen = new Set<string>();
  const looks = await inParallel(
    steps,
    async (step) => {
      machine.context.signal.throwIfAborted();
      return { ...step, found: await step.detect(machine) };
    },
    LOOKS_AT_ONCE,
  );
  for (const { id, title, found } of looks) {
    const changes = found.filter((change) => !seen.has(keyOf(change)));
    for (const change of changes) seen.add(keyOf(change));
    if (changes.length > 0 || isOpen(id)) planned.push({ id, title, changes, unfinished: isOpen(id) });
  }
  return { steps: planned, changes: planned.reduce((sum, { changes }) => sum + changes.length, 0) };
}

/** A thing is made once; it may be changed for several reasons. */
function keyOf({ action, target, note }: Change): string {
  return action === 'create' ? target : [action, target, note].join('\0');
}
