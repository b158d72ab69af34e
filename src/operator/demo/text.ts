import type { DemoReport } from './run.ts';

/** The end of a demo for a person: what was done, what it proves, where things are, what to type next. */
export function renderDemo(report: DemoReport): string {
  const lines = report.steps.map(({ step, seconds }) => `  ${step.padEnd(42)} ${seconds.toFixed(1).padStart(6)} s`);
  const read = report.readBack.map(
    ({ row, as, found }) => `  ${found === 'seen' ? 'sees  ' : 'cannot see'.padEnd(6)} ${row}  as ${as}`,
  );
  return `${[
    `Demo done in ${report.seconds.toFixed(1)} s`,
    ...lines,
    '',
    `Killed with kill -9 after ${report.killed.afterTables} tables; ${report.killed.keptTables} were whole and were proved and kept by --resume.`,
    'Rows read back through the moved policies:',
    ...read,
    '',
    `Everything is in ${report.dir} (the report: reports/*.html).`,
    'Your own project next:',
    '  vectabase up                                    in one terminal',
    '  vectabase migrate plan                          in another; it asks for the connection string',
  ].join('\n')}\n`;
}
