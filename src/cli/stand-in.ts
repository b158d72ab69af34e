import { constants } from 'node:os';

/** How a program ended that we stood in for. */
interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * The exit code of a program that we stood in for. Whoever waits for us should see its signal itself: a shell stops a
 * loop at Ctrl-C only then.
 */
export async function exitCodeOf({ code, signal }: Ended): Promise<number> {
  if (signal !== null && ['SIGINT', 'SIGTERM', 'SIGHUP'].includes(signal)) {
    process.kill(process.pid, signal);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

/** The words before `--`, for our parser, and those behind it. Split by us: oclif takes a second -- for its own. */
export function splitWords(argv: readonly string[]): { readonly own: string[]; readonly behind: string[] | undefined } {
  const at = argv.indexOf('--');
  return at === -1 ? { own: [...argv], behind: undefined } : { own: argv.slice(0, at), behind: argv.slice(at + 1) };
}
