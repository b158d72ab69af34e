import { spawn } from 'node:child_process';
import { isatty } from 'node:tty';
import type { ChildExit } from './child.ts';

export interface ForegroundOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Called for each signal of ours, before it is passed on. */
  readonly onSignal?: (signal: NodeJS.Signals) => void;
}

/** What somebody may send to a program that we stand in for. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const;

/** A terminal sends these to the whole group by itself: passed on, the program would get them twice. */
const FROM_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH']);

/**
 * Runs a program in our place: our terminal, our directory, our signals. We live on until it ends, whatever it does
 * with them. Rejects with the system's error when it cannot be started.
 */
export async function runForeground(
  argv: readonly [string, ...string[]],
  { env, onSignal }: ForegroundOptions,
): Promise<ChildExit> {
  const [file, ...args] = argv;
  const child = spawn(file, args, { stdio: 'inherit', env: { ...env } });
  const terminal = isatty(0);
  const pass = (signal: NodeJS.Signals): void => {
    onSignal?.(signal);
    if (!(terminal && FROM_TERMINAL.has(signal))) child.kill(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, pass);
  try {
    return await new Promise<ChildExit>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  } finally {
    for (const signal of PASSED_ON) process.off(signal, pass);
  }
}
