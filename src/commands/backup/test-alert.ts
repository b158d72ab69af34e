import { BaseCommand } from '../../cli/base-command.ts';

interface Result {
  readonly channels: ReadonlyArray<{ readonly channel: string; readonly failure: string | null }>;
}

export default class BackupTestAlert extends BaseCommand<Result> {
  static override summary = 'write a test to everybody who gets alerts';
  static override description =
    'The running daemon sends it, by mail, to Discord and to the webhook, as it would send an alert. Exits with 7 when one of them did not take it.';
  static override examples = ['<%= config.bin %> backup test-alert'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(BackupTestAlert);
    const { testAlert } = await import('../../operator/backup/alerts/test.ts');
    const result = await testAlert(flags.dir);
    for (const { channel } of result.channels) this.print(`${channel}: taken\n`);
    return result;
  }
}
