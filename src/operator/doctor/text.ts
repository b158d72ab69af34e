import { count } from '../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../foundation/core/style.ts';
import { WIDTH, wrap } from '../../foundation/core/text-table.ts';
import { visible } from '../../foundation/core/visible.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { Examination, Finding } from './examine.ts';

/** One screen: a line each, then the commands for what is not as it should be. */
export function renderStatus(examination: Examination, title: string, style: Style = PLAIN, columns = WIDTH): string {
  const { findings } = examination;
  const width = Math.max(...findings.map((finding) => finding.title.length));
  const lines = findings.flatMap((finding) =>
    wrap(
      `${finding.title.padEnd(width)}  ${visible(finding.evidence)}`,
      `  ${markOf(finding, style)} `,
      ' '.repeat(width + 6),
      columns,
    ),
  );
  return [``, `  ${style.bold(title)}`, '', ...lines, ...commands(findings, style), '', ''].join('\n');
}

/** What is wrong first, with its command; then what is right, in short. */
export function renderDoctor(
  examination: Examination,
  options: { readonly all: boolean },
  style: Style = PLAIN,
  columns = WIDTH,
): string {
  const { findings, counts, ms } = examination;
  const shown = (['fail', 'unknown', 'warn'] as const).flatMap((level) =>
    grouped(findings.filter((each) => each.level === level)).flatMap((finding) => entry(finding, style, columns)),
  );
  const fine = findings.filter(({ level }) => level === 'ok');
  const width = Math.max(0, ...fine.map(({ title }) => title.length));
  const listed = options.all
    ? fine.flatMap((finding) =>
        wrap(
          `${finding.title.padEnd(width)}  ${visible(finding.evidence)}`,
          `  ${markOf(finding, style)} `,
          ' '.repeat(8),
          columns,
        ),
      )
    : [];
  const sum = [
    style.green(`${counts.ok} as they should be`),
    ...(counts.warn > 0 ? [style.yellow(count(counts.warn, 'warning'))] : []),
    ...(counts.fail > 0 ? [style.red(count(counts.fail, 'failure'))] : []),
    ...(counts.unknown > 0 ? [style.red(`${counts.unknown} unknown`)] : []),
  ];
  return [
    ...(shown.length > 0 ? ['', ...shown] : []),
    ...(listed.length > 0 ? ['', ...listed] : []),
    '',
    `  ${findings.length} checks: ${sum.join(', ')} ${style.dim(`(${(ms / 1000).toFixed(1)} s)`)}`,
    '',
    '',
  ].join('\n');
}

/** @param command that looked: its findings are what the exit code stands for */
export function notHealthy({ findings, counts }: Examination): VectabaseError {
  const wrong = findings.filter(({ level }) => level === 'fail' || level === 'unknown');
  const [first] = wrong;
  return new VectabaseError('DOCTOR_FINDINGS', {
    message: `${count(counts.fail + counts.unknown, 'check')} failed`,
    hint: `Begin with: ${first?.fix ?? 'vectabase doctor'}`,
    details: { failed: wrong.map(({ id }) => id) },
  });
}

function entry({ title, evidence, fix, level }: Finding, style: Style, columns: number): string[] {
  return [
    ...wrap(`${title}: ${visible(evidence)}`, `  ${markOf({ level }, style)} `, '    ', columns),
    ...(fix === null ? [] : [`    ${style.dim(visible(fix))}`]),
  ];
}

/** Checks that could not be made for one and the same reason are told once. */
function grouped(findings: readonly Finding[]): Finding[] {
  const known = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = finding.level === 'unknown' ? `${finding.evidence} ${finding.fix ?? ''}` : finding.id;
    known.set(key, [...(known.get(key) ?? []), finding]);
  }
  return [...known.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    return more.length === 0
      ? [first]
      : [{ ...first, title: `${count(more.length + 1, 'check')} that could not be made` }];
  });
}

function commands(findings: readonly Finding[], style: Style): string[] {
  const fixes = [...new Set(findings.flatMap(({ fix }) => fix ?? []))];
  return fixes.length === 0 ? [] : ['', '  Next:', ...fixes.map((fix) => `    ${style.bold(visible(fix))}`)];
}

function markOf({ level }: Pick<Finding, 'level'>, style: Style): string {
  if (level === 'ok') return style.green('✓');
  return level === 'warn' ? style.yellow('!') : style.red('✗');
}
