import type { CommandWords } from '../errors.ts';
import type { Estimate } from '../estimate.ts';
import type { Finding } from '../preflight/finding.ts';
import { groupByReason, withSubcommand } from './claims.ts';
import { bytes, count, duration, whole } from '../../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../../foundation/core/style.ts';
import { textTable, wrap } from '../../../foundation/core/text-table.ts';
import { visible } from '../../../foundation/core/visible.ts';
import type { Inventory, PlanReport } from '../show-plan.ts';

const LIST_ALL = 30;
const LIST_LARGEST = 15;

/** The plan as `migrate plan` prints it: what stands in the way first, the command to run last. */
export function renderPlan(plan: PlanReport, words: CommandWords, style: Style = PLAIN): string {
  const blocks = [
    head(plan, style),
    ...(['blocker', 'warning', 'note'] as const).map((level) => findings(plan.findings, level, style)),
    tables(plan.inventory, style),
    inventory(plan.inventory, style),
    time(plan.estimate, style),
    leftOut(plan, style),
    next(plan, words, style),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

function head({ source, target, serverVersion, inventory: { databaseBytes } }: PlanReport, style: Style): string[] {
  const version = `${Math.floor(serverVersion / 10_000)}.${serverVersion % 10_000}`;
  return [
    style.bold('Plan of a migration: nothing has been written'),
    `  ${style.dim('from')}  ${visible(source)}  ${style.dim(`Postgres ${version}, ${bytes(databaseBytes)}`)}`,
    `  ${style.dim('to')}    ${visible(target)}`,
  ];
}

function findings(all: readonly Finding[], level: Finding['level'], style: Style): string[] {
  const found = all.filter((finding) => finding.level === level);
  if (found.length === 0) return [];
  const [mark, title, paint] = {
    blocker: ['✗', count(found.length, 'blocker'), style.red],
    warning: ['!', count(found.length, 'warning'), style.yellow],
    note: ['·', count(found.length, 'note'), style.dim],
  }[level] as [string, string, (text: string) => string];
  return [
    paint(title),
    ...found.flatMap(({ what, fix }) => [
      ...wrap(visible(what), `  ${paint(mark)} `, '    '),
      ...(fix === null ? [] : fixLines(visible(fix), style)),
    ]),
  ];
}

/** A sentence a line and no further breaks: what is to be typed must come out of the terminal in one piece. */
function fixLines(fix: string, style: Style): string[] {
  const sentences = fix.length <= 92 ? [fix] : fix.split(/(?<=\.) (?=[A-Z])/);
  return sentences.map((sentence, index) => `    ${index === 0 ? style.green('→') : ' '} ${sentence}`);
}

function tables({ tables: all }: Inventory, style: Style): string[] {
  if (all.length === 0) return ['No tables.'];
  const moved = all.filter(({ excluded }) => !excluded);
  const shown =
    all.length <= LIST_ALL
      ? all
      : [...all.filter(({ excluded }) => excluded), ...moved.slice(0, LIST_LARGEST)].toSorted(
          (a, b) => b.bytes - a.bytes,
        );
  const rows = shown.map((table) => [
    table.table,
    table.rows < 0 ? '?' : `~${whole(table.rows)}`,
    bytes(table.bytes),
    table.parts === 1 ? '' : whole(table.parts),
    table.format,
    table.excluded ? { text: 'rows stay', paint: style.yellow } : table.required ? 'required' : '',
  ]);
  const right = { align: 'right' as const };
  const columns = [
    { title: 'TABLE' },
    { title: 'ROWS', ...right },
    { title: 'SIZE', ...right },
    { title: 'PARTS', ...right },
    { title: 'FORMAT' },
    { title: '' },
  ];
  const known = moved.reduce((sum, table) => sum + Math.max(0, table.rows), 0);
  const size = moved.reduce((sum, table) => sum + table.bytes, 0);
  const rest = all.length - shown.length;
  const required = all.filter((table) => table.required).length;
  return [
    `${style.bold(count(moved.length, 'table'))} to move, about ${count(known, 'row')}, ${bytes(size)}${required > 0 ? `; ${whole(required)} of them required` : ''}`,
    ...textTable(columns, rows, style.dim),
    ...(rest === 0 ? [] : [style.dim(`  and ${whole(rest)} more, each smaller`)]),
  ];
}

function inventory(found: Inventory, style: Style): string[] {
  const line = (label: string, items: readonly string[]): string[] =>
    items.length === 0 ? [] : wrap(visible(items.join(', ')), `  ${style.dim(label.padEnd(12))}  `, ' '.repeat(16));
  const made = Object.entries(found.made).toSorted(([, a], [, b]) => b - a);
  const counted = (number: number | null, noun: string): string[] => (number ? [count(number, noun)] : []);
  const lines = [
    ...line(
      'objects',
      made.map(([kind, number]) => count(number, nounOf(kind))),
    ),
    ...line('extensions', found.extensions),
    ...line('roles', found.roles),
    ...line('publications', found.publications),
    ...line(
      'passwords',
      Object.entries(found.passwordKinds).map(([kind, users]) => `${count(users, 'user')} ${passwordWords(kind)}`),
    ),
    ...line(
      'buckets',
      found.buckets.map(({ id, objects, bytes: size }) => `${id} (${count(objects, 'file')}, ${bytes(size)})`),
    ),
    ...line('platform', [
      ...counted(found.cronJobs, 'cron job'),
      ...counted(found.vaultSecrets, 'vault secret'),
      ...counted(found.webhooks, 'webhook'),
    ]),
  ];
  return lines.length === 0 ? [] : [style.bold('What else is there'), ...lines];
}

/** Where the kind's own name does not read as a countable noun. */
const NOUNS: Readonly<Record<string, string>> = {
  'row-security': 'row security switch',
  'text-search': 'text search object',
  'attach-partition': 'partition',
  'attach-index': 'attached index',
  'publication-table': 'published table',
  statistics: 'extended statistic',
};

function nounOf(kind: string): string {
  return NOUNS[kind] ?? kind.replaceAll('-', ' ');
}

function passwordWords(kind: string): string {
  return { none: 'without one', unknown: 'of unknown kind', '{': 'sealed by the platform' }[kind] ?? `as ${kind}`;
}

function time({ dataBytes, indexBytes, bytesPerSecond, seconds }: Estimate, style: Style): string[] {
  const amount = `${bytes(dataBytes)} of rows, ${bytes(indexBytes)} of indexes`;
  const text =
    seconds === null || bytesPerSecond === null
      ? `${amount}: too little to measure, seconds rather than minutes.`
      : `${amount}: about ${duration(Math.max(1, seconds))}, proof included. Reading was measured at ${bytes(bytesPerSecond)}/s a connection; a small source may slow down over hours.`;
  return [style.bold('How long it takes'), ...wrap(text, '  ', '  ')];
}

function leftOut(plan: PlanReport, style: Style): string[] {
  const groups = groupByReason(plan.leftOut);
  if (groups.length === 0) return [];
  return [
    style.bold('What will not come along, and why'),
    ...groups.flatMap(({ why, keys }) => wrap(visible(`${keys.join(', ')}: ${why}`), `  ${style.dim('·')} `, '    ')),
  ];
}

function next({ findings: all, existingRun }: PlanReport, words: CommandWords, style: Style): string[] {
  const blockers = all.filter(({ level }) => level === 'blocker').length;
  const command = (text: string): string => `  ${style.bold(text)}`;
  if (existingRun?.state === 'running')
    return [
      'The target holds an unfinished migration. Continue it, or take back what it made:',
      command(words.resume),
      command(words.abort),
    ];
  if (existingRun?.state === 'aborting')
    return ['The target holds a migration that is being taken back. Finish that first:', command(words.abort)];
  if (existingRun)
    return [
      'The target holds a finished migration. Compare it with the source, or take it back first to move anew:',
      command(withSubcommand(words, 'verify')),
      command(words.abort),
    ];
  if (blockers > 0)
    return [
      `${style.red(blockers === 1 ? 'Mend the blocker' : `Mend the ${whole(blockers)} blockers`)} above, then look again:`,
      command(withSubcommand(words, 'plan')),
    ];
  return [`${style.green('Nothing stands in the way.')} Start with:`, command(words.migrate)];
}
