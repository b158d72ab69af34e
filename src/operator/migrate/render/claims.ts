import type { CommandWords } from '../errors.ts';
import type { LeftOut } from '../plan/model.ts';
import type { MigrationReport, TableReport } from '../report.ts';
import { count, instant, whole } from '../../../foundation/core/numbers.ts';

/**
 * What a report may claim, in words; the terminal and the page say the same. Each sentence says no more than was
 * checked: "equal" only after a comparison, "nothing" only of what was looked at.
 */
export interface Verdict {
  readonly tone: 'ok' | 'warn' | 'bad';
  readonly title: string;
  readonly sentence: string;
}

export function verdict(report: MigrationReport): Verdict {
  switch (report.outcome) {
    case 'complete':
      return {
        tone: 'ok',
        title: 'Complete',
        sentence: `${moved(report, 'verified', 'is here and proved equal to the source', 'are here and proved equal to the source')}${behind(report)}.`,
      };
    case 'complete, not verified':
      return {
        tone: 'warn',
        title: 'Moved, not proved',
        sentence: `${moved(report, 'copied', 'is here', 'are here')}${behind(report)}. Verification was switched off, so nothing has been compared with the source row by row.`,
      };
    case 'differences':
      return {
        tone: 'bad',
        title: 'Differences',
        sentence: `What is here is not what the source holds: ${differences(report).join('; ')}.`,
      };
    case 'stopped':
      return {
        tone: 'warn',
        title: 'Stopped part-way',
        sentence: `${whole(report.totals.tables)} of ${count(expected(report).length, 'table')} and ${count(report.totals.rows, 'row')} had been copied. They are kept, and the source is unchanged.`,
      };
  }
}

/** What differs, each a clause: `2 tables differ (public.sales, public.stores)`. */
function differences(report: MigrationReport): string[] {
  const clause = (names: readonly string[], noun: string, one: string, many: string): string[] =>
    names.length === 0 ? [] : [`${count(names.length, noun)} ${names.length === 1 ? one : many} (${some(names, 3)})`];
  const withStatus = (status: (table: TableReport) => boolean): string[] =>
    report.tables.filter(status).map(({ table }) => table);
  return [
    ...clause(
      withStatus(({ status }) => status === 'differs'),
      'table',
      'differs',
      'differ',
    ),
    ...clause(withStatus(isUnfinished), 'table', 'is not copied', 'are not copied'),
    ...clause(
      report.catalogue?.different.map(({ key }) => key) ?? [],
      'object',
      'is missing or differs',
      'are missing or differ',
    ),
    ...clause(report.sequences?.behind ?? [], 'sequence', 'is behind', 'are behind'),
  ];
}

/** How honest "the state of the source" is: one instant, made one again, or several. */
export function consistencyWords(report: MigrationReport): { readonly label: string; readonly text: string } {
  if (report.kind === 'verification') {
    return { label: 'Compared', text: `Both sides were read as they stood at ${instant(report.startedAt)}.` };
  }
  const last = report.attempts.at(-1);
  const at = last ? instant(last.snapshotAt) : 'an unknown time';
  const resumed = report.attempts.length === 2 ? 'once' : `${report.attempts.length - 1} times`;
  switch (report.consistency) {
    case 'one snapshot':
      return {
        label: 'One snapshot',
        text: `${report.outcome === 'stopped' ? 'The rows so far' : 'All rows'} were read under one snapshot of the source and are as they stood together at ${at}.`,
      };
    case 'revalidated':
      return {
        label: 'Revalidated',
        text: `The move was interrupted and resumed ${resumed}. What had been copied before was counted and hashed against the newer snapshot and kept only where equal, else copied again: the rows are as they stood together at ${at}.`,
      };
    case 'mixed':
      return {
        label: 'Mixed instants',
        text: `The move was interrupted and resumed ${resumed} with verification off. Tables copied before and after are of different instants: rows that changed in between may not fit together.`,
      };
  }
}

/** `18 of 18 required tables verified`, with what is wrong or not in the source; null for a project that has none of them. */
export function requiredWords({
  required,
  outcome,
}: MigrationReport): { readonly ok: boolean; readonly text: string } | null {
  if (required.present.length === 0) return null;
  const wanted = outcome === 'complete, not verified' ? 'copied' : 'verified';
  const good = required.present.filter(({ status }) => status === wanted).length;
  const bad = groupByReason(
    required.present
      .filter(({ status }) => status !== wanted)
      .map(({ table, status }) => ({ key: table, why: status })),
  );
  const absent = required.absent.length === 0 ? [] : [{ why: 'not in the source', keys: required.absent }];
  const all = required.present.length + required.absent.length;
  const rest = [...bad, ...absent].map(({ why, keys }) => `${why}: ${some(keys)}`);
  return { ok: bad.length === 0, text: [`${good} of ${all} required tables ${wanted}`, ...rest].join('; ') };
}

/** Why a run stopped; what stopped it says that it stopped, too. */
export function whyStopped({ stopped }: MigrationReport): string | null {
  return stopped?.replace(/^the migration stopped part-way: /, '') ?? null;
}

/** The first few names of a list, and how many there are besides. */
export function some(names: readonly string[], shown = 4): string {
  return names.length <= shown
    ? names.join(', ')
    : `${names.slice(0, shown).join(', ')} and ${whole(names.length - shown)} more`;
}

/** Things with the same reason together, in the order of their first. */
export function groupByReason(
  list: readonly LeftOut[],
): Array<{ readonly why: string; readonly keys: readonly string[] }> {
  const groups = new Map<string, string[]>();
  for (const { key, why } of list) groups.set(why, [...(groups.get(why) ?? []), key]);
  return [...groups].map(([why, keys]) => ({ why, keys }));
}

export interface NextStep {
  readonly text: string;
  readonly command: string | null;
}

/** What to do now, the most pressing first. */
export function nextSteps(report: MigrationReport, words: CommandWords): NextStep[] {
  const verify = {
    text: 'Compare every row and object of both sides, as they are now:',
    command: withSubcommand(words, 'verify'),
  };
  const anew = {
    text: 'Or take back what was made here and move anew (the source is left as it is):',
    command: words.abort,
  };
  switch (report.outcome) {
    case 'complete':
      return [
        {
          text: 'Rows written to the source after its snapshot are not here. If it stayed open for writing, compare again:',
          command: verify.command,
        },
        ...readLeftOut(report),
        { text: 'Keep the old project until your application has run against this one.', command: null },
      ];
    case 'complete, not verified':
      return [verify, ...readLeftOut(report)];
    case 'differences':
      return [
        {
          text: 'Was either side written to since the move? Then that is the difference. Look at what is named here, then compare again:',
          command: verify.command,
        },
        anew,
      ];
    case 'stopped':
      return [{ text: 'Mend the cause, then go on from here:', command: words.resume }, anew];
  }
}

/** `vectabase migrate verify …` with the flags that `words` carry. */
export function withSubcommand(words: CommandWords, name: 'verify' | 'plan' | 'status'): string {
  return words.migrate.replace(/^vectabase migrate/, `vectabase migrate ${name}`);
}

/** For a report that is read later, elsewhere: commands without the flags of that day. */
export const BARE_WORDS: CommandWords = {
  resume: 'vectabase migrate --resume',
  abort: 'vectabase migrate abort',
  migrate: 'vectabase migrate',
};

/** Rows that are here now, as counted; as copied where no count was made. */
export function rowsHere(table: TableReport): number {
  return table.targetRows ?? table.rows;
}

/** Trouble first, then by size: what a reader looks for comes before what they scroll past. */
export function byInterest(tables: readonly TableReport[]): TableReport[] {
  const rank: Record<TableReport['status'], number> = {
    differs: 0,
    'part-way': 1,
    'not begun': 2,
    copied: 3,
    verified: 3,
    'rows left out': 4,
  };
  return tables.toSorted(
    (a, b) => rank[a.status] - rank[b.status] || b.bytes - a.bytes || (a.table < b.table ? -1 : 1),
  );
}

function readLeftOut(report: MigrationReport): NextStep[] {
  const things = report.leftOut.length;
  return things === 0
    ? []
    : [
        {
          text: `Read what did not come along (${whole(things)}), and decide for each whether you need it.`,
          command: null,
        },
      ];
}

function moved(report: MigrationReport, status: TableReport['status'], one: string, many: string): string {
  const all = expected(report);
  const good = all.filter((table) => table.status === status);
  if (all.length === 0) return 'There were no rows to move; the schema is here';
  const rows = good.reduce((sum, table) => sum + rowsHere(table), 0);
  if (all.length === 1) return `The one table with its ${count(rows, 'row')} ${one}`;
  const tables =
    good.length === all.length
      ? `All ${count(all.length, 'table')}`
      : `${whole(good.length)} of ${count(all.length, 'table')}`;
  return `${tables} with ${count(rows, 'row')} ${many}`;
}

function behind(report: MigrationReport): string {
  const excluded = report.tables.length - expected(report).length;
  return excluded === 0
    ? ''
    : `; the rows of ${excluded === 1 ? '1 more table' : `${whole(excluded)} more tables`} were left behind as asked`;
}

function expected(report: MigrationReport): TableReport[] {
  return report.tables.filter(({ status }) => status !== 'rows left out');
}

function isUnfinished({ status }: TableReport): boolean {
  return status === 'part-way' || status === 'not begun';
}
