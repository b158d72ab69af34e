import { VectabaseError } from '../../../foundation/core/errors.ts';
import { openKeys, readStoredKeys } from '../../../foundation/encryption/key-store.ts';
import { columnsIn, SealedColumns, type SealedColumn } from '../../../foundation/encryption/sealed-columns.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import { ident, literal } from '../../../foundation/postgres/sql.ts';
import { inTransaction } from '../../../foundation/postgres/transaction.ts';
import type { CatalogueComparison } from '../compare-catalogues.ts';
import type { PlannedTable } from '../plan/model.ts';

/** Columns of the target that were encrypted after the move: what was plaintext on the source is compared as plaintext. */
export interface EncryptedTarget {
  /** What is hashed in place of a column, on the source and on the target; `undefined` for an ordinary one. */
  valueOf(table: PlannedTable, column: string): { readonly source: string; readonly target: string } | undefined;
  /** Runs with the data keys open. */
  withKeys<T>(target: Session, body: () => Promise<T>): Promise<T>;
  /** Differences that encrypting made. */
  explain(comparison: CatalogueComparison): CatalogueComparison;
}

/**
 * `undefined` when the target encrypts nothing.
 *
 * @throws VectabaseError MASTER_KEY_MISSING, MASTER_KEY_WRONG
 */
export async function readEncryptedTarget(
  target: Session,
  masterKey: Buffer | undefined,
): Promise<EncryptedTarget | undefined> {
  const [there] = await target.rows(
    `select from pg_catalog.pg_class where relname = 'encrypted_columns' and relnamespace = to_regnamespace('vectabase')`,
  );
  if (!there) return undefined;
  const columns = await columnsIn(async (text) => {
    const [row] = await target.rows<Record<string, string>>(text);
    return Object.values(row ?? {})[0] ?? '[]';
  });
  if (columns.length === 0) return undefined;
  if (!masterKey) throw missing(columns.length);
  const sealed = new SealedColumns(columns, await openKeys(await readStoredKeys(target), masterKey));
  const replaced = new Set(
    (await target.rows<{ name: string }>(REPLACED)).flatMap(({ name }) => [`index ${name}`, `constraint ${name}`]),
  );
  return {
    valueOf({ identity, schema }, name) {
      const found = columns.find(
        (each) => each.name.column === name && each.name.schema === schema && isTable(identity, each),
      );
      return found && valuesOf(found);
    },
    async withKeys(session, body) {
      return inTransaction(session, async () => {
        const [offer] = await session.rows<{ secret: string }>('select vectabase.offer_keys() as secret');
        await session.rows(`select set_config('vectabase.keys', $1, true)`, [sealed.keysFor(offer?.secret ?? '')]);
        return body();
      });
    },
    explain(comparison) {
      const made = comparison.different.filter(({ key }) => replaced.has(key));
      return {
        ...comparison,
        explained: [
          ...comparison.explained,
          ...made.map(({ key }) => ({
            key,
            why: 'its column is encrypted here, and the blind index stands in for it',
          })),
        ],
        different: comparison.different.filter(({ key }) => !replaced.has(key)),
      };
    },
  };
}

const REPLACED = `
select distinct format('%I.%I', schema_name, item ->> 'index') as name
from vectabase.encrypted_columns, jsonb_array_elements(before) as item where item ->> 'index' is not null
union
select format('%I on %I.%I', item ->> 'constraint', schema_name, table_name)
from vectabase.encrypted_columns, jsonb_array_elements(before) as item where item ->> 'constraint' is not null`;

function isTable(identity: string, { name }: SealedColumn): boolean {
  return [
    `${name.schema}.${name.table}`,
    ident(name.schema, name.table),
    `${name.schema}.${ident(name.table)}`,
  ].includes(identity);
}

/** A bytea column may have been under pgp before, which gives the same plaintext other bytes: only its being there counts. */
function valuesOf({ name, form, rowKey }: SealedColumn): { source: string; target: string } {
  const column = `t.${ident(name.column)}`;
  if (form === 'bytea') return { source: `${column} is not null`, target: `${column} is not null` };
  const place = [name.schema, name.table, name.column].map((part) => literal(part));
  const key = rowKey.map((part) => `t.${ident(part)}::text`);
  return {
    source: `${column}::text`,
    target: `vectabase.decrypt(${[`${column}::text`, ...place, ...key].join(', ')})`,
  };
}

function missing(columns: number): VectabaseError {
  return new VectabaseError('MASTER_KEY_MISSING', {
    message: `${columns} columns of the target are encrypted, and there is no master key to compare them with`,
    hint: 'Run the command with the --dir of the installation, or set VECTABASE_MASTER_KEY.',
    details: { columns },
  });
}
