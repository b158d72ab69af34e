import { differences, fingerprint } from './compare.ts';
import type { Contest, Contestant } from './contestants.ts';
import { watch, type Usage } from './processes.ts';
import { mebibytes } from './report.ts';

export interface Run extends Omit<Usage, 'output'> {
  readonly contestant: string;
  /** What the target lacks or has too much; empty for a whole copy. */
  readonly problems: readonly string[];
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
  const problems = usage.code === 0 ? [] : [`exit code ${String(usage.code)}: ${output.slice(-2000)}`];
  problems.push(...differences(expected, await fingerprint(target, 'data')));
  const seconds = usage.seconds.toFixed(2).padStart(7);
  process.stderr.write(`${seconds} s  ${mebibytes(usage.largestProcessBytes).padStart(7)}  ${contestant.name}\n`);
  for (const problem of problems) process.stderr.write(`  ${problem}\n`);
  return { contestant: contestant.name, ...usage, problems };
}
