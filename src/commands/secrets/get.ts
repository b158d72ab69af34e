import { Args } from '@oclif/core';
import { SecretsCommand } from '../../cli/secrets-command.ts';

interface Result {
  readonly environment: string;
  readonly name: string;
  readonly value: string;
}

export default class SecretsGet extends SecretsCommand<Result> {
  static override summary = 'print the value of one secret';
  static override description =
    'Into a pipe or file it writes the value and not a byte more; on a terminal it ends the line. To hand secrets to a program, vectabase secrets exec is safer: nothing is printed.';
  static override examples = [
    '<%= config.bin %> secrets get STRIPE_SECRET_KEY --reason "compare with the dashboard"',
    '<%= config.bin %> secrets get TLS_KEY > key.pem',
  ];
  static override args = {
    name: Args.string({ ignoreStdin: true, description: 'as STRIPE_SECRET_KEY', required: true }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(SecretsGet);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { getSecret } = await import('../../operator/secrets/values.ts');
    const store = await openSecrets(this.opening(flags));
    const value = await getSecret(store, args.name);
    this.print(process.stdout.isTTY ? `${value}\n` : value);
    return { environment: store.environment, name: args.name, value };
  }
}
