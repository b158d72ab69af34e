import { runOrFail } from '../../../foundation/process/run-or-fail.ts';
import { PLAIN_ENVIRONMENT, run, type RunOptions } from '../../../foundation/process/run.ts';
import type { Machine, ProgramOptions } from './step.ts';

type Argv = readonly [string, ...string[]];

/** The machine that we run on, with programs run for real. */
export function localMachine(parts: Omit<Machine, 'run' | 'ask'>): Machine {
  return {
    ...parts,
    ask: async (argv, options) => run(asUser(argv, options), plain(options)),
    run: async (argv, options) => runOrFail(asUser(argv, options), plain(options)),
  };
}

function asUser(argv: Argv, { user }: ProgramOptions = {}): Argv {
  return user === undefined ? argv : ['runuser', '-u', user, '--', ...argv];
}

function plain({ input, env, timeout }: ProgramOptions = {}): RunOptions {
  return {
    env: { ...PLAIN_ENVIRONMENT, ...env },
    ...(input === undefined ? {} : { input }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}
