import { Args, Flags } from '@oclif/core';
import { confirmByName } from '../../cli/prompts.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';

interface Result {
  readonly environment: string;
  readonly name: string;
}

export default class SecretsUnset extends SecretsCommand<Result> {
  static override summary = 'forget a secret';
  static override description =
    'Asks for the name once more, or takes --confirm NAME. Older files in git still hold the value: whoever could open them can still read it.';
  static override examples = [
    '<%= config.bin %> secrets unset OLD_KEY',
    '<%= config.bin %> secrets unset OLD_KEY --confirm OLD_KEY',
  ];
  static override args = { name: Args.string({ ignoreStdin: true, description: 'as OLD_KEY', required: true }) };
  static override flags = {
    confirm: Flags.string({ summary: 'the name again, in place of the prompt', helpValue: 'NAME' }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(SecretsUnset);
    const { assertSecretName } = await import('../../operator/secrets/document.ts');
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { unsetSecrets } = await import('../../operator/secrets/values.ts');
    assertSecretName(args.name);
    const store = await openSecrets(this.opening(flags));
    await confirmByName({
      name: args.name,
      given: flags.confirm,
      what: `this takes ${args.name} out of the secrets of ${store.environment}`,
      ask: this.mayAsk(flags),
      command: `vectabase secrets unset ${args.name}${this.where(flags)}`,
    });
    await unsetSecrets(store, [args.name]);
    this.print(`${args.name} is gone from ${store.environment}\n`);
    return { environment: store.environment, name: args.name };
  }
}
