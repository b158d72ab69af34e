import { VectabaseError } from '../core/errors.ts';
import { run, type RunOptions } from './run.ts';

/**
 * Runs a program that must succeed, and answers what it printed. No secrets in `argv`: they belong into `input`.
 *
 * @throws VectabaseError PROGRAM_FAILED with its last lines
 */
export async function runOrFail(argv: readonly [string, ...string[]], options?: RunOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await run(argv, options);
  if (exitCode === 0) return stdout;
  const program = argv[0] === 'runuser' ? (argv[4] ?? argv[0]) : argv[0];
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-20).join('\n');
  throw new VectabaseError('PROGRAM_FAILED', {
    message: `${program} ended with ${exitCode}: ${said.split('\n').at(-1) || 'without a word'}`,
    hint: 'Correct what it names and run the command again: it goes on where it stopped.',
    details: { program, exitCode, output: said },
  });
}
