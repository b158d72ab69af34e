/** A double-quoted SQL identifier. Quotes always: what needs no quotes reads the same to Postgres. */
export function ident(...parts: string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/** A single-quoted SQL literal, safe whatever `standard_conforming_strings` says. Values go in parameters; this is for DDL. */
export function literal(value: string): string {
  const quoted = `'${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return value.includes('\\') ? `E${quoted}` : quoted;
}
