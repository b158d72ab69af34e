import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReadyEvent } from '../../src/operator/provision/up.ts';
import { searchOutput } from './canary.ts';

export const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export type Line = Record<string, unknown> & { event?: string; id?: string };

export interface CommandOptions {
  /** Words before `node`: `['setpriv', '--reuid', …]`. */
  readonly wrap?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `bin/run.js` of another copy of the package. */
  readonly bin?: string;
  readonly node?: string;
}

/** A `vectabase` process, as a shell or a script would start it. */
export class Command {
  readonly #child: ChildProcess;
  readonly #waiting: Array<() => void> = [];
  stdout = '';
  stderr = '';
  /** Exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  #ended = false;

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const [file = '', ...rest] = [
      ...(options.wrap ?? []),
      options.node ?? process.execPath,
      options.bin ?? BIN,
      ...args,
    ];
    this.#child = spawn(file, rest, {
      cwd: options.cwd ?? '/',
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.stdout += text)));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.stderr += text)));
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) =>
        this.#heard(() => {
          searchOutput(args.slice(0, 2).join(' '), this.stdout, this.stderr);
          this.#ended = true;
          resolve(code ?? signal ?? 'SIGKILL');
        }),
      );
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The lines of stdout that are JSON objects. */
  get lines(): Line[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .flatMap((line) => parse(line));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first line that the test accepts. Throws with everything it said when it ends without one. */
  async line(accept: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => accept(line));
      if (found) return found;
      if (this.#ended) throw new Error(`ended without the line:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async ready(): Promise<ReadyEvent> {
    return (await this.line((line) => line.event === 'ready')) as unknown as ReadyEvent;
  }

  /** SIGTERM and its exit code. */
  async stop(): Promise<number | NodeJS.Signals> {
    if (!this.#ended) this.kill('SIGTERM');
    return this.exited;
  }

  #heard(change: () => void): void {
    change();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** `vectabase up` on free ports. */
export function up(dir: string, args: readonly string[] = [], options: CommandOptions = {}): Command {
  return new Command(['up', '--dir', dir, '--json', '--port', '0', '--pg-port', '0', ...args], options);
}

/** Runs a command that ends by itself. */
export async function runCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<{ exitCode: number | NodeJS.Signals; stdout: string; stderr: string; lines: Line[] }> {
  const command = new Command(args, options);
  const exitCode = await command.exited;
  return { exitCode, stdout: command.stdout, stderr: command.stderr, lines: command.lines };
}

/** Processes that mention a text in their command line or work below it: what a test must not leave behind. */
export function processesOf(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return words.includes(text) ? [`${pid} ${words}`] : [];
      } catch {
        return [];
      }
    });
}

/** For `afterAll`: throws with what is still there. */
export async function noProcessOf(text: string): Promise<void> {
  const left = await untilNoProcessOf(text);
  if (left.length > 0) throw new Error(`left running:\n${left.join('\n')}`);
}

/** Waits until no process mentions the text; the last list when five seconds were not enough. */
export async function untilNoProcessOf(text: string): Promise<string[]> {
  for (let attempt = 0; attempt < 100 && processesOf(text).length > 0; attempt++) await delay(50);
  return processesOf(text);
}

function parse(line: string): Line[] {
  try {
    return [JSON.parse(line) as Line];
  } catch {
    return [];
  }
}
