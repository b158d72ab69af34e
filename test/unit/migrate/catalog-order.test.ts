import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectKey, type CatalogObject } from '../../../src/operator/migrate/catalog/model.ts';
import { KINDS, sortByNeeds } from '../../../src/operator/migrate/catalog/order.ts';

type Node = Pick<CatalogObject, 'kind' | 'identity' | 'needs'>;

const kinds = fc.constantFrom(...KINDS);
const nodes = fc.uniqueArray(fc.record({ kind: kinds, identity: fc.string({ maxLength: 3 }) }), {
  selector: objectKey,
  maxLength: 40,
});
const seeds = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 120 });

/** Edges from later to earlier in the list: no cycles. */
const acyclic = fc.tuple(nodes, seeds).map(([list, pairs]) => withNeeds(list, pairs, (a, b) => b < a));
const anything = fc.tuple(nodes, seeds).map(([list, pairs]) => withNeeds(list, pairs, () => true));

function withNeeds(
  list: ReadonlyArray<Pick<Node, 'kind' | 'identity'>>,
  pairs: ReadonlyArray<[number, number]>,
  keep: (a: number, b: number) => boolean,
): Node[] {
  const edges = pairs.map(([a, b]) => [a % (list.length || 1), b % (list.length || 1)] as const);
  return list.map((node, index) => ({
    ...node,
    needs: [
      ...edges.filter(([from, to]) => from === index && keep(from, to)).map(([, to]) => objectKey(list[to] ?? node)),
      'table that.is.not.there',
    ],
  }));
}

describe('sortByNeeds', () => {
  it('puts all that an object needs before it', () => {
    fc.assert(
      fc.property(acyclic, (objects) => {
        const { ordered, cycles } = sortByNeeds(objects);
        const place = new Map(ordered.map((object, index) => [objectKey(object), index]));
        expect(cycles).toEqual([]);
        expect(place.size).toBe(objects.length);
        for (const object of ordered) {
          for (const need of object.needs) {
            expect(place.get(need) ?? -1).toBeLessThan(place.get(objectKey(object)) ?? 0);
          }
        }
      }),
    );
  });

  it('does not depend on the order of the list, and loses nothing', () => {
    const shuffled = anything.chain((objects) =>
      fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })),
    );
    fc.assert(
      fc.property(shuffled, ([objects, other]) => {
        const sorted = sortByNeeds(objects);
        expect(sortByNeeds(other)).toEqual(sorted);
        expect(sorted.ordered.map(objectKey).toSorted()).toEqual(objects.map(objectKey).toSorted());
      }),
    );
  });

  it('names real cycles, and only breaks needs inside of them', () => {
    fc.assert(
      fc.property(anything, (objects) => {
        const byKey = new Map(objects.map((object) => [objectKey(object), object]));
        const { ordered, cycles } = sortByNeeds(objects);
        for (const cycle of cycles) {
          cycle.forEach((key, index) => {
            expect(byKey.get(key)?.needs).toContain(cycle[(index + 1) % cycle.length]);
          });
        }
        const first = new Set(cycles.map((cycle) => cycle[0]));
        const place = new Map(ordered.map((object, index) => [objectKey(object), index]));
        for (const object of ordered) {
          if (first.has(objectKey(object))) continue;
          for (const need of object.needs) {
            if (need === objectKey(object)) continue;
            expect(place.get(need) ?? -1).toBeLessThan(place.get(objectKey(object)) ?? 0);
          }
        }
      }),
    );
  });

  it('otherwise keeps to the order of kinds, then of names in code units', () => {
    const make = (kind: Node['kind'], identity: string, ...needs: string[]): Node => ({ kind, identity, needs });
    const list = [
      make('table', 'b'),
      make('view', 'a'),
      make('table', 'Z'),
      make('enum', 'é', 'view a'),
      make('enum', 'z'),
    ];
    expect(sortByNeeds(list).ordered.map(objectKey)).toEqual(['enum z', 'table Z', 'table b', 'view a', 'enum é']);
  });

  it('takes ten thousand objects in a row, each needing the last', () => {
    const chain = Array.from({ length: 10_000 }, (_, index): Node => ({
      kind: 'view',
      identity: String(index),
      needs: index === 0 ? ['view 9999'] : [`view ${index - 1}`],
    }));
    const { ordered, cycles } = sortByNeeds(chain);
    expect(ordered).toHaveLength(10_000);
    expect(cycles).toHaveLength(1);
    expect(cycles[0]).toHaveLength(10_000);
  });
});
