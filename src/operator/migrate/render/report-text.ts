import type { CommandWords } from '../errors.ts';
import type { MigrationReport, TableReport, TableStatus } from '../report.ts';
import {
  BARE_WORDS,
  byInterest,
  consistencyWords,
  groupByReason,
  nextSteps,
  requiredWords,
  rowsHere,
  some,
  verdict,
  whyStopped,
} from './claims.ts';
import { bytes, count, duration, whole } from '../../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../../foundation/core/style.ts';
import { textTable, wrap } from '../../../foundation/core/text-table.ts';
import { visible } from '../../../foundation/core/visible.ts';

/** Up to here every table is listed; above, the largest and every one that is not well. */
const LIST_ALL = 30;
const LIST_LARGEST = 15;

/** The report as it is printed at the end of a run: at most 100 columns, what went wrong before what went well. */
export function renderReport(
  report: MigrationReport,
  files?: { readonly html: string; readonly json: string },
  { style = PLAIN, words = BARE_WORDS }: { readonly style?: Style; readonly words?: CommandWords } = {},
): string {
  const blocks = [
    head(report, style),
    tables(report, style),
    checks(report, style),
    differing(report, style),
    leftOut(report, style),
    files ? [`  ${style.dim('report')}  ${visible(files.html)}`, `          ${visible(files.json)}`] : [],
    nextSteps(report, words).flatMap(({ text, command }, index) => [
      ...wrap(text, `  ${index === 0 ? style.dim('next') : '    '}    `, ' '.repeat(10)),
      ...(command === null ? [] : [`            ${style.bold(command)}`]),
    ]),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

function head(report: MigrationReport, style: Style): string[] {
  const { tone, title, sentence } = verdict(report);
  const [mark, paint] = tone === 'ok' ? ['✓', style.green] : tone === 'warn' ? ['!', style.yellow] : ['✗', style.red];
  const consistency = consistencyWords(report);
  const why = whyStopped(report);
  const line = (label: string, text: string): string[] =>
    wrap(visible(text), `  ${style.dim(label.padEnd(6))}  `, ' '.repeat(10));
  return [
    paint(`${mark} ${title}`),
    ...wrap(visible(sentence), '  ', '  '),
    '',
    ...(why === null ? [] : line('why', why)),
    ...line('from', report.source),
    ...line('to', report.target),
    ...(report.kind === 'verification'
      ? line('took', duration(report.totals.seconds))
      : line('data', `${bytes(report.totals.bytes)} copied; ${duration(report.totals.seconds)} from start to end`)),
    ...line('as of', `${consistency.label}. ${consistency.text}`),
  ];
}

function tables(report: MigrationReport, style: Style): string[] {
  if (report.tables.length === 0) return [];
  const ordered = byInterest(report.tables);
  const shown = ordered.length <= LIST_ALL ? ordered : pick(ordered, report.outcome === 'stopped');
  const rest = ordered.filter((table) => !shown.includes(table));
  const rows = shown.map((table) => [
    table.table,
    table.sourceRows === null ? '–' : whole(table.sourceRows),
    whole(rowsHere(table)),
    ...(table.attempt === null ? ['–', '–'] : [bytes(table.bytes), duration(table.seconds)]),
    { text: `${statusMark(table)} ${table.status}`, paint: statusPaint(table, style) },
  ]);
  const columns = [
    { title: 'TABLE' },
    ...['SOURCE ROWS', 'ROWS HERE', 'DATA', 'TIME'].map((title) => ({ title, align: 'right' as const })),
    { title: 'STATUS' },
  ];
  return [
    ...textTable(columns, rows, style.dim),
    ...(rest.length === 0 ? [] : [style.dim(`  and ${whole(rest.length)} more, ${restWords(rest)}`)]),
  ];
}

/** The largest, and every one that should be well and is not. What was not begun before a stop, or left as asked, is no news. */
function pick(ordered: readonly TableReport[], stopped: boolean): TableReport[] {
  const news = new Set<TableStatus>(stopped ? ['differs', 'part-way'] : ['differs', 'part-way', 'not begun']);
  const trouble = ordered.filter(({ status }) => news.has(status));
  const done = ordered
    .filter(({ status }) => status === 'verified' || status === 'copied')
    .toSorted((a, b) => b.bytes - a.bytes);
  return [...trouble, ...done.slice(0, LIST_LARGEST)];
}

/** `all verified`, or how many are what. */
function restWords(rest: readonly TableReport[]): string {
  const numbers = new Map<TableStatus, number>();
  for (const { status } of rest) numbers.set(status, (numbers.get(status) ?? 0) + 1);
  const [only] = numbers.keys();
  return numbers.size === 1
    ? `all ${only}`
    : [...numbers].map(([status, number]) => `${whole(number)} ${status}`).join(', ');
}

function statusMark({ status }: TableReport): string {
  return { verified: '✓', copied: '·', differs: '✗', 'part-way': '!', 'not begun': '!', 'rows left out': '·' }[status];
}

function statusPaint({ status }: TableReport, style: Style): (text: string) => string {
  return {
    verified: style.green,
    copied: style.dim,
    differs: style.red,
    'part-way': style.yellow,
    'not begun': style.yellow,
    'rows left out': style.dim,
  }[status];
}

/** What was checked besides the rows, a line each. */
function checks(report: MigrationReport, style: Style): string[] {
  const { catalogue, foreignKeys, sequences } = report;
  const required = requiredWords(report);
  const line = (label: string, ok: boolean, text: string): string[] =>
    wrap(visible(text), `  ${ok ? style.green('✓') : style.red('✗')} ${style.dim(label.padEnd(12))}  `, ' '.repeat(18));
  return [
    ...(required ? line('required', required.ok, required.text) : []),
    ...(catalogue
      ? line(
          'catalogue',
          catalogue.different.length === 0,
          `${count(catalogue.compared, 'object')} compared: ${whole(catalogue.equal)} equal, ${whole(catalogue.explained.length)} explained, ${whole(catalogue.different.length)} different`,
        )
      : []),
    ...(foreignKeys
      ? line(
          'foreign keys',
          foreignKeys.notValid.length === 0,
          [
            `${whole(foreignKeys.valid)} valid`,
            ...(foreignKeys.asOnSource.length > 0
              ? [`${whole(foreignKeys.asOnSource.length)} not valid, as on the source: ${some(foreignKeys.asOnSource)}`]
              : []),
            ...(foreignKeys.notValid.length > 0
              ? [`${whole(foreignKeys.notValid.length)} not valid: ${some(foreignKeys.notValid)}`]
              : []),
          ].join('; '),
        )
      : []),
    ...(sequences
      ? line(
          'sequences',
          sequences.behind.length === 0,
          `${whole(sequences.set)} set, ${sequences.behind.length === 0 ? 'none behind' : `behind: ${some(sequences.behind)}`}`,
        )
      : []),
  ];
}

/** Every difference by its full name: the table above may have shortened it. */
function differing({ tables: all, catalogue }: MigrationReport, style: Style): string[] {
  const content = all
    .filter(({ status }) => status === 'differs')
    .flatMap((table) => [
      `  ${style.red('✗')} ${style.bold(visible(table.table))}`,
      `      source  ${whole(table.sourceRows ?? 0)} rows, hash ${table.sourceHash ?? '–'}`,
      `      here    ${whole(rowsHere(table))} rows, hash ${table.targetHash ?? '–'}`,
    ]);
  const objects = (catalogue?.different ?? [])
    .slice(0, LIST_ALL)
    .flatMap(({ key, expected, found }) => [
      `  ${style.red('✗')} ${style.bold(visible(key))}`,
      `      source  ${clip(expected)}`,
      `      here    ${found === null ? style.red('missing') : clip(found)}`,
    ]);
  const hidden = (catalogue?.different.length ?? 0) - LIST_ALL;
  return [
    ...content,
    ...objects,
    ...(hidden > 0 ? [style.dim(`  and ${whole(hidden)} more objects, all in the report`)] : []),
  ];
}

function leftOut(report: MigrationReport, style: Style): string[] {
  const groups = groupByReason(report.leftOut);
  if (groups.length === 0) return [];
  return [
    `  ${style.bold('Did not come along')}`,
    ...groups
      .slice(0, LIST_ALL)
      .flatMap(({ why, keys }) => wrap(visible(`${some(keys)}: ${why}`), `  ${style.dim('·')} `, '    ')),
    ...(groups.length > LIST_ALL
      ? [style.dim(`  and ${whole(groups.length - LIST_ALL)} more reasons, all in the report`)]
      : []),
  ];
}

/** The start of a definition on one line; both whole ones are in the report. */
function clip(definition: string): string {
  const line = visible(definition.replaceAll(/\s+/g, ' ').trim());
  return line.length <= 84 ? line : `${line.slice(0, 83)}…`;
}
