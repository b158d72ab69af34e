import { isPlatformSchema } from '../../../foundation/postgres/managed.ts';
import type { Catalog, TableInfo } from '../catalog/model.ts';
import type { MigrateChoices } from '../options.ts';
import type { Drift } from '../plan/drift.ts';
import type { Selection } from '../plan/select.ts';
import type { SourceFacts, TargetFacts } from './facts.ts';
import { list } from './finding.ts';

export interface PreflightInput {
  readonly source: SourceFacts;
  readonly target: TargetFacts;
  readonly sourceCatalog: Catalog;
  readonly selection: Selection;
  /** Objects that need each other, so that neither can be made first. */
  readonly cycles: readonly (readonly string[])[];
  readonly drift: Drift;
  readonly choices: MigrateChoices;
  /** Free bytes on the disk of the target's data, where it is on this machine. */
  readonly targetFreeBytes: number | null;
  readonly dataBytes: number;
  readonly indexBytes: number;
}

/** Tables of the owner's schemas, auth and storage. */
export function ownTables(tables: readonly TableInfo[]): TableInfo[] {
  return tables.filter((table) => !isPlatformSchema(table.schema) && table.kind !== 'foreign');
}

export function named(tables: readonly TableInfo[]): string {
  return list(tables.map(({ identity }) => identity));
}
