import type { Session } from '../../foundation/postgres/session.ts';
import { contentQuery, hashHex } from './hash.ts';
import type { PlannedTable } from './plan/model.ts';

/** What one table holds on either side. Equal rows and equal hash mean equal content, up to one chance in 2^64. */
export interface Comparison {
  readonly equal: boolean;
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly sourceHash: string;
  readonly targetHash: string;
}

/** Counts and hashes a table (or the part that `where` selects) on both sides at once. */
export async function compareTable(
  source: Session,
  target: Session,
  table: PlannedTable,
  where: string | null = null,
): Promise<Comparison> {
  const query = contentQuery(table.identity, table.columns, where);
  const [left, right] = await Promise.all([content(source, query), content(target, query)]);
  return {
    equal: left.rows === right.rows && left.hash === right.hash,
    sourceRows: left.rows,
    targetRows: right.rows,
    sourceHash: left.hash,
    targetHash: right.hash,
  };
}

async function content(session: Session, query: string): Promise<{ rows: number; hash: string }> {
  const [row] = await session.rows<{ rows: string; hash: string }>(query);
  if (!row) throw new Error('no content row');
  return { rows: Number(row.rows), hash: hashHex(row.hash) };
}
