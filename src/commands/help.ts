import { Args, loadHelpClass } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { EXIT_CODES } from '../foundation/core/exit-codes.ts';

/** `vectabase help migrate plan` is `vectabase migrate plan --help`; `help exit-codes` is a page of its own. */
export default class Help extends BaseCommand<{ exitCodes: Record<number, string> } | undefined> {
  static override summary = 'explain a command, or the exit codes';
  static override args = { topic: Args.string({ ignoreStdin: true, description: 'a command, or exit-codes' }) };
  static override strict = false;
  static override examples = ['<%= config.bin %> help migrate plan', '<%= config.bin %> help exit-codes'];

  override async run(): Promise<{ exitCodes: Record<number, string> } | undefined> {
    const { argv } = await this.parse(Help);
    if (argv[0] === 'exit-codes') {
      const lines = EXIT_CODES.map(([code, meaning]) => `${String(code).padStart(4)}  ${meaning}`);
      if (!this.jsonEnabled()) process.stdout.write(`${lines.join('\n')}\n`);
      return { exitCodes: Object.fromEntries(EXIT_CODES) };
    }
    const Pages = await loadHelpClass(this.config);
    await new Pages(this.config, this.config.pjson.oclif.helpOptions).showHelp(argv.map(String));
    return undefined;
  }
}
