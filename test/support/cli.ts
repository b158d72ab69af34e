import { spawn } from 'node:child_process';
import { assetPath } from '../../src/foundation/core/assets.ts';

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
}

/** Runs the launcher as a shell would, without a terminal and without input. Needs a build. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  // Nothing of the developer's own settings, and nothing that colours or prompts.
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [assetPath('bin', 'run.js'), ...args], {
    cwd: options.cwd ?? '/',
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  if (options.deaf === true) child.stdout.destroy();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}
