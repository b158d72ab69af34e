import type { Readable } from 'node:stream';
import { execa } from 'execa';

/** Numeric identity to run a child as; `undefined` keeps our own. Node drops supplementary groups with it. */
export interface RunAs {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface RunOptions {
  readonly runAs?: RunAs | undefined;
  readonly cwd?: string;
  /** The child's whole environment. Never inherited: what an operator exports must not bend a server tool. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; 60 000 unless told. */
  readonly timeout?: number;
  /** What it reads; nothing unless told. */
  readonly input?: string | Uint8Array | Readable;
  /** It asks the person at our own terminal, instead. */
  readonly terminal?: boolean;
}

export interface RunResult {
  /** -1 when the program could not be started, or was ended by a signal or the timeout. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Enough for the tools we call; `C` keeps their messages in English, as some are matched. */
export const PLAIN_ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** Runs a short-lived program to its end. Never throws for a failing program: the caller knows what that means. */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const [file, ...args] = argv;
  const result = await execa(file, args, {
    cwd: options.cwd ?? '/',
    env: options.env ?? PLAIN_ENVIRONMENT,
    extendEnv: false,
    ...(options.input === undefined
      ? { stdin: options.terminal === true ? 'inherit' : 'ignore' }
      : { input: options.input }),
    reject: false,
    timeout: options.timeout ?? 60_000,
    ...identity(options.runAs),
  });
  return {
    exitCode: result.exitCode ?? -1,
    stdout: result.stdout,
    stderr: result.stderr === '' && result.exitCode === undefined ? (result.shortMessage ?? '') : result.stderr,
  };
}

export function identity(
  runAs: Pick<RunAs, 'uid' | 'gid'> | undefined,
): { uid: number; gid: number } | Record<string, never> {
  return runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid };
}
