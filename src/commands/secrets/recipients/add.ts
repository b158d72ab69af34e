import { Args, Flags } from '@oclif/core';
import { readGiven } from '../../../cli/piped-value.ts';
import { SecretsCommand } from '../../../cli/secrets-command.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { RecipientsChange as Result } from '../../../operator/secrets/recipients.ts';

export default class RecipientsAdd extends SecretsCommand<Result> {
  static override summary = 'let somebody open the secrets of all environments';
  static override description =
    'Takes a public key, age1… or ssh-ed25519 …, and seals every file anew. Commit the files afterwards.';
  static override examples = [
    '<%= config.bin %> secrets recipients add age1… --name ann',
    '<%= config.bin %> secrets recipients add --from-file ann.pub',
    'curl https://github.com/ann.keys | grep ed25519 | <%= config.bin %> secrets recipients add --name ann',
  ];
  static override args = {
    key: Args.string({ ignoreStdin: true, description: 'age1… or ssh-ed25519 AAAA…' }),
    data: Args.string({ ignoreStdin: true, hidden: true }), // the second word of an SSH key, and its comment
    comment: Args.string({ ignoreStdin: true, hidden: true }),
  };
  static override flags = {
    name: Flags.string({ summary: 'whose key it is', helpValue: 'NAME' }),
    'from-file': Flags.string({ summary: 'file with public keys, one a line', helpValue: 'FILE' }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(RecipientsAdd);
    const { openSecrets } = await import('../../../operator/secrets/store.ts');
    const { addRecipients } = await import('../../../operator/secrets/recipients.ts');
    const words = [args.key, args.data, args.comment].filter((word) => word !== undefined);
    const piped = words.length === 0;
    const text = piped ? (await readGiven(flags['from-file'])).toString('utf8') : words.join(' ');
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    if (lines.length === 0) throw nobody();
    const result = await addRecipients(
      await openSecrets(this.opening(flags)),
      lines,
      flags.name?.replaceAll('\n', ' '),
    );
    this.print(
      `${result.recipients.length} can open the secrets now; sealed anew: ${result.sealed.join(', ') || 'nothing, there are none yet'}\n`,
    );
    this.say(`Commit ${result.file} and the sealed files.`);
    return result;
  }
}

function nobody(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'there is no key to add',
    hint: 'Run vectabase secrets recipients add age1…, or give a file of public keys with --from-file FILE.',
  });
}
