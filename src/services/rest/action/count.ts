import type { RawRow } from '../../../foundation/postgres/wire/wire.ts';
import type { Preferences } from '../parse/prefer.ts';
import type { ReadNode } from '../plan/read.ts';
import type { Outcome } from '../reply/outcome.ts';
import { Params } from '../sql/params.ts';
import { matchesSql } from '../sql/read.ts';
import type { Statement } from '../transaction.ts';
import type { ActionContext } from './context.ts';

interface Counting {
  /** For the main statement. */
  readonly matches: string | undefined;
  /** Before it. */
  readonly statements: readonly Statement[];
}

/**
 * What must run so that `countedTotal` can tell how many rows match. An exact count of a page without bounds is the
 * page itself.
 */
export function countStatements(
  node: ReadNode,
  params: Params,
  count: Preferences['count'],
  { cache, plan }: Pick<ActionContext, 'cache' | 'plan'>,
): Counting {
  if (count === undefined) return { matches: undefined, statements: [] };
  const matches = (): string => matchesSql(node, { params, cache });
  if (count === 'exact') return { matches: isBounded(node) ? matches() : undefined, statements: [] };
  const own = new Params();
  const planned = matchesSql(node, { params: own, cache });
  const statements = [{ text: `explain (format json) ${planned}`, values: own.values }];
  const limited = count === 'estimated' && plan.maxRows !== undefined;
  return { matches: limited ? `${matches()} limit ${plan.maxRows + 1}` : undefined, statements };
}

export function countedTotal(
  { total, rows }: Pick<Outcome, 'total' | 'rows'>,
  plan: readonly RawRow[] | undefined,
  count: Preferences['count'],
  maxRows: number | undefined,
  node: ReadNode,
): number | undefined {
  if (count === undefined) return undefined;
  if (count === 'exact') return isBounded(node) ? total : rows;
  const guess = plannedRows(plan);
  if (count === 'planned') return guess;
  return total !== undefined && maxRows !== undefined && total <= maxRows ? total : Math.max(guess, total ?? 0);
}

function isBounded({ limit, offset }: ReadNode): boolean {
  return limit !== undefined || offset > 0;
}

function plannedRows(plan: readonly RawRow[] | undefined): number {
  const [first] = JSON.parse(plan?.[0]?.[0]?.toString() ?? '[]') as Array<{ Plan: { 'Plan Rows': number } }>;
  return first?.Plan['Plan Rows'] ?? 0;
}
