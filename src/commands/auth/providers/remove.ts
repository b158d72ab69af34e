import { Args } from '@oclif/core';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AuthProvidersRemove extends BaseCommand<{ readonly name: string }> {
  static override summary = 'take a provider and its secret out of the settings';
  static override description =
    'People who signed in with it alone cannot sign in until they set a password by mail. To switch it off for a while, use auth providers set NAME --no-enabled.';
  static override examples = ['<%= config.bin %> auth providers remove github'];
  static override args = { name: Args.string({ ignoreStdin: true, description: 'its name', required: true }) };

  async run(): Promise<{ readonly name: string }> {
    const { args, flags } = await this.parse(AuthProvidersRemove);
    const { removeProvider } = await import('../../../operator/auth/providers.ts');
    const result = await removeProvider(flags.dir, args.name);
    this.print(`${result.name} is removed\n`);
    return result;
  }
}
