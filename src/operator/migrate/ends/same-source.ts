import { VectabaseError } from '../../../foundation/core/errors.ts';
import { isPlatformSchema } from '../../../foundation/postgres/managed.ts';
import { objectKey, type Catalog } from '../catalog/model.ts';
import type { CommandWords } from '../errors.ts';
import type { LedgerRun } from '../ledger.ts';
import type { MigrationPlan } from '../plan/model.ts';
import { isManagedSchema } from '../plan/scope.ts';

/** @throws MIGRATE_SOURCE_OTHER when `identity` is not of the project that the run reads from */
export function assertSameProject(run: Pick<LedgerRun, 'sourceIdentity' | 'startedAt'>, identity: string): void {
  if (run.sourceIdentity === identity) return;
  throw new VectabaseError('MIGRATE_SOURCE_OTHER', {
    message: 'this source is not the one that the migration in the target reads from',
    hint: 'Give the connection string of the first run, or take that migration back with `vectabase migrate abort`.',
    details: { begun: run.startedAt },
  });
}

/** @throws MIGRATE_SOURCE_CHANGED */
export function assertSameSchema(plan: MigrationPlan, source: Catalog, words: CommandWords): void {
  const { gone, changed, fresh } = schemaChanges(plan, source);
  const changes = [
    ...gone.map((key) => `${key} is gone`),
    ...[...changed.keys()].map((key) => `${key} changed`),
    ...[...fresh.keys()].map((key) => `${key} is new`),
  ];
  if (changes.length === 0) return;
  throw new VectabaseError('MIGRATE_SOURCE_CHANGED', {
    message: `the schema of the source changed since the migration began: ${changes.slice(0, 3).join('; ')}${changes.length > 3 ? ` and ${changes.length - 3} more` : ''}`,
    hint: `The copied part follows the old schema. Take it back and move anew:\n${words.abort}\n${words.migrate}`,
    details: { changes: changes.slice(0, 50) },
  });
}

/** The plan's expectations brought up to what the source says now: what a verification long after the move holds the target to. */
export function expectNow(plan: MigrationPlan, source: Catalog): { plan: MigrationPlan; gone: readonly string[] } {
  const { gone, changed, fresh } = schemaChanges(plan, source);
  const left = new Set(gone);
  const expected = plan.expected
    .filter(({ key }) => !left.has(key))
    .map((object) => ({ ...object, definition: changed.get(object.key) ?? object.definition }));
  const added = [...fresh].map(([key, definition]) => ({ key, definition, managed: false }));
  return { plan: { ...plan, expected: [...expected, ...added] }, gone };
}

interface SchemaChanges {
  readonly gone: readonly string[];
  /** Key → the definition of now. */
  readonly changed: ReadonlyMap<string, string>;
  readonly fresh: ReadonlyMap<string, string>;
}

/** Objects of the owner's schemas that came, went or changed between the plan and now. */
export function schemaChanges(plan: MigrationPlan, source: Catalog): SchemaChanges {
  const now = new Map(source.objects.map((object) => [objectKey(object), object.definition]));
  const known = new Set([...plan.expected, ...plan.leftOut].map(({ key }) => key));
  return {
    gone: plan.expected.filter(({ key }) => !now.has(key)).map(({ key }) => key),
    changed: new Map(
      plan.expected.flatMap(({ key, definition }) => {
        const found = now.get(key);
        return found === undefined || found === definition ? [] : [[key, found] as const];
      }),
    ),
    fresh: new Map(
      source.objects
        .filter(({ schema }) => schema !== null && !isPlatformSchema(schema) && !isManagedSchema(schema))
        .map((object) => [objectKey(object), object.definition] as const)
        .filter(([key]) => !known.has(key)),
    ),
  };
}
