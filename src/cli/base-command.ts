import { Command, Flags } from '@oclif/core';
import { defaultDirectory } from '../foundation/core/default-directory.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import { systemClock, type JobContext, type Observation } from '../foundation/core/observe.ts';
import { onTerminal } from './prompts.ts';
import { asInvoked } from './render/invoked.ts';
import { openRenderer, type Renderer } from './render/open.ts';

/**
 * What all commands share: `--dir`, `--json`, `--no-input`, signals, the observer that sounds right for the terminal.
 *
 * `run()` returns the typed result of one operator job. stdout carries that result and nothing else: as text by
 * `present()`, or with `--json` as one document. A command with `static streams = true` prints each observation as a
 * JSON line before it, and the result as the last line with `event: "result"`.
 */
export abstract class BaseCommand<Result> extends Command {
  static override enableJsonFlag = true;
  static streams = false;
  /** SIGHUP: the terminal was closed. */
  static stopSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

  static override baseFlags = {
    dir: Flags.string({
      summary: 'where this installation lives [default: .vectabase, or /etc/vectabase where install made it]',
      default: async () => defaultDirectory(),
      noCacheDefault: true,
      env: 'VECTABASE_DIR',
      helpValue: 'PATH',
    }),
    'no-input': Flags.boolean({ summary: 'never prompt', default: false }),
  };

  readonly #abort = new AbortController();
  #renderer: Renderer | undefined;

  abstract override run(): Promise<Result>;

  /** What the job is handed. The first Ctrl-C aborts its signal; the second ends the process at once. */
  protected context<O extends Observation>(): JobContext<O> {
    this.#renderer ??= openRenderer({
      mode: this.jsonEnabled() ? (this.streams ? 'ndjson' : 'silent') : process.stderr.isTTY ? 'live' : 'plain',
    });
    const renderer = this.#renderer;
    return { observe: (observation) => renderer.observe(observation), signal: this.#abort.signal, clock: systemClock };
  }

  protected get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Can a person be asked? Only on a terminal, and not under `--no-input` or `--json`. */
  protected mayAsk(flags: { readonly 'no-input': boolean }): boolean {
    return !flags['no-input'] && !this.jsonEnabled() && onTerminal();
  }

  /** Says something to a person, on stderr, without disturbing a live display. */
  protected say(line: string): void {
    if (this.jsonEnabled()) return;
    this.#renderer?.pause();
    process.stderr.write(`${asInvoked(line)}\n`);
  }

  /** Prints a result and ends with a failure all the same: a finished job that found something wrong. */
  protected finishWith(result: Result, error: VectabaseError): never {
    if (this.jsonEnabled()) this.logJson(result);
    throw error;
  }

  /** The result for a person, on stdout. Nothing with `--json`, which prints it by itself. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) process.stdout.write(asInvoked(text));
  }

  /** Ends the live display, so that what follows is printed below it. */
  protected closeRenderer(): void {
    this.#renderer?.close();
    this.#renderer = undefined;
  }

  protected override async init(): Promise<void> {
    await super.init();
    for (const name of this.stopSignals) process.on(name, this.#onSignal);
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.closeRenderer();
    for (const name of this.stopSignals) process.off(name, this.#onSignal);
    await super.finally(error);
  }

  /** `main` prints errors, in both modes. */
  protected override async catch(error: Error): Promise<never> {
    this.closeRenderer();
    throw error;
  }

  override logJson(result: unknown): void {
    this.closeRenderer();
    const document = this.streams ? { event: 'result', ...(result as object) } : result;
    process.stdout.write(`${JSON.stringify(document, null, this.streams ? undefined : 2)}\n`);
  }

  private get stopSignals(): readonly NodeJS.Signals[] {
    return (this.constructor as typeof BaseCommand).stopSignals;
  }

  private get streams(): boolean {
    return (this.constructor as typeof BaseCommand).streams;
  }

  /**
   * We keep listening after the first signal: below listr2 sits `signal-exit`, which ends the process at once when it
   * finds itself the only listener.
   */
  readonly #onSignal = (name: NodeJS.Signals): void => {
    if (this.#abort.signal.aborted) {
      for (const each of this.stopSignals) process.off(each, this.#onSignal);
      process.kill(process.pid, name);
      return;
    }
    this.#abort.abort(new VectabaseError('INTERRUPTED', { message: `stopped by ${name}`, details: { signal: name } }));
  };
}
