import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import type { Journal } from './journal.ts';
import { inParallel } from './package/in-parallel.ts';
import { LOOKS_AT_ONCE } from './plan.ts';
import type { Change, Machine, Step } from './step.ts';

export interface InstallResult {
  /** Steps that had something to do. */
  readonly changed: ReadonlyArray<{ readonly id: string; readonly changes: readonly Change[] }>;
  /** All steps that were looked at. */
  readonly steps: number;
  readonly ms: number;
}

/**
 * Brings every step into place, in order: look, journal, apply, verify. What is in place is left alone. Killed at any
 * instant, the same call converges.
 *
 * @throws what a step throws, with the step in `details`; INSTALL_STOPPED when the signal aborts between two steps;
 *   INSTALL_UNPROVEN when a step still finds differences after it was applied
 */
export async function applySteps(steps: readonly Step[], machine: Machine, journal: Journal): Promise<InstallResult> {
  const { observe, signal, clock } = machine.context;
  const startedAt = clock.now();
  const changed: Array<InstallResult['changed'][number]> = [];
  if (await allInPlace(steps, machine, journal)) return { changed, steps: steps.length, ms: clock.now() - startedAt };
  for (const [index, step] of steps.entries()) {
    if (signal.aborted) throw stopped(index, steps.length);
    const { id, title } = step;
    const at = clock.now();
    try {
      const changes = await step.detect(machine);
      if (changes.length === 0 && !journal.isOpen(id)) continue;
      observe({ event: 'install.step.started', id, title, step: index + 1, of: steps.length });
      await journal.append({ type: 'begin', step: id });
      await step.apply(machine, async (record) => journal.append({ type: 'record', step: id, record }));
      await prove(step, machine);
      await journal.append({ type: 'end', step: id });
      observe({
        event: 'install.step.finished',
        id,
        title,
        changed: true,
        changes: changes.length,
        ms: clock.now() - at,
      });
      changed.push({ id, changes: changes.map(withoutDiff) });
    } catch (thrown) {
      const error = asVectabaseError(thrown);
      observe({ event: 'install.step.failed', id, title, code: error.code, ms: clock.now() - at });
      throw withStep(error, step);
    }
  }
  return { changed, steps: steps.length, ms: clock.now() - startedAt };
}

/**
 * A run on a machine that is set up mostly finds nothing to do: then all steps are looked at together. As soon as one of
 * them differs, or cannot tell, they are looked at in order, each behind what stands before it.
 */
async function allInPlace(steps: readonly Step[], machine: Machine, journal: Journal): Promise<boolean> {
  const wasHere = steps.some(({ id }) => journal.ofStep(id).length > 0);
  if (!wasHere || steps.some(({ id }) => journal.isOpen(id))) return false;
  const found = await inParallel(steps, async (step) => step.detect(machine), LOOKS_AT_ONCE).catch(() => []);
  return found.length === steps.length && found.every((changes) => changes.length === 0);
}

/** The file says it, and the result of a long run should stay readable. */
function withoutDiff({ diff: _diff, ...change }: Change): Change {
  return change;
}

async function prove(step: Step, machine: Machine): Promise<void> {
  const left = await step.detect(machine);
  const [first] = left;
  if (first !== undefined) {
    throw new VectabaseError('INSTALL_UNPROVEN', {
      message: `${first.target} is not as it should be after it was set${first.note ? `: ${first.note}` : ''}`,
      hint: 'Look for another program that sets it too (cloud-init, Ansible, a panel), then run the command again.',
      details: { targets: left.map(({ target }) => target) },
    });
  }
  await step.verify?.(machine);
}

function withStep(error: VectabaseError, { id, title }: Step): VectabaseError {
  return new VectabaseError(error.code, {
    message: `${title}: ${error.message}`,
    details: { step: id, ...error.details },
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function stopped(done: number, of: number): VectabaseError {
  return new VectabaseError('INSTALL_STOPPED', {
    message: `stopped after ${done} of ${of} steps; what is done is kept`,
    hint: 'Run: vectabase install',
    details: { done, of },
  });
}
