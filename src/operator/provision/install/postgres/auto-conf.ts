export interface Override {
  readonly name: string;
  readonly value: string;
}

/**
 * Settings of ours that `postgresql.auto.conf`, which ALTER SYSTEM writes and Postgres reads last, sets to something
 * else. Both are texts of files.
 */
export function overriddenBy(auto: string, ours: string): Override[] {
  const wanted = new Map(settingsIn(ours).map(({ name, value }) => [name, value]));
  return settingsIn(auto).filter(({ name, value }) => wanted.has(name) && wanted.get(name) !== value);
}

/** `name = 'value'` and its shorter forms; where a name comes twice, the last one counts. */
function settingsIn(text: string): Override[] {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, quoted, plain] = /^\s*([a-z_][\w.]*)\s*=?\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))/i.exec(line) ?? [];
    if (name !== undefined) found.set(name.toLowerCase(), plain ?? unquoted(quoted ?? ''));
  }
  return [...found].map(([name, value]) => ({ name, value }));
}

const unquoted = (text: string): string => text.replaceAll("''", "'").replaceAll(/\\(.)/g, '$1');
