import type { Catalog, ColumnInfo, TableInfo } from '../catalog/model.ts';
import type { PlannedStatement } from './model.ts';
import { isManagedSchema } from './scope.ts';

export interface AddedColumn extends PlannedStatement {
  readonly table: string;
}

/** How the tables of auth and storage differ between a hosted project and the target: both move on at their own pace. */
export interface Drift {
  /** The target lacks them: they are added, so that nothing is lost. */
  readonly added: readonly AddedColumn[];
  /** The source lacks them and the target wants a value: rows could not land. `table.column` */
  readonly wanted: readonly string[];
  /** Both have them, in different types: values travel as text. `table.column: source type, here type` */
  readonly retyped: readonly string[];
}

export function columnDrift(source: Catalog, target: Catalog): Drift {
  const pairs = source.tables.flatMap((table) => {
    const there = target.tables.find(({ identity }) => identity === table.identity);
    return there && isManagedSchema(table.schema) && table.kind !== 'foreign' ? [{ table, there }] : [];
  });
  return {
    added: pairs.flatMap(({ table, there }) =>
      missingFrom(there, table).map((column) => ({
        key: `column ${table.identity}.${column.name}`,
        sql: column.add,
        table: table.identity,
      })),
    ),
    wanted: pairs.flatMap(({ table, there }) =>
      missingFrom(table, there)
        .filter((column) => column.notNull && !column.generated && column.identity === null && !column.hasDefault)
        .map((column) => `${table.identity}.${column.name}`),
    ),
    retyped: pairs.flatMap(({ table, there }) =>
      table.columns.flatMap((column) => {
        const other = there.columns.find(({ name }) => name === column.name);
        return other && other.type !== column.type
          ? [`${table.identity}.${column.name}: ${column.type}, here ${other.type}`]
          : [];
      }),
    ),
  };
}

function missingFrom(table: TableInfo, other: TableInfo): ColumnInfo[] {
  return other.columns.filter(({ name }) => !table.columns.some((column) => column.name === name));
}
