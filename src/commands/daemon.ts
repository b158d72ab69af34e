import path from 'node:path';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';

const HANDED_ON = process.stdin.isTTY ? (['SIGUSR1'] as const) : (['SIGHUP', 'SIGUSR1'] as const);

export default class Daemon extends BaseCommand<void> {
  static override summary = 'serve the API in the foreground';
  static override description =
    'Prints one JSON line when it is ready, logs JSON lines on stderr, and stops on SIGTERM or Ctrl-C after requests under way have finished. SIGHUP reads the file and the keys again, SIGUSR1 the schema. vectabase up starts one by itself.';
  static override examples = ['<%= config.bin %> daemon --config /etc/vectabase/daemon.json'];
  static override enableJsonFlag = false;
  /** From a service manager SIGHUP means to read the configuration again. */
  static override stopSignals: readonly NodeJS.Signals[] = process.stdin.isTTY
    ? BaseCommand.stopSignals
    : ['SIGINT', 'SIGTERM'];
  static override flags = {
    config: Flags.file({ summary: 'runtime file, JSON or YAML, mode 0600', required: true, helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Daemon);
    const { startDaemonProgram } = await import('../foundation/process/daemon-program.ts');
    // Our end of its stdin is how it notices that we died.
    const child = await startDaemonProgram(path.resolve(flags.config), { stdio: ['pipe', 'inherit', 'inherit'] });
    const stop = (): void => child.kill('SIGTERM');
    this.signal.addEventListener('abort', stop);
    if (this.signal.aborted) stop();
    for (const name of HANDED_ON) process.on(name, () => child.kill(name));
    const { code } = await child.exited;
    if (code !== 0) this.exit(code ?? 1);
  }
}
