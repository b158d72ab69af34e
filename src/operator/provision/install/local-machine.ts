import { VectabaseError } from '../../../foundation/core/errors.ts';
import { PLAIN_ENVIRONMENT, run } from '../../../foundation/process/run.ts';
import type { Machine, ProgramAnswer, ProgramOptions } from './step.ts';

type Argv = readonly [string, ...string[]];

/** The machine that we run on, with programs run for real. */
export function localMachine(parts: Omit<Machine, 'run' | 'ask'>): Machine {
  return { ...parts, ask, run: required };
}

async function ask(argv: Argv, { user, input, env, timeout }: ProgramOptions = {}): Promise<ProgramAnswer> {
  return run(user === undefined ? argv : ['runuser', '-u', user, '--', ...argv], {
    env: { ...PLAIN_ENVIRONMENT, ...env },
    ...(input === undefined ? {} : { input }),
    ...(timeout === undefined ? {} : { timeout }),
  });
}

async function required(argv: Argv, options?: ProgramOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await ask(argv, options);
  if (exitCode === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-20).join('\n');
  const [program] = argv;
  throw new VectabaseError('PROGRAM_FAILED', {
    message: `${program} ended with ${exitCode}: ${said.split('\n').at(-1) || 'without a word'}`,
    hint: 'Correct what it names and run the command again: it goes on where it stopped.',
    details: { program, exitCode, output: said },
  });
}
