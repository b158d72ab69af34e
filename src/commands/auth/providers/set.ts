import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../../cli/base-command.ts';
import { readValue } from '../../../cli/piped-value.ts';
import { targetWords } from '../../../foundation/core/shell-words.ts';
import type { ShownProvider } from '../../../operator/auth/providers.ts';

export default class AuthProvidersSet extends BaseCommand<ShownProvider> {
  static override summary = 'let people sign in with Google, Discord, GitHub or an OpenID Connect provider';
  static override description = [
    'Writes the provider into vectabase.yml and its secret into a file of its own; the secret comes from a file, a pipe or a prompt. Prints the redirect URI that must be registered at the provider.',
    'A running daemon takes it at its next start.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> auth providers set google --client-id ID',
    'pass show discord | <%= config.bin %> auth providers set discord --client-id ID --from-file -',
    '<%= config.bin %> auth providers set staff --client-id ID --issuer https://login.example.com --from-file s.txt',
  ];
  static override args = {
    name: Args.string({
      ignoreStdin: true,
      description: 'google, discord, github or a name of your own',
      required: true,
    }),
  };
  static override flags = {
    'client-id': Flags.string({ summary: 'what the provider calls this project', helpValue: 'ID' }),
    'from-file': Flags.string({ summary: 'file with the client secret; - is stdin', helpValue: 'FILE' }),
    issuer: Flags.string({ summary: 'address of an OpenID Connect provider', helpValue: 'URL' }),
    scopes: Flags.string({ summary: 'asked for besides the usual ones, separated by commas', helpValue: 'LIST' }),
    enabled: Flags.boolean({ summary: 'switch it on, or off and keep its settings', allowNo: true }),
  };

  async run(): Promise<ShownProvider> {
    const { args, flags } = await this.parse(AuthProvidersSet);
    const { listProviders, setProvider } = await import('../../../operator/auth/providers.ts');
    const known = (await listProviders(flags.dir)).providers.find(({ name }) => name === args.name);
    const provider = await setProvider({
      dir: flags.dir,
      name: args.name,
      clientId: flags['client-id'],
      secret: await this.#secret(flags, args.name, known?.secret === 'set'),
      issuer: flags.issuer,
      scopes: flags.scopes?.split(',').map((scope) => scope.trim()),
      enabled: flags.enabled,
    });
    this.print(`${provider.name} is set up. Register this redirect URI there:\n\n  ${provider.redirectUri}\n\n`);
    this.say(`Stop and start vectabase up${targetWords(flags)} for the daemon to take it.`);
    return provider;
  }

  /** From the file, or asked for when there is none yet. */
  async #secret(
    flags: { 'from-file': string | undefined; 'no-input': boolean },
    name: string,
    isSet: boolean,
  ): Promise<string | undefined> {
    const ask = this.mayAsk(flags);
    const file = flags['from-file'];
    if (file === undefined && (isSet || !ask)) return undefined;
    const value = await readValue({ file: file === '-' ? undefined : file, ask, question: `client secret of ${name}` });
    return value.toString('utf8').trim() || undefined;
  }
}
