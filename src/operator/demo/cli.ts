import { createInterface } from 'node:readline';
import { assetPath } from '../../foundation/core/assets.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { environment } from '../../foundation/config/environment.ts';
import { startChild, type Child } from '../../foundation/process/child.ts';

export type CliEvent = Record<string, unknown> & { event?: string };

/** A `vectabase` command as a process of its own: what the demo shows is what an operator types. */
export interface CliProcess {
  readonly child: Child;
  /** Resolves with the first event that fits; rejects when the process ends without it. */
  until(fits: (event: CliEvent) => boolean): Promise<CliEvent>;
  /** Exit code (null after a signal) and the last line of JSON. */
  readonly ended: Promise<{ code: number | null; last: CliEvent | undefined; stderr: string }>;
}

export async function startCli(
  args: readonly string[],
  extraEnv: Readonly<Record<string, string>> = {},
): Promise<CliProcess> {
  const env = Object.fromEntries(
    Object.entries({ ...environment(), ...extraEnv }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  const child = await startChild([process.execPath, assetPath('bin', 'run.js'), ...args, '--json', '--no-input'], {
    cwd: process.cwd(),
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    parentDeathSignal: 'TERM',
  });
  let stderr = '';
  child.handle.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const events: CliEvent[] = [];
  let text = '';
  const waiting = new Set<(event: CliEvent) => void>();
  const lines = child.handle.stdout ? createInterface({ input: child.handle.stdout }) : undefined;
  lines?.on('line', (line) => {
    text += line;
    const event = parse(line);
    if (!event) return;
    events.push(event);
    for (const listener of waiting) listener(event);
  });
  const drained = new Promise<void>((resolve) => (lines ? lines.once('close', resolve) : resolve()));
  const ended = Promise.all([child.exited, drained]).then(([exit]) => ({
    code: exit.code,
    last: parse(text) ?? events.at(-1),
    stderr,
  }));
  const until = async (fits: (event: CliEvent) => boolean): Promise<CliEvent> => {
    const past = events.find(fits);
    if (past) return past;
    return new Promise((resolve, reject) => {
      const listener = (event: CliEvent): void => {
        if (!fits(event)) return;
        waiting.delete(listener);
        resolve(event);
      };
      waiting.add(listener);
      void ended.then(({ code, last }) => reject(commandFailed(args, code, last, stderr)));
    });
  };
  return { child, until, ended };
}

/** Runs a command that must end with 0 and answers its result. */
export async function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliEvent> {
  const cli = await startCli(args, env);
  const { code, last, stderr } = await cli.ended;
  if (code !== 0 || !last) throw commandFailed(args, code, last, stderr);
  return last;
}

function commandFailed(
  args: readonly string[],
  code: number | null,
  last: CliEvent | undefined,
  stderr: string,
): VectabaseError {
  const error = last?.['error'] as { message?: string; hint?: string } | undefined;
  return new VectabaseError('BUG', {
    message: `vectabase ${args.slice(0, 2).join(' ')} ended with ${code ?? 'a signal'}: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? 'no word'}`,
    ...(error?.hint ? { hint: error.hint } : {}),
    details: { command: args[0], exitCode: code },
  });
}

/** A line of NDJSON, or a document that `--json` spread over several lines. */
function parse(text: string): CliEvent | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as CliEvent;
  } catch {
    return undefined;
  }
}
