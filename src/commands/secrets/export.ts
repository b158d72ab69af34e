import { Flags } from '@oclif/core';
import { SecretsCommand } from '../../cli/secrets-command.ts';

type Result = Readonly<Record<string, string>>;

export default class SecretsExport extends SecretsCommand<Result> {
  static override summary = 'print all secrets, for another program';
  static override description =
    'In clear: a file that this is written to is no longer protected by anything. To run a program with the secrets, use vectabase secrets exec.';
  static override examples = [
    '<%= config.bin %> secrets export --format json | other-tool import',
    'eval "$(<%= config.bin %> secrets export --format shell)"',
  ];
  static override flags = {
    format: Flags.option({
      summary: 'dotenv, json, or lines for a shell',
      options: ['dotenv', 'json', 'shell'] as const,
      default: 'dotenv',
    })(),
    only: Flags.string({ summary: 'this name alone; may be given more than once', multiple: true, helpValue: 'NAME' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(SecretsExport);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { takeSecrets } = await import('../../operator/secrets/values.ts');
    const { exportText } = await import('../../operator/secrets/export.ts');
    const store = await openSecrets(this.opening(flags));
    const values = await takeSecrets(store, flags.only, { operation: 'export', to: flags.format });
    if (process.stdout.isTTY) {
      this.say(
        `These are the secrets of ${store.environment} in clear. Your terminal keeps them in its scroll-back: clear it afterwards.`,
      );
    }
    this.print(exportText(values, flags.format));
    return Object.fromEntries(values);
  }
}
