import type { Change, Machine, Step } from './step.ts';

/** What a run would do; empty when all is in place. The same value is printed, given out as JSON, and applied. */
export interface InstallPlan {
  readonly steps: readonly PlannedStep[];
  /** Of all steps. */
  readonly changes: number;
}

export interface PlannedStep {
  readonly id: string;
  readonly title: string;
  readonly changes: readonly Change[];
  /** A run was stopped inside this step: it is applied again, whatever is found. */
  readonly unfinished: boolean;
}

/** Looks at every step, in order. Nothing is touched. */
export async function planInstall(
  steps: readonly Step[],
  machine: Machine,
  isOpen: (step: string) => boolean,
): Promise<InstallPlan> {
  const planned: PlannedStep[] = [];
  for (const step of steps) {
    machine.context.signal.throwIfAborted();
    const { id, title } = step;
    const changes = await step.detect(machine);
    if (changes.length > 0 || isOpen(id)) planned.push({ id, title, changes, unfinished: isOpen(id) });
  }
  return { steps: planned, changes: planned.reduce((sum, { changes }) => sum + changes.length, 0) };
}
