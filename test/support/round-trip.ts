import { messageOf } from '../../src/foundation/core/errors.ts';
import type { Session } from '../../src/foundation/postgres/session.ts';
import { objectKey, type Catalog, type CatalogObject } from '../../src/operator/migrate/catalog/model.ts';
import { sortByNeeds } from '../../src/operator/migrate/catalog/order.ts';
import { readCatalog, type ReadCatalogOptions } from '../../src/operator/migrate/catalog/read.ts';

/** Reads a catalogue the way a migration does: in a read-only transaction. */
export async function readIn(session: Session, schemas: ReadCatalogOptions['schemas'] = 'all-user'): Promise<Catalog> {
  await session.script('begin isolation level repeatable read read only');
  try {
    return await readCatalog(session, { schemas });
  } finally {
    await session.script('rollback');
  }
}

/** Objects that say how a thing is, not that it is: made even where the thing was there before. */
const STATES = new Set(['owner', 'grant', 'comment', 'default-privileges', 'role-setting', 'database-setting']);

type OnFailure = (object: CatalogObject, message: string) => void;

/** Makes every object that is not in `have`, each after what it needs. The first failure ends it unless told. */
export async function makeAll(session: Session, catalog: Catalog, have: Catalog, onFailure?: OnFailure): Promise<void> {
  const there = new Set(have.objects.map(objectKey));
  await session.script(`set check_function_bodies = off; set search_path = ''`);
  for (const object of sortByNeeds(catalog.objects).ordered) {
    if (there.has(objectKey(object)) && !STATES.has(object.kind)) continue;
    await runAll(session, object, object.create, onFailure);
  }
  await session.script('reset check_function_bodies; reset search_path');
}

/** Takes away what `have` does not hold, in the opposite order. */
export async function dropAll(session: Session, catalog: Catalog, have: Catalog): Promise<void> {
  const there = new Set(have.objects.map(objectKey));
  await session.script(`set search_path = ''`);
  for (const object of sortByNeeds(catalog.objects).ordered.toReversed()) {
    if (there.has(objectKey(object)) || object.drop === null) continue;
    await runAll(session, object, [object.drop]);
  }
  await session.script('reset search_path');
}

async function runAll(
  session: Session,
  object: CatalogObject,
  statements: readonly string[],
  onFailure?: OnFailure,
): Promise<void> {
  for (const statement of statements) {
    try {
      await session.script(statement);
    } catch (error) {
      if (onFailure) return onFailure(object, messageOf(error));
      throw new Error(`${objectKey(object)}: ${messageOf(error)}\n${statement}`, { cause: error });
    }
  }
}

/** What a person would be told: keys that one side lacks, and keys whose definitions differ. */
export function differences(source: Catalog, target: Catalog): string[] {
  const left = new Map(source.objects.map((object) => [objectKey(object), object.definition]));
  const right = new Map(target.objects.map((object) => [objectKey(object), object.definition]));
  return [
    ...[...left.keys()].filter((key) => !right.has(key)).map((key) => `- ${key}`),
    ...[...right.keys()].filter((key) => !left.has(key)).map((key) => `+ ${key}`),
    ...[...left].filter(([key, text]) => right.has(key) && right.get(key) !== text).map(([key]) => `~ ${key}`),
  ].toSorted();
}
