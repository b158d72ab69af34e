import { CLASS, FIRST_USER_OID, type ReadContext } from './context.ts';

/** SQL: `d` points at something the user made that may in turn need the table: a function, operator or relation. */
const USER_MADE = `d.deptype = 'n' and d.refobjid >= ${FIRST_USER_OID}
  and d.refclassid in (${CLASS.routine}, ${CLASS.operator}, ${CLASS.relation})
  and not exists (select from pg_depend member where member.classid = d.refclassid
    and member.objid = d.refobjid and member.deptype = 'e')`;

/** Oids of CHECK constraints that cannot be part of their table's own statement, as they call the user's functions. */
export async function readSeparateConstraints(context: ReadContext): Promise<ReadonlySet<number>> {
  const rows = await context.session.rows<{ oid: number }>(
    `select distinct d.objid as oid from pg_depend d join pg_constraint k on k.oid = d.objid
     where d.classid = ${CLASS.constraint} and k.contype = 'c' and ${USER_MADE} and d.refobjid <> k.conrelid`,
  );
  return new Set(rows.map((row) => row.oid));
}

/** The same for default expressions. A sequence that the table itself owns is made before it and stays inside. */
export async function readSeparateDefaults(context: ReadContext): Promise<ReadonlySet<number>> {
  const rows = await context.session.rows<{ oid: number }>(
    `select distinct d.objid as oid from pg_depend d join pg_attrdef a on a.oid = d.objid
     where d.classid = ${CLASS.default} and ${USER_MADE}
       and not exists (select from pg_depend o where d.refclassid = ${CLASS.relation}
         and o.classid = ${CLASS.relation} and o.objid = d.refobjid and o.refclassid = ${CLASS.relation}
         and o.refobjid = a.adrelid and o.deptype in ('a', 'i'))`,
  );
  return new Set(rows.map((row) => row.oid));
}
