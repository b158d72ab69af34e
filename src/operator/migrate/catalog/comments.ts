import { literal } from '../../../foundation/postgres/sql.ts';
import { CLASS, FIRST_USER_OID, makeDraft, scoped, type Draft, type ReadContext } from './context.ts';
import { objectKey } from './model.ts';

type CommentRow = { address: string; text: string };
type ColumnRow = { address: string; column: string; text: string };

/** Comments on everything that was read, and on columns. An extension brings its own comment. */
export async function readComments(context: ReadContext, drafts: readonly Draft[]): Promise<Draft[]> {
  const things = new Map(
    drafts
      .filter((draft) => draft.sqlName !== null && draft.kind !== 'extension')
      .map((draft) => [draft.address, draft]),
  );
  // Schema public (2200) is the one commented object that initdb makes.
  const rows = await context.session.rows<CommentRow>(
    `select d.classoid::text || ':' || d.objoid::text as address, d.description as text from pg_description d
     where d.objsubid = 0 and (d.objoid >= ${FIRST_USER_OID} or d.classoid = ${CLASS.namespace})
     union all select s.classoid::text || ':' || s.objoid::text, s.description from pg_shdescription s
     where s.classoid = ${CLASS.role}`,
  );
  const columns = await scoped<ColumnRow>(
    context,
    `select d.classoid::text || ':' || d.objoid::text as address, quote_ident(a.attname) as "column",
       d.description as text
     from pg_description d join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid
     join pg_class c on c.oid = d.objoid join pg_namespace n on n.oid = c.relnamespace
     where d.classoid = ${CLASS.relation} and d.objsubid > 0 and not a.attisdropped and n.nspname = any($1)`,
  );
  const owners = new Map(drafts.flatMap((draft) => draft.carries.map((place) => [place, draft])));
  return [
    ...rows.flatMap((row) => {
      const thing = things.get(row.address);
      return thing === undefined ? [] : [commentDraft(thing, objectKey(thing), thing.sqlName ?? '', row.text)];
    }),
    ...columns.flatMap((row) => {
      const thing = owners.get(row.address);
      if (thing === undefined) return [];
      const column = `${thing.identity}.${row.column}`;
      return [commentDraft(thing, `column ${column}`, `COLUMN ${column}`, row.text)];
    }),
  ];
}

function commentDraft(thing: Draft, identity: string, target: string, text: string): Draft {
  const isRelation = ['table', 'view', 'materialized-view'].includes(thing.kind);
  return makeDraft({
    kind: 'comment',
    identity,
    schema: thing.schema,
    table: isRelation ? thing.identity : thing.table,
    definition: text,
    create: [`COMMENT ON ${target} IS ${literal(text)}`],
    drop: `COMMENT ON ${target} IS NULL`,
    needs: [objectKey(thing)],
  });
}
