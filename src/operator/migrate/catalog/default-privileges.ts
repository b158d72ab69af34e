import { aclEntries, allPrivileges, describeAcl, grantStatements, type AclKind } from './acl.ts';
import { makeDraft, words, type AclItem, type Part, type ReadContext } from './context.ts';
import { isPlatformRole } from '../../../foundation/postgres/managed.ts';

const WORDS: Record<AclKind, string> = { r: 'TABLES', S: 'SEQUENCES', f: 'FUNCTIONS', n: 'SCHEMAS', T: 'TYPES' };

/**
 * Default privileges of everyone but the platform's roles. Made last: they must not touch what the copy itself makes.
 * Those of a schema add to the built-in ones; those without a schema replace them, so both start from nothing.
 */
export async function readDefaultPrivileges(context: ReadContext): Promise<Part> {
  type DefaultRow = {
    role: number;
    raw_schema: string | null;
    schema: string | null;
    kind: AclKind;
    acl: AclItem[] | null;
  };
  const rows = await context.session.rows<DefaultRow>(
    `select d.defaclrole as role, n.nspname as raw_schema, quote_ident(n.nspname) as schema, d.defaclobjtype as kind,
       (select json_agg(json_build_array(x.grantee::int8, x.privilege_type, x.is_grantable))
        from aclexplode(d.defaclacl) x) as acl
     from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
     where (d.defaclnamespace = 0 or n.nspname = any($1)) and d.defaclobjtype in ('r', 'S', 'f', 'n', 'T')`,
    [context.schemas],
  );
  const drafts = rows.flatMap((row) => {
    const role = context.roles.get(row.role);
    if (role === undefined || isPlatformRole(role.name)) return [];
    const all = allPrivileges(row.kind, context.version);
    const entries = aclEntries(row.acl ?? [], row.role, { roles: context.roles, isDropped: isPlatformRole });
    const nameOf = (grantee: string): string => (grantee === 'owner' ? role.quoted : grantee);
    const where = words(`FOR ROLE ${role.quoted}`, row.schema !== null && `IN SCHEMA ${row.schema}`);
    const on = `ON ${WORDS[row.kind]}`;
    const everyone = [...new Set(['PUBLIC', role.quoted, ...entries.map((entry) => nameOf(entry.grantee))])].join(', ');
    const revoke = `ALTER DEFAULT PRIVILEGES ${where} REVOKE ALL ${on} FROM ${everyone}`;
    const draft = makeDraft({
      kind: 'default-privileges',
      identity: `${words(`for ${role.quoted}`, row.schema !== null && `in ${row.schema}`)} on ${WORDS[row.kind].toLowerCase()}`,
      schema: row.raw_schema,
      definition: describeAcl(entries, all),
      create: [
        revoke,
        ...grantStatements(
          entries,
          all,
          (privileges, grantee) => `ALTER DEFAULT PRIVILEGES ${where} GRANT ${privileges} ${on} TO ${nameOf(grantee)}`,
        ),
      ],
      drop: row.schema === null ? builtIn(revoke, `${where} GRANT`, `ALL ${on} TO`, role.quoted, row.kind) : revoke,
      needs: [`role ${role.quoted}`, ...entries.map((entry) => `role ${nameOf(entry.grantee)}`)],
    });
    return [draft];
  });
  return { drafts };
}

/** Back to what Postgres has without any: all to oneself, and functions and types to everybody. One statement. */
function builtIn(revoke: string, head: string, tail: string, role: string, kind: AclKind): string {
  const grantees = kind === 'f' || kind === 'T' ? `${role}, PUBLIC` : role;
  return `DO $default$ BEGIN ${revoke}; ALTER DEFAULT PRIVILEGES ${head} ${tail} ${grantees}; END $default$`;
}
