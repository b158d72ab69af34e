import { ambiguousRelationship, noRelationship } from '../schema/errors.ts';
import {
  keyOf,
  type KeyRelationship,
  type QualifiedName,
  type Relationship,
  type SchemaCache,
} from '../schema/model.ts';

/**
 * Which relationship an embed means. The target is a relation's name, or the constraint or the column that leads to
 * it; a hint tells apart several ways to the same relation.
 *
 * @throws RestError PGRST200, PGRST201
 */
export function findRelationship(
  cache: SchemaCache,
  origin: QualifiedName,
  target: string,
  hint: string | undefined,
): Relationship {
  const known = (cache.relationships.get(keyOf(origin)) ?? []).filter((each) => each.target.schema === origin.schema);
  // What the database computes stands over what its keys say.
  const computed = known.find((each) => each.cardinality === 'computed' && each.routine.name === target);
  if (computed) return computed;
  const found = known.filter((each) => matches(each, target, hint));
  const [first, second] = found;
  if (!first) throw noRelationship(origin, target, hint, cache);
  if (second) throw ambiguousRelationship(origin.name, target, found);
  return first;
}

function matches(each: Relationship, target: string, hint: string | undefined): boolean {
  if (each.cardinality === 'computed') return false;
  const named = each.target.name === target;
  const toItself = each.source.name === each.target.name;
  if (each.cardinality === 'many-to-many') {
    return named && !toItself && (hint === undefined || hint === each.junction.name);
  }
  if (toItself) return matchesSelf(each, target, hint);
  if (hint === undefined) {
    return named || (!each.targetIsView && (each.constraint === target || isOnlyColumn(each, 0, target)));
  }
  return named && (each.constraint === hint || isOnlyColumn(each, 0, hint) || isOnlyColumn(each, 1, hint));
}

/**
 * One key joins a relation to itself in two directions. The relation's name means the many side; the key's column
 * means the one side.
 */
function matchesSelf(each: KeyRelationship, target: string, hint: string | undefined): boolean {
  if (hint === undefined) {
    if (target === each.target.name) return !each.holdsKey;
    return each.holdsKey && isOnlyColumn(each, 0, target);
  }
  return target === each.target.name && !each.holdsKey && (each.constraint === hint || isOnlyColumn(each, 1, hint));
}

function isOnlyColumn({ columns }: KeyRelationship, side: 0 | 1, name: string): boolean {
  return columns.length === 1 && columns[0]?.[side] === name;
}
