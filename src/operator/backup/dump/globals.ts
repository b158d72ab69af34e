/**
 * Of what pg_dumpall writes about roles, the lines about roles that are not there yet. Those that are there keep the
 * passwords and rights of now: an installation logs in with them.
 *
 * @param sql of `pg_dumpall --globals-only`: one statement a line
 * @param present names of the roles that the server has
 */
export function missingRoles(sql: string, present: ReadonlySet<string>): string[] {
  const statements = sql.split('\n').filter((line) => /^(CREATE|ALTER) ROLE |^GRANT /.test(line) && line.endsWith(';'));
  return statements.filter((line) => {
    const [, role] = /^(?:CREATE|ALTER) ROLE ("(?:[^"]|"")+"|[^\s;]+)/.exec(line) ?? [];
    if (role !== undefined) return !present.has(unquoted(role));
    // GRANT group TO member …: a member that is there has its groups.
    const [, member] = / TO ("(?:[^"]|"")+"|[^\s;]+)/.exec(line) ?? [];
    return member !== undefined && !present.has(unquoted(member));
  });
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
