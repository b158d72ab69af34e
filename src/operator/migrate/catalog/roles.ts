import { literal } from '../../../foundation/postgres/sql.ts';
import { address, CLASS, makeDraft, words, type Draft, type Part, type ReadContext } from './context.ts';
import { API_ROLES, isReservedRole } from '../../../foundation/postgres/managed.ts';
import { readSettings } from './settings.ts';

/** Roles of the user's own, who is a member of whom, and settings. Passwords are never read here. */
export async function readRoles(context: ReadContext): Promise<Part> {
  return {
    drafts: [...(await readOwnRoles(context)), ...(await readMemberships(context)), ...(await readSettings(context))],
  };
}

async function readOwnRoles(context: ReadContext): Promise<Draft[]> {
  type RoleRow = {
    oid: number;
    raw: string;
    name: string;
    flags: Record<string, boolean>;
    limit: number;
    until: string | null;
  };
  const rows = await context.session.rows<RoleRow>(
    `select r.oid, r.rolname as raw, quote_ident(r.rolname) as name, r.rolconnlimit as "limit",
       r.rolvaliduntil::text as until,
       json_build_object('SUPERUSER', r.rolsuper, 'CREATEDB', r.rolcreatedb, 'CREATEROLE', r.rolcreaterole,
         'INHERIT', r.rolinherit, 'LOGIN', r.rolcanlogin, 'REPLICATION', r.rolreplication,
         'BYPASSRLS', r.rolbypassrls) as flags
     from pg_roles r`,
  );
  return rows
    .filter((row) => !isReservedRole(row.raw))
    .map((row) => {
      const given = context.heir === null ? row.flags : { ...row.flags, SUPERUSER: false };
      const flags = Object.entries(given).map(([word, set]) => (set ? word : `NO${word}`));
      const definition = words(
        ...flags,
        row.limit >= 0 && `CONNECTION LIMIT ${row.limit}`,
        row.until !== null && `VALID UNTIL ${literal(row.until)}`,
      );
      return makeDraft({
        kind: 'role',
        identity: row.name,
        definition,
        create: [`CREATE ROLE ${row.name} WITH ${definition}`],
        sqlName: `ROLE ${row.name}`,
        address: address(CLASS.role, row.oid),
      });
    });
}

/**
 * Memberships that involve a role of the user's own, or a login among the API roles (a user's own role given to
 * `authenticator`). Options by grantor are united. Before 16 INHERIT was the member's own attribute and SET a given.
 */
async function readMemberships(context: ReadContext): Promise<Draft[]> {
  type MembershipRow = { role: string; member: string; raw: string[]; admin: boolean; inherit: boolean; set: boolean };
  const modern = context.version >= 160_000;
  const rows = await context.session.rows<MembershipRow>(
    `select quote_ident(r.rolname) as role, quote_ident(m.rolname) as member,
       json_build_array(r.rolname, m.rolname) as raw, bool_or(x.admin_option) as admin,
       bool_or(${modern ? 'x.inherit_option' : 'm.rolinherit'}) as inherit,
       bool_or(${modern ? 'x.set_option' : 'true'}) as set
     from pg_auth_members x join pg_roles r on r.oid = x.roleid join pg_roles m on m.oid = x.member
     group by r.rolname, m.rolname`,
  );
  return rows
    .filter(({ raw }) => raw.some((name) => !isReservedRole(name)) && raw.every(isKnownElsewhere))
    .filter(({ raw }) => !raw.some((name) => REACHES_THE_SERVER.includes(name)))
    .map((row) => {
      const definition = `ADMIN ${upper(row.admin)}, INHERIT ${upper(row.inherit)}, SET ${upper(row.set)}`;
      return makeDraft({
        kind: 'role-membership',
        identity: `${row.role} to ${row.member}`,
        definition,
        create: [`GRANT ${row.role} TO ${row.member} WITH ${definition}`],
        drop: `REVOKE ${row.role} FROM ${row.member}`,
        needs: [`role ${row.role}`, `role ${row.member}`],
      });
    });
}

/** Predefined roles that read and write files of the server and run programs there. */
const REACHES_THE_SERVER = ['pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'];

/** A role that the target will have: the user's own, the API's, `postgres`, or one of Postgres' predefined ones. */
function isKnownElsewhere(name: string): boolean {
  return !isReservedRole(name) || API_ROLES.includes(name) || name === 'postgres' || name.startsWith('pg_');
}

function upper(value: boolean): string {
  return value ? 'TRUE' : 'FALSE';
}
