import type { DdlStep, PlannedStatement, Step } from './model.ts';

/** A transaction locks every object it makes; the lock table of a default server holds about 6,400. */
const OBJECTS_PER_TRANSACTION = 300;

/** Statements cut into transactions of a bearable size, one after the other. */
export function chain(name: string, list: readonly PlannedStatement[], needs: readonly string[]): DdlStep[] {
  const steps: DdlStep[] = [];
  for (let start = 0; start < list.length; start += OBJECTS_PER_TRANSACTION) {
    const id = list.length <= OBJECTS_PER_TRANSACTION ? name : `${name} ${steps.length + 1}`;
    steps.push({
      kind: 'ddl',
      id,
      statements: list.slice(start, start + OBJECTS_PER_TRANSACTION),
      needs: steps.at(-1) ? [steps.at(-1)?.id ?? ''] : needs,
      weight: 0,
    });
  }
  return steps;
}

export function lastOf(steps: readonly Step[], otherwise: readonly string[] = []): string[] {
  const last = steps.at(-1);
  return last ? [last.id] : [...otherwise];
}
