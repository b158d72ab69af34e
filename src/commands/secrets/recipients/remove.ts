import { Args, Flags } from '@oclif/core';
import { confirmByName } from '../../../cli/prompts.ts';
import { SecretsCommand } from '../../../cli/secrets-command.ts';
import { shellWord } from '../../../foundation/core/shell-words.ts';
import type { RecipientsChange as Result } from '../../../operator/secrets/recipients.ts';

export default class RecipientsRemove extends SecretsCommand<Result> {
  static override summary = 'let somebody open the secrets no longer';
  static override description =
    'Seals every file anew without that key. What was sealed before stays readable for them, in git too: give each secret a new value at its source, and set it with vectabase secrets rotate NAME.';
  static override examples = [
    '<%= config.bin %> secrets recipients remove ann',
    '<%= config.bin %> secrets recipients remove age1… --confirm age1…',
  ];
  static override args = { who: Args.string({ ignoreStdin: true, description: 'name or public key', required: true }) };
  static override flags = {
    confirm: Flags.string({ summary: 'the name or key again, in place of the prompt', helpValue: 'WHO' }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(RecipientsRemove);
    const { openSecrets } = await import('../../../operator/secrets/store.ts');
    const { findRecipients, removeRecipient } = await import('../../../operator/secrets/recipients.ts');
    const { readRecipients } = await import('../../../operator/secrets/recipients-file.ts');
    const store = await openSecrets(this.opening(flags));
    const own = new Set(store.identities.map(({ recipient }) => recipient));
    const gone = findRecipients(await readRecipients(store.paths.recipients), args.who);
    const self = gone.some(({ age }) => own.has(age.text)) ? ', which is this machine' : '';
    await confirmByName({
      name: args.who,
      given: flags.confirm,
      what: `this shuts out ${gone.length} of the public keys${self}`,
      ask: this.mayAsk(flags),
      command: `vectabase secrets recipients remove ${shellWord(args.who)}${this.where(flags)}`,
    });
    const result = await removeRecipient(store, args.who);
    this.print(
      `${result.recipients.length} can open the secrets now; sealed anew: ${result.sealed.join(', ') || 'nothing'}\n`,
    );
    if (result.known.length > 0)
      this.say(`Who was removed may know these values; have new ones made: ${result.known.join(', ')}`);
    return result;
  }
}
