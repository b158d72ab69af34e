import type { Readable, Writable } from 'node:stream';
import { VectabaseError } from '../core/errors.ts';
import { startChild } from './child.ts';
import { PLAIN_ENVIRONMENT, type RunAs } from './run.ts';

export interface PipedOptions {
  /** Beside the plain environment. Secrets go into files that it names. */
  readonly env?: Readonly<Record<string, string>>;
  readonly runAs?: RunAs | undefined;
  /** Ends the program. */
  readonly signal: AbortSignal;
}

/** A program at work between pipes. */
export interface Piped {
  readonly input: Writable;
  readonly output: Readable;
  /**
   * Resolves when it ended well, with what it said on stderr.
   *
   * @throws VectabaseError PROGRAM_FAILED with its last lines
   */
  readonly finished: Promise<string>;
}

const KEPT = 64 * 1024;

/** Starts a program whose input and output are streams. Read `output` to its end, and await `finished`. */
export async function startPiped(argv: readonly [string, ...string[]], options: PipedOptions): Promise<Piped> {
  const { env, runAs, signal } = options;
  const child = await startChild(argv, {
    runAs,
    env: { ...PLAIN_ENVIRONMENT, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    parentDeathSignal: 'TERM',
  });
  const { stdin, stdout, stderr } = child.handle;
  if (!stdin || !stdout || !stderr) throw new Error('a child without pipes');
  const stop = (): void => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let said = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-KEPT)));
  stdin.on('error', () => undefined); // it ended before it read all: its status says why
  const finished = Promise.all([child.exited, new Promise((done) => stderr.once('close', done))]).then(([{ code }]) => {
    signal.removeEventListener('abort', stop);
    if (signal.aborted) throw signal.reason;
    if (code === 0) return said;
    throw failed(argv[0], code, said);
  });
  finished.catch(() => undefined);
  return { input: stdin, output: stdout, finished };
}

function failed(program: string, code: number | null, said: string): VectabaseError {
  const lines = said.trim().split('\n').slice(-10);
  return new VectabaseError('PROGRAM_FAILED', {
    message: `${program} failed: ${lines.find((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? `it ended with ${String(code)}`}`,
    hint: 'Mend what it names and run the command again.',
    details: { program, exitCode: code, log: lines },
  });
}
