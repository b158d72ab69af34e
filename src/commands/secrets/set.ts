import { Args, Flags } from '@oclif/core';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { SetResult } from '../../operator/secrets/values.ts';

export default class SecretsSet extends SecretsCommand<SetResult> {
  static override summary = 'keep a secret: its value from a pipe, a file or a prompt';
  static override description = `The value never stands on the command line: there it would stay in the shell's history, and every user of the machine could read it in the process list while the command runs.
One line end at its end is dropped, as echo and editors add it; --exact keeps it.`;
  static override examples = [
    '<%= config.bin %> secrets set STRIPE_SECRET_KEY',
    'pass show stripe | <%= config.bin %> secrets set STRIPE_SECRET_KEY',
    '<%= config.bin %> secrets set APPLE_PRIVATE_KEY --from-file key.p8',
  ];
  static override args = {
    name: Args.string({ ignoreStdin: true, description: 'as STRIPE_SECRET_KEY', required: true }),
    // A value given as a second word should be told why it is refused, not that it is one too many.
    value: Args.string({ ignoreStdin: true, hidden: true }),
  };
  static override flags = {
    'from-file': Flags.string({ summary: 'file with the value', helpValue: 'FILE' }),
    exact: Flags.boolean({ summary: 'keep the line end at the end of the value', default: false }),
  };

  async run(): Promise<SetResult> {
    const { args, flags } = await this.parse(SecretsSet);
    if (args.name.includes('=') || args.value !== undefined) throw valueRefused();
    const { assertSecretName } = await import('../../operator/secrets/document.ts');
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { decodeValue } = await import('../../operator/secrets/text.ts');
    const { setSecret } = await import('../../operator/secrets/values.ts');
    assertSecretName(args.name);
    const bytes = await this.valueFrom(flags, `value of ${args.name}`);
    const store = await openSecrets(this.opening(flags));
    const result = await setSecret(store, args.name, decodeValue(bytes, 'the value', flags.exact));
    const said = result.change === 'written' ? 'is set' : 'had that value already';
    this.print(`${result.name} ${said} in ${result.environment}\n`);
    return result;
  }
}

/** Repeats nothing that may be a value. */
function valueRefused(): VectabaseError {
  return new VectabaseError('USAGE', {
    message:
      'a secret on the command line stays in the history of the shell, and everybody here can read it in the process list',
    hint: [
      'Pipe it in, name a file with --from-file FILE, or run vectabase secrets set NAME and type it at the prompt.',
      'What you typed now counts as seen: if it was the real value, have a new one made.',
    ].join('\n'),
  });
}
