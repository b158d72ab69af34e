import { duration, instant, whole } from '../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../foundation/core/style.ts';
import { wrap } from '../../foundation/core/text-table.ts';
import { visible } from '../../foundation/core/visible.ts';
import type { SlowQuery, SlowReport } from './slow.ts';

/** Long enough to recognise a query by; `--json` has all of it. */
const SHOWN = 280;

export function renderSlow(report: SlowReport, style: Style = PLAIN): string {
  const { queries, overMs, from, since, database } = report;
  const source = from === 'log' ? 'the log of the server' : 'pg_stat_statements';
  return [
    '',
    queries.length === 0
      ? `  ${style.green('✓')} ${style.bold(`No query took longer than ${overMs} ms`)}`
      : `  ${style.bold(`Queries that took longer than ${overMs} ms`)}, the most time in total first`,
    `  ${style.dim(`database ${database}, from ${source}${since === null ? '' : `, since ${instant(since)}`}`)}`,
    ...queries.flatMap((query) => ['', ...one(query, style)]),
    '',
    '',
  ].join('\n');
}

function one({ query, calls, meanMs, maxMs, totalMs, role }: SlowQuery, style: Style): string[] {
  const text = visible(query.replaceAll(/\s+/g, ' ').trim());
  const figures = [
    `${duration(totalMs / 1000)} in ${whole(calls)} call${calls === 1 ? '' : 's'}`,
    `mean ${Math.round(meanMs)} ms`,
    `longest ${Math.round(maxMs)} ms`,
    ...(role === null ? [] : [`by ${visible(role)}`]),
  ];
  return [
    `  ${style.bold(figures[0] ?? '')}, ${figures.slice(1).join(', ')}`,
    ...wrap(text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`, '    ', '    ').map((line) =>
      style.dim(line),
    ),
  ];
}
