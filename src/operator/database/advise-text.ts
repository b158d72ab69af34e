import { bytes, count, duration, whole } from '../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../foundation/core/style.ts';
import { textTable, wrap } from '../../foundation/core/text-table.ts';
import { visible } from '../../foundation/core/visible.ts';
import { actionsOf, type Drops } from './run.ts';
import type { Advice, AdviceReport, IndexAction, SpareIndex } from './model.ts';
import type { UndoReport } from './undo.ts';

/** Words that continue from here, with the flags that say where. */
export interface AdviseWords {
  readonly apply: string;
  readonly undo: string;
}

/** The plan: what would be made, what could go. */
export function renderAdvice(advice: Advice, drops: Drops, words: AdviseWords, style: Style = PLAIN): string {
  const actions = actionsOf(advice, drops);
  const { looked, wanted } = advice;
  const size = actions.reduce((sum, { action, bytes: each }) => sum + (action === 'drop' ? 0 : each), 0);
  return [
    '',
    wanted.length === 0
      ? `  ${style.green('✓')} ${style.bold('No index is missing')}`
      : `  ${style.yellow('!')} ${style.bold(`${count(wanted.length, 'index')} advised`)}, about ${bytes(size)}`,
    `  ${style.dim(`${count(looked.tables, 'table')}, ${count(looked.indexes, 'index')}, ${count(looked.foreignKeys, 'foreign key')} of ${advice.database} looked at`)}`,
    '',
    ...(actions.length === 0 ? [] : [...actionTable(actions, style), '']),
    ...spareLines(advice, drops, style),
    ...(actions.length === 0
      ? []
      : [
          `  Built CONCURRENTLY: nobody who reads or writes has to wait. Stopped half-way, the same command goes on.`,
          `  ${style.bold(words.apply)}`,
          '',
        ]),
    '',
  ].join('\n');
}

/** What was done. */
export function renderApplied(report: AdviceReport, words: AdviseWords, style: Style = PLAIN): string {
  const done = (report.applied ?? []).filter(({ done: good }) => good);
  const failed = (report.applied ?? []).filter(({ done: good }) => !good);
  return [
    '',
    report.applied?.length === 0
      ? `  ${style.green('✓')} ${style.bold('No index is missing')}; nothing was done`
      : `  ${failed.length === 0 ? style.green('✓') : style.red('✗')} ${style.bold(`${whole(done.length)} of ${count(report.applied?.length ?? 0, 'action')} done`)}`,
    '',
    ...outcomeLines(report.applied ?? [], style),
    ...(done.length === 0 ? [] : ['', `  ${style.dim(`Taken back by: ${words.undo}`)}`]),
    '',
    '',
  ].join('\n');
}

export function renderUndone(report: UndoReport, style: Style = PLAIN): string {
  if (report.undone.length === 0) return `\n  Nothing to take back: no index of ${report.database} is on record.\n\n`;
  return ['', ...outcomeLines(report.undone, style), '', ''].join('\n');
}

function outcomeLines(outcomes: NonNullable<AdviceReport['applied']>, style: Style): string[] {
  const verb = { create: 'made', rebuild: 'rebuilt', drop: 'dropped' };
  return outcomes.flatMap(({ action, index, done, ms, bytes: size, error }) =>
    done
      ? [
          `  ${style.green('✓')} ${verb[action]} ${visible(index)}  ${style.dim([...(size === null ? [] : [bytes(size)]), duration(ms / 1000)].join(', '))}`,
        ]
      : wrap(
          visible(`${error?.code ?? ''} ${error?.message ?? ''}`),
          `  ${style.red('✗')} ${visible(index)}: `,
          '      ',
        ),
  );
}

function actionTable(actions: readonly IndexAction[], style: Style): string[] {
  const rows = actions.map((action) => [
    action.action === 'create'
      ? `${action.schema}.${action.table} (${action.columns.join(', ')})`
      : `${action.schema}.${action.index}`,
    action.tableRows === null ? '–' : whole(action.tableRows),
    action.tableBytes === 0 ? '–' : bytes(action.tableBytes),
    `${action.action === 'create' ? '~' : ''}${bytes(action.bytes)}`,
    action.action === 'create' ? 'make' : action.action,
    action.reasons.map(shortReason).join(', '),
  ]);
  const right = (title: string) => ({ title, align: 'right' as const });
  return textTable(
    [{ title: 'INDEX' }, right('ROWS'), right('TABLE'), right('SIZE'), { title: 'DO' }, { title: 'WHY' }],
    rows,
    style.dim,
  );
}

/** The column of the table names the rest. */
function shortReason(reason: string): string {
  return reason.replace(/^foreign key to /, '→ ').replace(/^searched by .*/s, 'searched');
}

const KINDS: ReadonlyArray<readonly [SpareIndex['why'], string, string | null]> = [
  ['duplicate', 'does what another one does', '--drop-duplicates'],
  ['unused', 'was not used by any query since the statistics began', '--drop-unused'],
  ['prefix', 'begins as a longer one does, and may still be the faster of the two (--json names them)', null],
];

function spareLines({ spare, usageKnown }: Advice, drops: Drops, style: Style): string[] {
  const lines = KINDS.flatMap(([kind, words, flag]) => {
    const found = drops.has(kind) ? [] : spare.filter(({ why }) => why === kind);
    if (found.length === 0) return [];
    const size = found.reduce((sum, { bytes: each }) => sum + each, 0);
    const names = found.map(
      ({ schema, index, instead }) => `${schema}.${index}${instead === null ? '' : ` (${instead})`}`,
    );
    return [
      ...wrap(
        `${count(found.length, 'index')} of ${bytes(size)}: each ${words}${flag === null ? '' : ` (${flag})`}`,
        `  ${style.dim('·')} `,
        '    ',
      ),
      ...(flag === null ? [] : wrap(visible(names.join(', ')), '      ', '      ').map((line) => style.dim(line))),
    ];
  });
  const unknown = usageKnown ? [] : [`  ${style.dim('· Unused indexes are told when a week of statistics is there.')}`];
  return [...lines, ...unknown, ''];
}
