import { createHash } from 'node:crypto';
import { ident, literal } from '../../../foundation/postgres/sql.ts';
import { makeDraft, type Draft, type ReadContext } from './context.ts';
import { API_ROLES, isKeptSetting, isReservedRole } from '../../../foundation/postgres/managed.ts';

type SettingRow = { role: string | null; role_name: string | null; here: boolean; settings: string[] };

/** Settings whose value is a list of names, each quoted by itself (Postgres' GUC_LIST_QUOTE). */
const LISTS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);
/** Compiled code for every login; where the file is missing, nobody could log in at all. Told by unsupported.ts. */
const LOADS_CODE = /_preload_libraries$|^dynamic_library_path$/;
const SECRET = /secret|password|passwd|token|key/i;

/**
 * Settings of roles (everywhere, and in this database) and of the database. Of the reserved roles only the API's own
 * and `postgres` count, and only the settings that the platform lets an owner choose.
 */
export async function readSettings(context: ReadContext): Promise<Draft[]> {
  const rows = await context.session.rows<SettingRow>(
    `select r.rolname as role, quote_ident(r.rolname) as role_name, s.setdatabase <> 0 as here,
       to_json(s.setconfig) as settings
     from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
     where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
       and (s.setrole = 0 or r.oid is not null)`,
  );
  return rows.flatMap((row) =>
    row.settings.flatMap((setting) => {
      const at = setting.indexOf('=');
      return settingDraft(row, setting.slice(0, at), setting.slice(at + 1));
    }),
  );
}

/** A source is often frozen with the first of them before a move: carried over they would freeze the target. */
const OF_THE_MOMENT = /^(default_)?transaction_|^session_replication_role$/;

function settingDraft(row: SettingRow, name: string, value: string): Draft[] {
  if (LOADS_CODE.test(name) || (row.role === null && OF_THE_MOMENT.test(name))) return [];
  if (row.role !== null && isReservedRole(row.role)) {
    if (!API_ROLES.includes(row.role) && row.role !== 'postgres') return [];
    if (!isKeptSetting(name)) return [];
  }
  const parameter = name
    .split('.')
    .map((part) => ident(part))
    .join('.');
  const wanted = `SET ${parameter} TO ${valueText(name, value)}`;
  const definition = SECRET.test(name) ? `${name} = (hidden, sha256 ${fingerprint(value)})` : `${name} = ${value}`;
  if (row.role_name === null) {
    const draft = makeDraft({
      kind: 'database-setting',
      identity: name,
      definition,
      create: [inThisDatabase('', wanted)],
      drop: inThisDatabase('', `RESET ${parameter}`),
    });
    return [draft];
  }
  const role = row.role_name;
  const draft = makeDraft({
    kind: 'role-setting',
    identity: `${role} ${row.here ? 'here ' : ''}${name}`,
    definition,
    create: [row.here ? inThisDatabase(`ROLE ${role} IN `, wanted) : `ALTER ROLE ${role} ${wanted}`],
    drop: row.here ? inThisDatabase(`ROLE ${role} IN `, `RESET ${parameter}`) : `ALTER ROLE ${role} RESET ${parameter}`,
    needs: [`role ${role}`],
  });
  return [draft];
}

/** The database may have another name on the other side, and ALTER DATABASE takes no expression. */
function inThisDatabase(prefix: string, tail: string): string {
  const format = literal(`ALTER ${prefix}DATABASE %I ${tail.replaceAll('%', '%%')}`);
  return `DO ${dollarQuoted(`BEGIN EXECUTE format(${format}, current_database()); END`)}`;
}

function dollarQuoted(body: string): string {
  let tag = '$do$';
  while (body.includes(tag)) tag = tag.replace('$', '$x');
  return `${tag} ${body} ${tag}`;
}

function valueText(name: string, value: string): string {
  if (!LISTS.has(name)) return literal(value);
  const names = value.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? [];
  if (names.length === 0) return "''";
  return names.map((part) => literal(part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part)).join(', ');
}

function fingerprint(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16);
}
