import { asVectabaseError } from '../../foundation/core/errors.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { UP_STEPS, type UpObservation, type UpStep } from './observations.ts';

/** What a step found or made. Running it again finds: `changed` is false then. */
export interface Ensured<T> {
  readonly value: T;
  readonly changed: boolean;
}

export type StepRunner = <T>(id: UpStep, body: () => Promise<Ensured<T>>) => Promise<T>;

/** Runs one step after the other, tells when each begins and ends, and stops between two when asked to. */
export function stepRunner(ctx: JobContext<UpObservation>): StepRunner {
  return async (id, body) => {
    ctx.signal.throwIfAborted();
    const began = ctx.clock.now();
    ctx.observe({ event: 'up.step.started', id, step: UP_STEPS.indexOf(id) + 1, of: UP_STEPS.length });
    try {
      const { value, changed } = await body();
      ctx.observe({ event: 'up.step.finished', id, changed, ms: ctx.clock.now() - began });
      return value;
    } catch (error) {
      // Ctrl-C reaches initdb as well, whose complaint would be misleading.
      const { code } = asVectabaseError(ctx.signal.aborted ? ctx.signal.reason : error);
      ctx.observe({ event: 'up.step.failed', id, code, ms: ctx.clock.now() - began });
      throw error;
    }
  };
}
