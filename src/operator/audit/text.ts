import { count } from '../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../foundation/core/style.ts';
import { textTable, wrap } from '../../foundation/core/text-table.ts';
import { visible } from '../../foundation/core/visible.ts';
import { list } from './describe.ts';
import { SEVERITIES, type AuditReport, type Finding, type Severity } from './model.ts';
import type { MigrationFiles } from './migration.ts';

/** Words that continue from here, with the flags that say where. */
export interface AuditWords {
  readonly audit: string;
  readonly prove: string;
  readonly apply: string;
  readonly undo: string;
}

/** Of a screen of 24 lines, what the title and the next commands leave. */
const SUMMARY_LINES = 14;

/** One screen that says how bad it is, then each finding with what it rests on and how to mend it. */
export function renderAudit(report: AuditReport, words: AuditWords, style: Style = PLAIN): string {
  const { findings, looked, roles, database } = report;
  return [
    '',
    ...title(report, style),
    `  ${style.dim(`${count(looked.relations, 'table')} and views, ${count(looked.policies, 'policy')}, ${count(looked.functions, 'definer function')} of ${visible(database)}, as seen by ${list(roles)}`)}`,
    '',
    ...(findings.length === 0 ? [] : [...summaryTable(findings, style), '', ...nextLines(report, words, style), '']),
    ...findings.flatMap((finding) => [...details(finding, style), '']),
    ...(findings.length > SUMMARY_LINES ? [...title(report, style), ...nextLines(report, words, style), ''] : []),
    '',
  ].join('\n');
}

export interface AppliedWords {
  readonly files: MigrationFiles | null;
  readonly mended: readonly string[];
  readonly left: readonly string[];
}

export function renderApplied({ files, mended, left }: AppliedWords, words: AuditWords, style: Style = PLAIN): string {
  return [
    '',
    `  ${left.length === 0 ? style.green('✓') : style.red('✗')} ${style.bold(`${count(mended.length, 'finding')} mended`)}${left.length === 0 ? '' : `, still open: ${visible(list(left))}`}`,
    ...(files === null
      ? []
      : [`  ${style.dim('written to')}  ${files.up}`, `  ${style.dim('way back')}    ${files.down}`]),
    '',
    `  Take it back: ${style.bold(words.undo)}`,
    '',
    '',
  ].join('\n');
}

function title({ findings, counts, accepted }: AuditReport, style: Style): string[] {
  const known = accepted.length === 0 ? '' : style.dim(`  (${accepted.length} accepted)`);
  if (findings.length === 0)
    return [`  ${style.green('✓')} ${style.bold('Nothing is open that should not be')}${known}`];
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0).map((severity) =>
    paintOf(severity, style)(`${counts[severity]} ${severity}`),
  );
  return [`  ${style.red('✗')} ${style.bold(count(findings.length, 'finding'))}: ${parts.join(', ')}${known}`];
}

function summaryTable(findings: readonly Finding[], style: Style): string[] {
  const shown = findings.slice(0, findings.length <= SUMMARY_LINES ? SUMMARY_LINES : SUMMARY_LINES - 1);
  const rows = shown.map((finding) => [
    finding.target.replace(/^public\./, ''),
    { text: finding.severity, paint: paintOf(finding.severity, style) },
    finding.kind,
    clip(finding.columns.map(({ name }) => name).join(', '), 34),
    proofWord(finding),
  ]);
  const rest = findings.slice(shown.length);
  return [
    ...textTable(
      ['WHAT', 'SEVERITY', 'BY', 'COLUMNS', 'PROOF'].map((heading) => ({ title: heading })),
      rows,
      style.dim,
    ),
    ...(rest.length === 0 ? [] : [style.dim(`  and ${rest.length} more, all below`)]),
  ];
}

function nextLines({ proved, counts }: AuditReport, words: AuditWords, style: Style): string[] {
  return [
    ...(proved ? [] : [`  Try each, in transactions that are rolled back:  ${style.bold(words.prove)}`]),
    counts.critical + counts.high > 0
      ? `  Close what is critical or high, with a way back:  ${style.bold(words.apply)}`
      : `  Decide for each: ${style.bold(`${words.apply} --only ID`)}, or add its id to audit.accepted`,
  ];
}

function details(finding: Finding, style: Style): string[] {
  const paint = paintOf(finding.severity, style);
  const block = (label: string, lines: readonly string[]): string[] =>
    lines.flatMap((line, index) =>
      wrap(visible(line), `    ${style.dim((index === 0 ? label : '').padEnd(9))} `, ' '.repeat(14)),
    );
  return [
    `  ${paint(finding.severity)}  ${style.bold(visible(finding.id))}`,
    ...block('', [finding.summary]),
    ...block(
      'because',
      finding.evidence.length <= 8
        ? finding.evidence
        : [...finding.evidence.slice(0, 8), `and ${finding.evidence.length - 8} more`],
    ),
    ...block(
      'tried',
      finding.proofs.map(({ probe, result, detail }) => `${probe}: ${result} (${detail})`),
    ),
    ...block('fix', shownFix(finding)),
    ...(finding.fix?.caveat ? block('mind', [finding.fix.caveat]) : []),
  ];
}

function shownFix({ fix }: Finding): string[] {
  const statements = (fix?.up ?? []).map((statement) => `${statement};`);
  return statements.length <= 12 ? statements : [...statements.slice(0, 12), `-- and ${statements.length - 12} more`];
}

/** Empty where nothing was tried. */
function proofWord({ proofs }: Finding): string {
  if (proofs.length === 0) return '';
  if (proofs.some(({ result }) => result === 'proven')) return 'proven';
  return proofs.every(({ result }) => result === 'refused') ? 'refused' : 'no row';
}

function paintOf(severity: Severity, style: Style): (text: string) => string {
  return { critical: style.red, high: style.red, medium: style.yellow, low: style.dim }[severity];
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
