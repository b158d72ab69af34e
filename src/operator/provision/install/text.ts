import { count } from '../../../foundation/core/numbers.ts';
import type { Style } from '../../../foundation/core/style.ts';
import { wrap } from '../../../foundation/core/text-table.ts';
import { visible } from '../../../foundation/core/visible.ts';
import type { InstallPlan, PlannedStep } from './plan.ts';
import type { Change } from './step.ts';

interface Look {
  readonly style: Style;
  /** Columns of the terminal. */
  readonly width: number;
  /** Whether new files are shown line by line too, not only what changes in those that are there. */
  readonly diffs: boolean;
}

/** The plan for a person: a paragraph for each step that has something to do, notes, and the sum behind it. */
export function renderPlan({ steps, changes, notes }: InstallPlan, look: Look): string {
  const { style } = look;
  const told = notesOf(notes, look);
  if (steps.length === 0) return ['Everything is in place: nothing to do.', ...told, ''].join('\n');
  const folded = steps.some((step) =>
    step.changes.some((change) => change.diff !== undefined && isFolded(change, look)),
  );
  const of = (action: Change['action']): number =>
    steps.reduce((sum, step) => sum + step.changes.filter((change) => change.action === action).length, 0);
  const kinds = (['create', 'change', 'remove', 'run'] as const).flatMap((action) =>
    of(action) === 0 ? [] : [`${SIGNS[action]} ${of(action)} ${WORDS[action]}`],
  );
  const sum = `${count(changes, 'change')} in ${count(steps.length, 'step')}: ${kinds.join(', ')}`;
  return [
    ...steps.flatMap((step) => stepLines(step, look)),
    ...told,
    '',
    ...wrap(sum, '', '  ', look.width).map((line) => style.bold(line)),
    ...(folded ? [style.dim('New files line by line: vectabase install --dry-run --diff')] : []),
    '',
  ].join('\n');
}

/** What the owner should know, under a heading; nothing where there is nothing. */
export function notesOf(notes: readonly string[], { style, width }: Pick<Look, 'style' | 'width'>): string[] {
  if (notes.length === 0) return [];
  return ['', 'To know:', ...notes.flatMap((note) => wrap(visible(note), `  ${style.yellow('!')} `, '    ', width))];
}

const SIGNS = { create: '+', change: '~', remove: '-', run: '!' } as const;
const WORDS = { create: 'made', change: 'changed', remove: 'taken away', run: 'started or run' } as const;

/** `+ system users: group vectabase-archive, user vectabase`; diffs below it. */
function stepLines({ title, changes, unfinished }: PlannedStep, look: Look): string[] {
  const { style, width } = look;
  const [action = 'run'] = (['remove', 'change', 'run', 'create'] as const).filter((each) =>
    changes.some((change) => change.action === each),
  );
  const paint = { create: style.green, change: style.yellow, remove: style.red, run: style.yellow }[action];
  const parts = [...byTarget(changes)].map(([target, said]) => (said === '' ? target : `${target} (${said})`));
  if (unfinished && changes.length === 0) parts.push('finish what an earlier run began');
  return [
    ...wrap(visible(`${title}: ${parts.join(', ')}`), `${paint(SIGNS[action])} `, '    ', width),
    ...changes.flatMap((change) => diffLines(change, look)),
  ];
}

/** What is said of each target, once. */
function byTarget(changes: readonly Change[]): Map<string, string> {
  const told = new Map<string, string[]>();
  for (const change of changes) told.set(change.target, [...(told.get(change.target) ?? []), ...saidOf(change)]);
  return new Map([...told].map(([target, said]) => [target, said.join(', ')]));
}

function saidOf({ action, note, foreign, diff = '' }: Change): string[] {
  const lines = diff.split('\n').filter((line) => /^[+-](?![+-]{2} )/.test(line)).length;
  return [
    ...(note === undefined ? [] : [note]),
    ...(action === 'create' && diff !== '' ? [count(lines, 'line')] : []),
    ...(foreign === true ? ['changed by somebody else; a copy is kept'] : []),
  ];
}

function isFolded({ action }: Change, { diffs }: Look): boolean {
  return action === 'create' && !diffs;
}

/** Without the patch's heading, as the target is said already; below that where a step has several files. */
function diffLines(change: Change, look: Look): string[] {
  const { diff, target } = change;
  if (diff === undefined || isFolded(change, look)) return [];
  const all = diff.trimEnd().split('\n');
  const start = all.findIndex((line) => line.startsWith('@@'));
  return [look.style.dim(`    ${target}`), ...all.slice(Math.max(0, start)).map((line) => painted(line, look.style))];
}

function painted(line: string, style: Style): string {
  const text = `      ${visible(line)}`;
  if (line.startsWith('+')) return style.green(text);
  return line.startsWith('-') ? style.red(text) : style.dim(text);
}
