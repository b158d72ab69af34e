import { instant } from '../../foundation/core/numbers.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

/** What a restore would do, as operator/backup plans it. */
interface Plan {
  readonly target: string;
  readonly backup: string;
  readonly backupTakenAt: string;
  readonly postgres: string;
  readonly buildsOn: readonly string[];
  readonly trusted: boolean;
  readonly timeline: number;
  readonly segments: number;
  readonly walBytes: number;
  readonly neededBytes: number;
  readonly freeBytes: number;
  readonly newestKnown: string;
  readonly reachable: true | null;
}

/** What a copy was found to be. Times in milliseconds, instants as text. */
interface Copy {
  readonly target: string;
  readonly backup: string;
  readonly lsn: string;
  readonly lastCommit: string | null;
  readonly nextCommit: string | null;
  readonly databases: ReadonlyArray<{
    readonly database: string;
    readonly tables: number;
    readonly rows: number;
    readonly checkedIndexes: number | undefined;
  }>;
  readonly bytes: number;
  readonly restoreMs: number;
  readonly replayMs: number;
  readonly ms: number;
}

/** How it differs from the dump that was made nearest to its second. */
interface Comparison {
  readonly with: string;
  readonly at: string;
  readonly tables: number;
  readonly same: number;
  readonly missing: readonly string[];
  readonly emptied: readonly string[];
}

export function shownPlan(plan: Plan): string {
  const { target, backup, backupTakenAt, segments, walBytes, neededBytes, freeBytes, newestKnown, reachable } = plan;
  return [
    `To ${target}:`,
    `  from backup ${backup}, Postgres ${plan.postgres}, timeline ${plan.timeline}`,
    `  taken ${instant(backupTakenAt)}`,
    ...(plan.buildsOn.length === 0 ? [] : [`  which is incremental and builds on ${plan.buildsOn.join(', ')}`]),
    ...(plan.trusted ? [] : ['  ! nobody here vouches for the key that signed it, if any did: it may be anybody’s']),
    `  WAL follows it without a hole: ${formatCount(segments)} file${segments === 1 ? '' : 's'}, ${formatBytes(walBytes)} to fetch`,
    `  needs ${formatBytes(neededBytes)} of the ${formatBytes(freeBytes)} that are free`,
    reachable === true
      ? '  can be reached'
      : `  nobody knows yet whether the archive holds it: its last known commit is\n    ${newestKnown}`,
    'Nothing was changed.',
    '',
  ].join('\n');
}

/** What stands above the question whether a copy shall take the place of what is here. */
export function shownCopy(report: Copy & { readonly compared: Comparison | null }): string {
  const { target, lsn, lastCommit, nextCommit, ms } = report;
  return [
    `The copy is at ${target}, proved in ${formatDuration(ms)}`,
    `  last commit in it:    ${lastCommit ?? `unknown, LSN ${lsn}`}`,
    ...(nextCommit === null ? [] : [`  first one not in it:  ${nextCommit}`]),
    ...copyLines(report),
    ...comparisonLines(report.compared),
    '',
  ].join('\n');
}

/** What was found in a copy of the cluster, a database a line, and where it came from. */
export function copyLines({ databases, backup, bytes, restoreMs, replayMs }: Copy): string[] {
  return [
    ...databases.map(({ database, tables, rows, checkedIndexes }) => {
      const indexes = checkedIndexes === undefined ? '' : `, ${formatCount(checkedIndexes)} indexes sound`;
      return `  ${database}: ${formatCount(tables)} tables, ${formatCount(rows)} rows${indexes}`;
    }),
    `  backup ${backup}: ${formatBytes(bytes)} back in ${formatDuration(restoreMs)}`,
    `  WAL replayed in ${formatDuration(replayMs)}`,
  ];
}

/** How a copy differs from the nearest dump: what to look at before it takes the place of anything. */
export function comparisonLines(compared: Comparison | null): string[] {
  if (compared === null) return [];
  const { with: dump, at, tables, same, missing, emptied } = compared;
  return [
    `  against dump ${dump} of ${instant(at)}:\n    ${formatCount(same)} of ${formatCount(tables)} tables with as many rows`,
    ...warning('tables of the dump that the copy has not', missing),
    ...warning('tables with rows in the dump and none in the copy', emptied),
  ];
}

function warning(what: string, tables: readonly string[]): string[] {
  if (tables.length === 0) return [];
  const more = tables.length > MOST ? `, and ${formatCount(tables.length - MOST)} more` : '';
  return [`  ! ${what} (${formatCount(tables.length)}):`, `    ${tables.slice(0, MOST).join(', ')}${more}`];
}

const MOST = 5;
