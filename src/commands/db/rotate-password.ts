import { BaseCommand } from '../../cli/base-command.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';

interface Result {
  readonly role: 'postgres';
}

export default class DbRotatePassword extends BaseCommand<Result> {
  static override summary = 'give the role postgres a new password';
  static override description =
    'The old one is refused from the next login on, by Postgres and PgBouncer alike; who is connected stays so. Nothing of Vectabase itself uses it.';
  static override examples = ['<%= config.bin %> db rotate-password && <%= config.bin %> db url --password'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(DbRotatePassword);
    const { rotateOwnerPassword } = await import('../../operator/keys/owner-password.ts');
    await rotateOwnerPassword(flags.dir);
    this.print('The role postgres has a new password.\n');
    this.say(`Give it to your programs: vectabase db url --password${targetWords(flags)}`);
    return { role: 'postgres' };
  }
}
