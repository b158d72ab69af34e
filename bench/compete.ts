import { differences, fingerprint } from './compare.ts';
import type { Contest, Contestant } from './contestants.ts';
import { watch, type Usage } from './processes.ts';
import { mebibytes } from './report.ts';

/** Ours only: seconds that copying and that comparing took, summed over tables (two run at once), and of each table. */
export interface Phases {
  readonly copy: number;
  readonly verify: number;
  readonly tables: Readonly<Record<string, { copy: number; verify: number }>>;
}

export interface Run extends Omit<Usage, 'output'> {
  readonly contestant: string;
  /** What the target lacks or has too much; empty for a whole copy. */
  readonly problems: readonly string[];
  readonly phases: Phases | undefined;
}

/**
 * One move of the source's database `data` into a new and empty one, with both servers' buffers written out before,
 * and a look at the result afterwards.
 * @param expected the fingerprint of the source
 */
export async function compete(contest: Contest, contestant: Contestant, expected: string): Promise<Run> {
  const { source, target } = contest;
  await target.sql('postgres', 'drop database if exists data with (force)');
  await target.sql('postgres', 'create database data');
  await source.sql('postgres', 'checkpoint');
  await target.sql('postgres', 'checkpoint');
  const { output, ...usage } = await watch(contestant.start(contest));
  const problems =
    usage.code === 0
      ? differences(expected, await fingerprint(target, 'data'))
      : [`exit code ${String(usage.code)}: ${output.slice(-2000)}`];
  const seconds = usage.seconds.toFixed(2).padStart(7);
  process.stderr.write(`${seconds} s  ${mebibytes(usage.largestProcessBytes).padStart(7)}  ${contestant.name}\n`);
  for (const problem of problems) process.stderr.write(`  ${problem}\n`);
  return { contestant: contestant.name, ...usage, problems, phases: contestant.ours ? phases(output) : undefined };
}

/** Read off the events that `--json` prints, one a line. */
function phases(output: string): Phases {
  const tables: Record<string, { copy: number; verify: number }> = {};
  for (const line of output.split('\n')) {
    if (!/^\{"event":"migrate\.(table|verify)\.finished"/.test(line)) continue;
    const { event, id, ms } = JSON.parse(line) as { event: string; id: string; ms: number };
    const table = (tables[id] ??= { copy: 0, verify: 0 });
    table[event === 'migrate.table.finished' ? 'copy' : 'verify'] += ms / 1000;
  }
  const sum = (phase: 'copy' | 'verify'): number => Object.values(tables).reduce((all, table) => all + table[phase], 0);
  return { copy: sum('copy'), verify: sum('verify'), tables };
}
