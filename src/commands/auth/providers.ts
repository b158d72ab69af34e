import { BaseCommand } from '../../cli/base-command.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import type { ProviderList } from '../../operator/auth/providers.ts';

export default class AuthProviders extends BaseCommand<ProviderList> {
  static override summary = 'list the providers that people can sign in with';
  static override description =
    'With each stands the redirect URI that must be registered at the provider, letter for letter.';
  static override examples = ['<%= config.bin %> auth providers', '<%= config.bin %> auth providers --json'];

  async run(): Promise<ProviderList> {
    const { flags } = await this.parse(AuthProviders);
    const { listProviders } = await import('../../operator/auth/providers.ts');
    const list = await listProviders(flags.dir);
    this.print(report(list, targetWords(flags)));
    return list;
  }
}

function report({ providers, redirectUri }: ProviderList, where: string): string {
  if (providers.length === 0) {
    return `No provider is set up. Register ${redirectUri} at one, then run vectabase auth providers set google --client-id ID${where}\n`;
  }
  const lines = providers.map(({ name, enabled, clientId, secret, redirectUri: uri }) => {
    return `${name.padEnd(12)} ${enabled ? 'on ' : 'off'}  client ${clientId}  secret ${secret}\n${' '.repeat(13)}register ${uri}`;
  });
  return `${lines.join('\n')}\n`;
}
