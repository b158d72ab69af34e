import { objectKey, type CatalogObject, type ObjectKind } from './model.ts';

/** The order in which kinds are made where nothing else decides; also the order of a catalogue's list. */
export const KINDS: readonly ObjectKind[] = [
  'role',
  'role-membership',
  'role-setting',
  'database-setting',
  'schema',
  'extension',
  'collation',
  'enum',
  'composite',
  'range',
  'domain',
  'sequence',
  'function',
  'aggregate',
  'operator',
  'cast',
  'text-search',
  'table',
  'attach-partition',
  'default',
  'view',
  'materialized-view',
  'index',
  'attach-index',
  'constraint',
  'check',
  'foreign-key',
  'statistics',
  'rule',
  'trigger',
  'row-security',
  'policy',
  'replica-identity',
  'owner',
  'grant',
  'comment',
  'publication',
  'publication-table',
  'event-trigger',
  'default-privileges',
];
const RANK = new Map(KINDS.map((kind, index) => [kind, index]));

type Sortable = Pick<CatalogObject, 'kind' | 'identity' | 'needs'>;

export interface Sorted<T> {
  readonly ordered: T[];
  /** Keys of objects that need each other; one of each group stands before something it needs. Empty when all is well. */
  readonly cycles: string[][];
}

/** By kind, then by identity, in code units: the same on every machine, whatever its locale. */
export function compareObjects(a: Sortable, b: Sortable): number {
  return rank(a) - rank(b) || compareText(a.identity, b.identity);
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Every object after all that it needs, and otherwise by kind and identity. Needs that are not in the list count as
 * met. A cycle does not stop the sort: its smallest member goes first and the cycle is named in the answer.
 */
export function sortByNeeds<T extends Sortable>(objects: readonly T[]): Sorted<T> {
  const nodes = objects.toSorted(compareObjects);
  const indexOf = new Map(nodes.map((object, index) => [objectKey(object), index]));
  const needs = nodes.map((object, index) => {
    const found = object.needs.flatMap((key) => indexOf.get(key) ?? []);
    return new Set(found.filter((need) => need !== index));
  });
  const neededBy: number[][] = nodes.map(() => []);
  needs.forEach((set, index) => set.forEach((need) => neededBy[need]?.push(index)));

  const waiting = needs.map((set) => set.size);
  const done = new Set<number>();
  const ready = new Heap();
  waiting.forEach((count, index) => count === 0 && ready.push(index));
  const cycles: string[][] = [];
  const ordered: T[] = [];
  const keyOf = (index: number): string => objectKey(nodes[index] as T);

  while (ordered.length < nodes.length) {
    let next = ready.pop();
    if (next === undefined) {
      const cycle = firstCycle(needs, done);
      cycles.push(cycle.map(keyOf));
      next = cycle[0] as number;
    }
    if (done.has(next)) continue;
    done.add(next);
    ordered.push(nodes[next] as T);
    for (const dependent of neededBy[next] ?? []) {
      waiting[dependent] = (waiting[dependent] ?? 0) - 1;
      if (waiting[dependent] === 0) ready.push(dependent);
    }
  }
  return { ordered, cycles };
}

/** Follows unmet needs from the smallest open node until one repeats; the loop, rotated to start at its smallest. */
function firstCycle(needs: ReadonlyArray<ReadonlySet<number>>, done: ReadonlySet<number>): number[] {
  let node = needs.findIndex((_, index) => !done.has(index));
  const path: number[] = [];
  const at = new Map<number, number>();
  while (!at.has(node)) {
    at.set(node, path.length);
    path.push(node);
    node = Math.min(...[...(needs[node] ?? [])].filter((need) => !done.has(need)));
  }
  const loop = path.slice(at.get(node));
  const start = loop.indexOf(Math.min(...loop));
  return [...loop.slice(start), ...loop.slice(0, start)];
}

function rank(object: Sortable): number {
  return RANK.get(object.kind) ?? KINDS.length;
}

/** A binary heap of numbers, smallest first. */
class Heap {
  readonly #items: number[] = [];

  push(value: number): void {
    const items = this.#items;
    let index = items.length;
    items.push(value);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= value) break;
      items[index] = this.#at(parent);
      index = parent;
    }
    items[index] = value;
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let index = 0;
    for (let child = 1; child < items.length; child = 2 * index + 1) {
      if (child + 1 < items.length && this.#at(child + 1) < this.#at(child)) child += 1;
      if (this.#at(child) >= last) break;
      items[index] = this.#at(child);
      index = child;
    }
    items[index] = last;
    return top;
  }

  #at(index: number): number {
    return this.#items[index] as number;
  }
}
