import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { assetPath } from '../../src/foundation/core/assets.ts';

export interface CliRun {
  readonly child: ChildProcess;
  /** Every line of stdout that is JSON, as it comes. */
  readonly events: Array<Record<string, unknown>>;
  /** Called with the number of events so far, at each event. */
  onEvent(listener: (count: number, event: Record<string, unknown>) => void): void;
  /** Resolves when the process has ended and its output is read. */
  readonly ended: Promise<CliResult>;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last JSON document: the result, or `{error}`. */
  readonly last: Record<string, unknown> | undefined;
}

/** Starts the real `bin/run.js`. Output is kept; nothing is prompted for. */
export function startCli(
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): CliRun {
  const child = spawn(process.execPath, [assetPath('bin/run.js'), ...args, '--no-input'], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events: Array<Record<string, unknown>> = [];
  const listeners: Array<(count: number, event: Record<string, unknown>) => void> = [];
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`;
    if (!line.startsWith('{"')) return;
    const event = JSON.parse(line) as Record<string, unknown>;
    events.push(event);
    for (const listener of listeners) listener(events.length, event);
  });
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr, last: events.at(-1) }));
  });
  return { child, events, onEvent: (listener) => void listeners.push(listener), ended };
}
