import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { execute, laneOf, type Lane } from '../../../src/operator/migrate/execute.ts';
import type { Step } from '../../../src/operator/migrate/plan/model.ts';

function step(id: string, kind: 'ddl' | 'copy', needs: readonly string[] = [], weight = 0): Step {
  return kind === 'ddl' ? { kind, id, needs, weight, statements: [] } : { kind, id, needs, weight, table: id, part: 0 };
}

/** Steps that need only earlier ones, in any order, some of them done before. */
const graphs = fc
  .array(
    fc.record({
      copies: fc.boolean(),
      needs: fc.array(fc.nat(), { maxLength: 4 }),
      weight: fc.nat(5),
      done: fc.boolean(),
      fails: fc.boolean(),
    }),
    { maxLength: 25 },
  )
  .chain((raw) => {
    const steps = raw.map(({ copies, needs, weight }, index) =>
      step(
        `s${index}`,
        copies ? 'copy' : 'ddl',
        [...new Set(index === 0 ? [] : needs.map((need) => `s${need % index}`))],
        weight,
      ),
    );
    // A step can be done only when all that it needs is.
    const done = new Set<string>();
    for (const [index, each] of steps.entries())
      if (raw[index]?.done && each.needs.every((need) => done.has(need))) done.add(each.id);
    const failing = new Set(steps.filter((each, index) => raw[index]?.fails && !done.has(each.id)).map(({ id }) => id));
    return fc.record({
      steps: fc.shuffledSubarray(steps, { minLength: steps.length }),
      done: fc.constant(done),
      failing: fc.constant(failing),
      workers: fc.record({ copy: fc.integer({ min: 1, max: 4 }), build: fc.integer({ min: 1, max: 4 }) }),
    });
  });

describe('execute', () => {
  test('does each open step once, after all that it needs, no more at a time than a lane has workers', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.scheduler(), async ({ steps, done, workers }, scheduler) => {
        const finished = new Set(done);
        const performed: string[] = [];
        const busy: Record<Lane, Set<number>> = { copy: new Set(), build: new Set() };
        const run = execute({
          steps,
          done,
          workers,
          signal: new AbortController().signal,
          perform: async (each, { lane, index }) => {
            performed.push(each.id);
            expect(lane).toBe(laneOf(each));
            expect(each.needs.filter((need) => !finished.has(need))).toEqual([]);
            expect(busy[lane].has(index)).toBe(false);
            busy[lane].add(index);
            expect(busy[lane].size).toBeLessThanOrEqual(workers[lane]);
            await scheduler.schedule(Promise.resolve(), each.id);
            busy[lane].delete(index);
            finished.add(each.id);
          },
        });
        await scheduler.waitFor(run);
        expect(performed.toSorted()).toEqual(
          steps
            .filter(({ id }) => !done.has(id))
            .map(({ id }) => id)
            .toSorted(),
        );
      }),
    );
  });

  test('after the first failure nothing begins, what is under way is told and awaited, and that failure is thrown', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.scheduler(), async ({ steps, done, failing, workers }, scheduler) => {
        fc.pre(failing.size > 0);
        let first: Error | undefined;
        let underWay = 0;
        const run = execute({
          steps,
          done,
          workers,
          signal: new AbortController().signal,
          perform: async (each, _worker, signal) => {
            expect(first).toBeUndefined();
            expect(signal.aborted).toBe(false);
            underWay += 1;
            await scheduler.schedule(Promise.resolve(), each.id);
            underWay -= 1;
            expect(signal.aborted).toBe(first !== undefined);
            if (!failing.has(each.id)) return;
            const error = new Error(each.id);
            first ??= error;
            throw error;
          },
        });
        const outcome = await scheduler.waitFor(
          run.then(
            () => 'fine',
            (error: unknown) => error,
          ),
        );
        expect(first).toBeDefined();
        expect(outcome).toBe(first);
        expect(underWay).toBe(0);
      }),
    );
  });

  test('uses all workers of a lane at once, and both lanes side by side', async () => {
    const steps = [step('a', 'copy'), step('b', 'copy'), step('c', 'copy'), step('x', 'ddl')];
    const begun: string[] = [];
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const run = execute({
      steps,
      done: new Set(),
      workers: { copy: 2, build: 1 },
      signal: new AbortController().signal,
      perform: async ({ id }) => {
        begun.push(id);
        await gate;
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun.toSorted()).toEqual(['a', 'b', 'x']);
    open();
    await run;
    expect(begun).toHaveLength(4);
  });

  test('takes the heaviest step that is ready', async () => {
    const order: string[] = [];
    await execute({
      steps: [
        step('small', 'copy', [], 1),
        step('large', 'copy', [], 9),
        step('first', 'copy', [], 5),
        step('huge', 'copy', ['large'], 99),
      ],
      done: new Set(),
      workers: { copy: 1, build: 1 },
      signal: new AbortController().signal,
      perform: async ({ id }) => void order.push(id),
    });
    expect(order).toEqual(['large', 'huge', 'first', 'small']);
  });

  test('a signal that is aborted from outside ends it with its reason, and nothing more begins', async () => {
    const abort = new AbortController();
    const reason = new Error('stopped by the operator');
    const begun: string[] = [];
    const run = execute({
      steps: [step('a', 'copy', [], 2), step('b', 'copy', [], 1)],
      done: new Set(),
      workers: { copy: 1, build: 1 },
      signal: abort.signal,
      perform: async ({ id }) => {
        begun.push(id);
        abort.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(begun).toEqual(['a']);
  });

  test('a step waits for what was taken back, also behind a step that is done', async () => {
    const steps = [
      step('copy', 'copy'),
      step('partitioned', 'ddl', ['copy']),
      step('late', 'ddl', ['partitioned']),
      step('keys', 'ddl', ['late']),
    ];
    const performed: string[] = [];
    await execute({
      steps,
      done: new Set(['partitioned', 'late']),
      workers: { copy: 1, build: 1 },
      perform: async ({ id }) => {
        performed.push(`${id} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        performed.push(`${id} ends`);
      },
      signal: new AbortController().signal,
    });
    expect(performed).toEqual(['copy begins', 'copy ends', 'keys begins', 'keys ends']);
  });

  test('nothing to do is done', async () => {
    const perform = vi.fn<() => Promise<undefined>>(async () => undefined);
    const rest = { workers: { copy: 2, build: 2 }, signal: new AbortController().signal, perform };
    await execute({ steps: [], done: new Set(), ...rest });
    await execute({ steps: [step('a', 'copy')], done: new Set(['a']), ...rest });
    expect(perform).not.toHaveBeenCalled();
  });
});
