import { paint } from '../../../cli/render/paint.ts';
import { SecretsCommand } from '../../../cli/secrets-command.ts';
import type { RecipientsList as Result } from '../../../operator/secrets/recipients.ts';

export default class RecipientsList extends SecretsCommand<Result> {
  static override summary = 'public keys of all who can open the secrets, and your own';
  static override description =
    'On a machine without a private key it makes one. Send the public half to somebody on the list, who lets you in with vectabase secrets recipients add.';
  static override examples = ['<%= config.bin %> secrets recipients list'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(RecipientsList);
    const { openSecrets } = await import('../../../operator/secrets/store.ts');
    const { listRecipients } = await import('../../../operator/secrets/recipients.ts');
    const result = await listRecipients(await openSecrets({ ...this.opening(flags), newcomer: true }));
    this.print(shown(result));
    return result;
  }
}

function shown({ recipients, own }: Result): string {
  const style = paint(process.stdout);
  const lines = recipients.map(({ key, name, own: mine }) => {
    const who = [name, mine ? 'this machine' : null].filter((part) => part !== null).join(', ');
    return `${mine ? style.green('●') : '○'} ${key}${who === '' ? '' : `  ${style.dim(who)}`}`;
  });
  if (recipients.some((each) => each.own)) return `${lines.join('\n')}\n`;
  const hint = `This machine is not on the list. Ask one of them to run:\n  ${style.bold(`vectabase secrets recipients add ${own} --name YOU`)}`;
  return `${lines.join('\n')}\n\n${hint}\n`;
}
