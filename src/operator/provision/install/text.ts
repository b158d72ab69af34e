import type { Style } from '../../../foundation/core/style.ts';
import type { InstallPlan } from './plan.ts';
import type { Change } from './step.ts';

/** The plan for a person: every step that has something to do, its changes, and their diffs. */
export function renderPlan(plan: InstallPlan, style: Style): string {
  if (plan.steps.length === 0) return 'Everything is in place: nothing to do.\n';
  const steps = plan.steps.map(({ title, id, changes, unfinished }) => {
    const rest = unfinished && changes.length === 0 ? [style.dim('  finish what an earlier run began')] : [];
    return [`${style.bold(title)} ${style.dim(id)}`, ...changes.flatMap((each) => lines(each, style)), ...rest].join(
      '\n',
    );
  });
  const count = `${plan.changes} ${plan.changes === 1 ? 'change' : 'changes'} in ${plan.steps.length} steps`;
  return `${steps.join('\n\n')}\n\n${count}\n`;
}

const SIGNS = { create: '+', change: '~', remove: '-', run: '!' } as const;

function lines({ action, target, note, foreign, diff }: Change, style: Style): string[] {
  const paint = { create: style.green, change: style.yellow, remove: style.red, run: style.yellow }[action];
  const notes = [note, foreign === true ? 'changed by somebody else; a copy is kept' : undefined];
  const said = notes.filter((each) => each !== undefined).join('; ');
  return [
    `  ${paint(SIGNS[action])} ${target}${said === '' ? '' : style.dim(`  ${said}`)}`,
    ...(diff === undefined ? [] : hunks(diff).map((line) => `      ${painted(line, style)}`)),
  ];
}

/** Without the patch's heading: the target is said already. */
function hunks(diff: string): string[] {
  const all = diff.trimEnd().split('\n');
  return all.slice(
    Math.max(
      0,
      all.findIndex((line) => line.startsWith('@@')),
    ),
  );
}

function painted(line: string, style: Style): string {
  if (line.startsWith('+')) return style.green(line);
  if (line.startsWith('-')) return style.red(line);
  return style.dim(line);
}
