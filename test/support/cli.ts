import { spawn } from 'node:child_process';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { searchOutput } from './canary.ts';

export interface CliRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Closes our end of the child's stdout before it can write: `vectabase … | true`. */
  readonly deaf?: boolean;
  /** What is piped in. */
  readonly input?: string | Buffer;
}

/**
 * Runs the launcher as a shell would, without a terminal and without input unless told. Needs a build. What it prints is
 * searched for canaries.
 */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  // Nothing of the developer's own settings, and nothing that colours or prompts.
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  const child = spawn(process.execPath, [assetPath('bin', 'run.js'), ...args], {
    cwd: options.cwd ?? '/',
    env: { PATH, HOME, TMPDIR, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => undefined).end(options.input);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  if (options.deaf === true) child.stdout?.destroy();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      searchOutput(args.slice(0, 2).join(' '), output.stdout, output.stderr);
      resolve({ code, signal, ...output });
    });
  });
}
