import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { identity, PLAIN_ENVIRONMENT, run, type RunAs } from './run.ts';
import { isAlive } from './identity.ts';

export interface ChildOptions {
  readonly runAs?: Pick<RunAs, 'uid' | 'gid'> | undefined;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
  /** Signal that the kernel sends to the child when we die without a goodbye (kill -9). Linux with setpriv only. */
  readonly parentDeathSignal?: 'INT' | 'TERM';
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A long-running child with a known end. */
export interface Child {
  readonly pid: number;
  readonly handle: ChildProcess;
  /** Resolves once, never rejects. */
  readonly exited: Promise<ChildExit>;
  readonly exit: () => ChildExit | undefined;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a long-running program. Rejects with the system's error when it cannot be executed. */
export async function startChild(argv: readonly [string, ...string[]], options: ChildOptions): Promise<Child> {
  const [file, ...args] = await withDeathSignal(argv, options.parentDeathSignal);
  const child = spawn(file, args, {
    cwd: options.cwd ?? '/',
    env: { ...(options.env ?? PLAIN_ENVIRONMENT) },
    stdio: options.stdio,
    // A group of its own: Ctrl-C in a terminal reaches us alone, and we stop children in the right order.
    detached: true,
    ...identity(options.runAs),
  });
  let ended: ChildExit | undefined;
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = { code, signal };
      resolve(ended);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} started without a pid`);
  return {
    pid,
    handle: child,
    exited,
    exit: () => ended,
    kill: (signal) => {
      if (!ended && isAlive(pid)) child.kill(signal);
    },
  };
}

/**
 * `exec` keeps the parent-death signal that setpriv sets, so the program itself ends up with our pid and the signal.
 * Where setpriv is missing (macOS, busybox) an orphan is found and stopped by the next start instead.
 */
async function withDeathSignal(
  argv: readonly [string, ...string[]],
  signal: 'INT' | 'TERM' | undefined,
): Promise<readonly [string, ...string[]]> {
  if (signal === undefined) return argv;
  hasSetpriv ??= run(['setpriv', '--help']).then(({ stdout }) => stdout.includes('--pdeathsig'));
  return (await hasSetpriv) ? ['setpriv', '--pdeathsig', signal, '--', ...argv] : argv;
}

let hasSetpriv: Promise<boolean> | undefined;
