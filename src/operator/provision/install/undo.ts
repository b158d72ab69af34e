import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Journal } from './journal.ts';
import { undoRecords } from './kinds/undo-records.ts';
import type { Machine, Step } from './step.ts';

/**
 * Takes back what the journal has on record, last step first. A step that this release does not know any more is undone
 * by its records alone. Killed at any instant, the same call goes on.
 */
export async function undoSteps(
  steps: readonly Step[],
  machine: Machine,
  journal: Journal,
  { purge }: { readonly purge: boolean },
): Promise<string[]> {
  const { observe, signal, clock } = machine.context;
  const known = new Map(steps.map((step) => [step.id, step]));
  const recorded = journal.steps().toReversed();
  for (const [index, id] of recorded.entries()) {
    if (signal.aborted) throw stopped(index, recorded.length);
    const at = clock.now();
    const title = known.get(id)?.title ?? id;
    observe({ event: 'install.step.started', id, title, step: index + 1, of: recorded.length });
    const records = journal.ofStep(id).toReversed();
    try {
      const step = known.get(id);
      if (step === undefined) await undoRecords(machine, records, { purge });
      else await step.undo(machine, records, { purge });
    } catch (error) {
      observe({ event: 'install.step.failed', id, title, code: 'failed', ms: clock.now() - at });
      throw error;
    }
    await journal.append({ type: 'undone', step: id });
    observe({
      event: 'install.step.finished',
      id,
      title,
      changed: true,
      changes: records.length,
      ms: clock.now() - at,
    });
  }
  return recorded;
}

function stopped(done: number, of: number): VectabaseError {
  return new VectabaseError('INSTALL_STOPPED', {
    message: `stopped after ${done} of ${of} steps were taken back`,
    hint: 'Run: vectabase uninstall',
    details: { done, of },
  });
}
