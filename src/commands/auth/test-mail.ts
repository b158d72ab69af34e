import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { MailTested } from '../../operator/auth/test-mail.ts';

export default class AuthTestMail extends BaseCommand<MailTested> {
  static override summary = 'send a letter as the running daemon sends them, and check the templates';
  static override examples = ['<%= config.bin %> auth test-mail --to you@example.com'];
  static override flags = { to: Flags.string({ summary: 'address that the letter goes to', required: true }) };

  async run(): Promise<MailTested> {
    const { flags } = await this.parse(AuthTestMail);
    const { testMail } = await import('../../operator/auth/test-mail.ts');
    const result = await testMail({ dir: flags.dir, to: flags.to });
    for (const problem of result.templateProblems) this.say(`template not used: ${problem}`);
    this.print(
      result.inboxUrl === null
        ? `a letter to ${result.to} has left\n`
        : `a letter to ${result.to} is kept in the inbox (${result.inboxUrl}); no mail server is set\n`,
    );
    return result;
  }
}
