import { setMaxListeners } from 'node:events';
import type { Step } from './plan/model.ts';

export type Lane = 'copy' | 'build';

/**
 * Runs steps as their needs allow, heaviest first, in two lanes with a number of workers each.
 *
 * It knows nothing of databases: `perform` does a step and returns when its ledger line is committed. After the first
 * failure no step is begun, those under way are told by `signal`, and the failure is thrown when all have come to rest.
 */
export async function execute(options: {
  steps: readonly Step[];
  done: ReadonlySet<string>;
  workers: Readonly<Record<Lane, number>>;
  perform: (step: Step, worker: { lane: Lane; index: number }, signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
}): Promise<void> {
  const queue = new StepQueue(options.steps, options.done);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  setMaxListeners(0, signal); // one or two for each worker; Node warns on stderr of more than ten
  let failure: unknown;

  const work = async (lane: Lane, index: number): Promise<void> => {
    for (let step = await queue.next(lane); step; step = await queue.next(lane)) {
      try {
        signal.throwIfAborted();
        await options.perform(step, { lane, index }, signal);
        queue.finish(step);
      } catch (error) {
        failure ??= error;
        stop.abort(error);
        queue.close();
        return;
      }
    }
  };
  const lanes: Lane[] = ['copy', 'build'];
  await Promise.all(
    lanes.flatMap((lane) => Array.from({ length: options.workers[lane] }, async (_, index) => work(lane, index))),
  );
  if (failure !== undefined) throw failure;
}

/** DDL builds; what reads the source copies. */
export function laneOf(step: Step): Lane {
  return step.kind === 'ddl' ? 'build' : 'copy';
}

/** Steps whose needs are met, per lane; `next` waits until there is one, or answers undefined when none will come. */
class StepQueue {
  readonly #ready: Record<Lane, Step[]> = { copy: [], build: [] };
  readonly #waiting = new Map<string, { step: Step; missing: Set<string> }>();
  readonly #dependents = new Map<string, string[]>();
  #unfinished = 0;
  #closed = false;
  #wake: Array<() => void> = [];

  constructor(steps: readonly Step[], done: ReadonlySet<string>) {
    const known = new Set(steps.map(({ id }) => id));
    const openNeeds = openNeedsOf(steps, done);
    for (const step of steps) {
      if (done.has(step.id)) continue;
      this.#unfinished += 1;
      const missing = new Set(openNeeds(step));
      for (const need of missing)
        if (!known.has(need)) throw new Error(`step ${step.id} needs ${need}, which is no step`);
      for (const need of missing) this.#dependents.set(need, [...(this.#dependents.get(need) ?? []), step.id]);
      if (missing.size === 0) this.#ready[laneOf(step)].push(step);
      else this.#waiting.set(step.id, { step, missing });
    }
    this.#sort();
  }

  async next(lane: Lane): Promise<Step | undefined> {
    while (!this.#closed && this.#unfinished > 0) {
      const step = this.#ready[lane].shift();
      if (step) return step;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return undefined;
  }

  finish(step: Step): void {
    this.#unfinished -= 1;
    for (const id of this.#dependents.get(step.id) ?? []) {
      const dependent = this.#waiting.get(id);
      if (!dependent) continue;
      dependent.missing.delete(step.id);
      if (dependent.missing.size > 0) continue;
      this.#waiting.delete(id);
      this.#ready[laneOf(dependent.step)].push(dependent.step);
    }
    this.#sort();
    this.#wakeAll();
  }

  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  #sort(): void {
    for (const lane of Object.values(this.#ready)) lane.sort((a, b) => b.weight - a.weight);
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/**
 * What a step still waits for, also through steps that are done: a resumed run takes copies back that later steps, done
 * already, were waiting for. Foreign keys and views must then wait for the rows again.
 */
function openNeedsOf(steps: readonly Step[], done: ReadonlySet<string>): (step: Step) => ReadonlySet<string> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const known = new Map<string, ReadonlySet<string>>();
  const openNeeds = (step: Step): ReadonlySet<string> => {
    const found = known.get(step.id);
    if (found) return found;
    const open = new Set<string>();
    for (const need of step.needs) {
      if (!done.has(need)) open.add(need);
      else for (const further of throughDone(need)) open.add(further);
    }
    known.set(step.id, open);
    return open;
  };
  const throughDone = (id: string): ReadonlySet<string> => {
    const step = byId.get(id);
    return step ? openNeeds(step) : new Set();
  };
  return openNeeds;
}
