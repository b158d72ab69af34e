import { defaultIdentity, storageOptions } from './columns.ts';
import {
  aclJson,
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  words,
  type AclItem,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';
import { comparableQuery } from './view-text.ts';

type ViewRow = {
  oid: number;
  schema: string;
  identity: string;
  materialized: boolean;
  owner: number;
  acl: AclItem[] | null;
  row_type: number;
  row_array: number;
  rule: number;
  method: string | null;
  options: string[] | null;
  query: string | null;
  tree: string | null;
};

/** Views, materialized views (made empty: filling them is the copy's last step), rules, and defaults on view columns. */
export async function readViews(context: ReadContext): Promise<Part> {
  return {
    drafts: [...(await readQueries(context)), ...(await readViewDefaults(context)), ...(await readRules(context))],
  };
}

async function readQueries(context: ReadContext): Promise<Draft[]> {
  // Before 16, the stored tree tells whether columns were printed with a prefix; see view-text.ts.
  const tree = context.version < 160_000 ? 'w.ev_action::text' : 'null';
  const rows = await scoped<ViewRow>(
    context,
    `select c.oid, n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as identity,
       c.relkind = 'm' as materialized, c.relowner as owner, ${aclJson('c.relacl', 'r', 'c.relowner')} as acl,
       c.reltype as row_type, coalesce(t.typarray, 0) as row_array, w.oid as rule,
       case when am.amname <> 'heap' then quote_ident(am.amname) end as method,
       to_json(c.reloptions) as options, pg_get_viewdef(c.oid) as query, ${tree} as tree
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_rewrite w on w.ev_class = c.oid and w.rulename = '_RETURN'
     left join pg_type t on t.oid = c.reltype left join pg_am am on am.oid = c.relam
     where c.relkind in ('v', 'm') and c.relpersistence <> 't' and n.nspname = any($1)
       and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  return rows.flatMap((row) => {
    if (row.query === null) return [];
    const query = row.query.trim().replace(/;$/, '');
    const options = storageOptions(row.options);
    const head = words(
      row.method !== null && `USING ${row.method}`,
      options.length > 0 && `WITH (${options.join(', ')})`,
    );
    const word = row.materialized ? 'MATERIALIZED VIEW' : 'VIEW';
    const draft = makeDraft({
      kind: row.materialized ? 'materialized-view' : 'view',
      identity: row.identity,
      schema: row.schema,
      definition: words(head, 'AS', comparableQuery(query, row.tree)),
      create: [words(`CREATE ${word} ${row.identity}`, head, 'AS\n', query, row.materialized && '\nWITH NO DATA')],
      sqlName: `${word} ${row.identity}`,
      address: address(CLASS.relation, row.oid),
      carries: [
        address(CLASS.relation, row.oid),
        address(CLASS.rewrite, row.rule),
        address(CLASS.type, row.row_type),
        address(CLASS.type, row.row_array),
      ],
      owner: row.owner,
      acl: row.acl ?? [],
    });
    return [draft];
  });
}

async function readViewDefaults(context: ReadContext): Promise<Draft[]> {
  const rows = await scoped<{ oid: number; schema: string; view: string; column: string; text: string }>(
    context,
    `select d.oid, n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as view,
       quote_ident(a.attname) as "column", pg_get_expr(d.adbin, d.adrelid) as text
     from pg_attrdef d join pg_class c on c.oid = d.adrelid join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum = d.adnum
     where c.relkind = 'v' and n.nspname = any($1) and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  return rows.map((row) =>
    makeDraft({
      kind: 'default',
      identity: defaultIdentity(row.view, row.column),
      schema: row.schema,
      table: row.view,
      definition: row.text,
      create: [`ALTER VIEW ${row.view} ALTER COLUMN ${row.column} SET DEFAULT ${row.text}`],
      drop: `ALTER VIEW ${row.view} ALTER COLUMN ${row.column} DROP DEFAULT`,
      address: address(CLASS.default, row.oid),
    }),
  );
}

/** Firing states that differ from the usual one, as ALTER TABLE spells them. */
export const ENABLED_STATE: Record<string, string> = { D: 'DISABLE', R: 'ENABLE REPLICA', A: 'ENABLE ALWAYS' };

async function readRules(context: ReadContext): Promise<Draft[]> {
  type RuleRow = { oid: number; schema: string; table: string; name: string; definition: string; enabled: string };
  const rows = await scoped<RuleRow>(
    context,
    `select w.oid, n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as "table",
       quote_ident(w.rulename) as name, pg_get_ruledef(w.oid) as definition, w.ev_enabled as enabled
     from pg_rewrite w join pg_class c on c.oid = w.ev_class join pg_namespace n on n.oid = c.relnamespace
     where w.rulename <> '_RETURN' and c.relkind in ('r', 'p', 'v', 'm') and n.nspname = any($1)
       and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  return rows.map((row) => {
    const state = ENABLED_STATE[row.enabled];
    const create = [
      row.definition,
      ...(state === undefined ? [] : [`ALTER TABLE ${row.table} ${state} RULE ${row.name}`]),
    ];
    return makeDraft({
      kind: 'rule',
      identity: `${row.name} on ${row.table}`,
      schema: row.schema,
      table: row.table,
      definition: create.join('\n'),
      create,
      sqlName: `RULE ${row.name} ON ${row.table}`,
      address: address(CLASS.rewrite, row.oid),
    });
  });
}
