import type { Cluster } from '../test/support/trixie-postgres.ts';

/**
 * Everything of the schema public that a copy must have, as one text: rows and a content hash for each table, indexes,
 * constraints, sequences. By SQL of its own, so that a mistake of the engine's verifier cannot hide here.
 */
export async function fingerprint(cluster: Cluster, database: string): Promise<string> {
  const tables = await cluster.sql(
    database,
    `select format('select %L, count(*), sum(hashtextextended(t::text, 42)) from %I.%I t;', relname, nspname, relname)
     from pg_class join pg_namespace n on n.oid = relnamespace
     where relkind = 'r' and nspname = 'public'`,
  );
  const rows = await cluster.sql(
    database,
    `set max_parallel_workers_per_gather = 2; set bytea_output = hex;\n${tables}`,
  );
  const definitions = await cluster.sql(
    database,
    `select 'index ' || indexdef from pg_indexes where schemaname = 'public';
     select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
       from pg_constraint where connamespace = 'public'::regnamespace;
     select 'sequence ' || sequencename || ' ' || coalesce(last_value, 0) from pg_sequences where schemaname = 'public';
     select 'invalid ' || indexrelid::regclass from pg_index where not (indisvalid and indisready);`,
  );
  return `${rows}\n${definitions}`;
}

/** @param tables as SQL names */
export async function rowFingerprint(cluster: Cluster, database: string, tables: readonly string[]): Promise<string> {
  const queries = tables.map(
    (table) => `select '${table}', count(*), sum(hashtextextended(t::text, 42)) from ${table} t;`,
  );
  return cluster.sql(database, `set max_parallel_workers_per_gather = 2;\n${queries.join('\n')}`);
}

/** The first few lines that differ, for a person. Empty when the copy is whole. */
export function differences(source: string, target: string): string[] {
  const wanted = new Set(source.split('\n'));
  const found = new Set(target.split('\n'));
  const missing = [...wanted].filter((line) => !found.has(line)).map((line) => `missing: ${line}`);
  const extra = [...found].filter((line) => !wanted.has(line)).map((line) => `unexpected: ${line}`);
  return [...missing, ...extra].slice(0, 10);
}
