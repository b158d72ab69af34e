/** A view's column, and the table's column that it shows unchanged. */
export interface ViewColumn {
  /** Position in the view, from 1. */
  readonly number: number;
  /** pg_class oid of the table or view that it comes from. */
  readonly table: string;
  readonly column: number;
}

/**
 * Reads the outermost target list from a view's stored query tree (`pg_rewrite.ev_action`). Postgres notes the origin
 * of each plain column there; an expression, an aggregate or a UNION has origin 0.
 */
export function viewColumns(tree: string): ViewColumn[] {
  const found: ViewColumn[] = [];
  let depth = 0;
  let start = -1;
  for (let at = 0; at < tree.length; at++) {
    const char = tree[at];
    if (char === '\\') at++;
    else if (char === '{') {
      depth++;
      // {QUERY … {TARGETENTRY …}}: deeper ones belong to subqueries.
      if (depth === 2 && tree.startsWith('TARGETENTRY', at + 1)) start = at;
    } else if (char === '}') {
      if (depth === 2 && start >= 0) {
        const column = origin(tree.slice(start, at));
        if (column) found.push(column);
        start = -1;
      }
      depth--;
    }
  }
  return found;
}

function origin(entry: string): ViewColumn | undefined {
  const match =
    /:resno (\d+) :resname .* :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (\d+) :resjunk false$/s.exec(entry);
  if (!match || match[2] === '0' || match[1] === undefined || match[2] === undefined) return undefined;
  return { number: Number(match[1]), table: match[2], column: Number(match[3]) };
}
