/**
 * Postgres 16 stopped printing `t.` before the columns of a query over one table (commit 1b4d280ea took the OLD and
 * NEW entries out of stored view queries, and the printer prefixes where it counts more than one entry, so three here stand for one). So the same
 * view reads differently on 15 and on 16 to 18. Here the older text is brought to the newer form.
 */

/**
 * The query in the form that 16 and later print.
 * @param tree `pg_rewrite.ev_action` of a server before 16; null where the text has the newer form already
 */
export function comparableQuery(query: string, tree: string | null): string {
  if (tree === null) return query;
  const entries = rangeTable(tree);
  if (entries.length !== 3) return query;
  const alias = aliasOf(entries[2] ?? '');
  return alias === null ? query : stripPrefix(query, alias);
}

/** The texts of the outermost range table's entries. Deeper queries (CTEs) may stand before it in the tree. */
function rangeTable(tree: string): string[] {
  const entries: string[] = [];
  let depth = 0;
  let from = 0;
  let inside = false;
  for (let at = 0; at < tree.length; at += 1) {
    const char = tree[at];
    if (char === '\\') at += 1;
    else if (char === '{') {
      if (inside && depth === 1) from = at;
      depth += 1;
    } else if (char === '}') {
      depth -= 1;
      if (inside && depth === 1) entries.push(tree.slice(from, at + 1));
    } else if (depth === 1 && char === ':' && tree.startsWith(':rtable (', at)) inside = true;
    else if (depth === 1 && char === ')' && inside) break;
  }
  return entries;
}

/** The name by which an entry is known: `:eref {ALIAS :aliasname x …`. */
function aliasOf(entry: string): string | null {
  const name = /:eref \{ALIAS :aliasname ((?:\\.|[^\s\\])+)/.exec(entry)?.[1];
  return name === undefined ? null : name.replaceAll(/\\(.)/g, '$1');
}

/** Takes `alias.` away wherever it stands before a column, outside of texts and of sub-queries, which keep it. */
function stripPrefix(query: string, alias: string): string {
  const tokens = query.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\s+|./gsu) ?? [];
  const spelled = new Set([alias, `"${alias.replaceAll('"', '""')}"`]);
  const subquery: boolean[] = [];
  let out = '';
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    if (token === '(') subquery.push(startsQuery(tokens, at + 1));
    else if (token === ')') subquery.pop();
    const dotted = spelled.has(token) && tokens[at + 1] === '.' && tokens[at - 1] !== '.';
    // `t.*` keeps its prefix everywhere; `FROM x.y` and `x.f(` name a schema.
    const column = dotted && tokens[at + 2] !== '*' && tokens[at + 3] !== '(' && tokens[at - 2] !== 'FROM';
    if (column && !subquery.includes(true)) at += 1;
    else out += token;
  }
  return out;
}

function startsQuery(tokens: readonly string[], from: number): boolean {
  const word = tokens.slice(from, from + 3).find((token) => token.trim() !== '');
  return word === 'SELECT' || word === 'WITH' || word === 'VALUES';
}
