import { VectabaseError } from '../core/errors.ts';
import type { ColumnName } from './binding.ts';
import type { ColumnKeys } from './column-keys.ts';
import { findMasterKey } from './master-key.ts';
import { openKeys, STORED_KEYS, type StoredKeys } from './key-store.ts';

/** A column that holds envelopes. */
export interface SealedColumn {
  /** How a statement names it in a few bytes. */
  readonly id: number;
  readonly name: ColumnName;
  readonly form: 'text' | 'bytea';
  /** It has a blind index. */
  readonly indexed: boolean;
  readonly readers: ReadonlySet<string>;
  /** Columns of the primary key. */
  readonly rowKey: readonly string[];
  /** On its way into encryption or out of it: plaintext may stand beside envelopes. */
  readonly mixed: boolean;
  readonly state: 'applying' | 'encrypted' | 'undoing';
}

/** More than any pool has. */
const CONNECTIONS = 1_000;

/** The encrypted columns of a database and the keys to them, as they were when this was read. */
export class SealedColumns {
  readonly keys: ColumnKeys;
  readonly #byId: ReadonlyMap<number, SealedColumn>;
  readonly #sealedKeys = new Map<string, string>();
  readonly #byTable = new Map<string, Map<string, SealedColumn>>();

  constructor(list: readonly SealedColumn[], keys: ColumnKeys) {
    this.#byId = new Map(list.map((column) => [column.id, column]));
    this.keys = keys;
    for (const column of list) {
      const key = tableKey(column.name.schema, column.name.table);
      this.#byTable.set(key, (this.#byTable.get(key) ?? new Map()).set(column.name.column, column));
    }
  }

  ofTable(schema: string, table: string): ReadonlyMap<string, SealedColumn> | undefined {
    return this.#byTable.get(tableKey(schema, table));
  }

  /** The keys for one connection, which answered `vectabase.offer_keys()` with this secret in hexadecimal digits. */
  keysFor(secret: string): string {
    let sealed = this.#sealedKeys.get(secret);
    if (sealed === undefined) {
      if (this.#sealedKeys.size >= CONNECTIONS) this.#sealedKeys.clear();
      this.#sealedKeys.set(secret, (sealed = this.keys.sealForSession(Buffer.from(secret, 'hex'))));
    }
    return sealed;
  }

  all(): SealedColumn[] {
    return [...this.#byId.values()];
  }

  byId(id: number): SealedColumn | undefined {
    return this.#byId.get(id);
  }
}

/** Gives the single text value of a query. */
export type ReadText = (text: string, values: readonly string[]) => Promise<string>;

/**
 * What is encrypted in the database, with the keys to it; `undefined` when nothing is, and then no master key is asked
 * for.
 *
 * @param masterKeyFile read unless VECTABASE_MASTER_KEY is set
 * @param previous its keys are used again where they suffice: without 40 ms of PBKDF2, and after the master key was changed
 * @throws VectabaseError MASTER_KEY_MISSING, MASTER_KEY_WRONG, ENCRYPTION_DAMAGED
 */
export async function readSealedColumns(
  read: ReadText,
  masterKeyFile: string | undefined,
  previous?: SealedColumns,
): Promise<SealedColumns | undefined> {
  if ((await read(INSTALLED, [])) !== 'true') return undefined;
  const columns = await columnsIn(read);
  if (columns.length === 0) return undefined;
  const stored = JSON.parse(await read(STORED_KEYS, [])) as StoredKeys;
  const kept = previous?.keys.covering(stored.keys);
  if (kept) return new SealedColumns(columns, kept);
  const found = await findMasterKey(masterKeyFile);
  if (found === undefined) throw missing(columns.length);
  return new SealedColumns(columns, await openKeys(stored, found.key));
}

/** The encrypted columns alone. */
export async function columnsIn(read: ReadText): Promise<SealedColumn[]> {
  return (JSON.parse(await read(COLUMNS, [])) as ColumnRow[]).map((row) => toColumn(row));
}

// Asked of the catalogue: by its name, a table in a schema that is closed to the role is an error.
const INSTALLED = `
select (count(*) > 0)::text from pg_catalog.pg_class
where relname = 'encrypted_columns' and relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'vectabase')`;
const COLUMNS = `
select coalesce(json_agg(json_build_object('id', id, 'schema', schema_name, 'table', table_name, 'column', column_name,
  'form', form, 'indexed', blind_index, 'readers', readers, 'rowKey', row_key, 'state', state)
  order by schema_name, table_name, column_name), '[]')::text from vectabase.encrypted_columns`;

interface ColumnRow extends ColumnName {
  readonly id: number;
  readonly form: 'text' | 'bytea';
  readonly indexed: boolean;
  readonly readers: readonly string[];
  readonly rowKey: readonly string[];
  readonly state: SealedColumn['state'];
}

function toColumn({ schema, table, column, readers, ...rest }: ColumnRow): SealedColumn {
  return { name: { schema, table, column }, readers: new Set(readers), mixed: rest.state !== 'encrypted', ...rest };
}

function tableKey(schema: string, table: string): string {
  return `${schema}\0${table}`;
}

function missing(columns: number): VectabaseError {
  return new VectabaseError('MASTER_KEY_MISSING', {
    message: `${columns} columns of this database are encrypted, and there is no master key`,
    hint: 'Set VECTABASE_MASTER_KEY, or give the daemon the file of the key (masterKeyFile in its runtime file).',
    details: { columns },
  });
}
