import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { paint } from '../../cli/render/paint.ts';
import type { MigrationStatus } from '../../operator/migrate/status.ts';

export default class MigrateStatus extends BaseCommand<MigrationStatus> {
  static override summary = 'show how far the migration in the target is';
  static override examples = ['<%= config.bin %> migrate status', '<%= config.bin %> migrate status --json'];
  static override flags = targetFlags;

  async run(): Promise<MigrationStatus> {
    const { flags } = await this.parse(MigrateStatus);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { migrationStatus } = await import('../../operator/migrate/status.ts');
    const { renderStatus } = await import('../../operator/migrate/render/status-text.ts');
    const { commandWords } = await import('../../operator/migrate/render/words.ts');
    const status = await migrationStatus(await locateTarget(flags.dir, flags['target-file']));
    this.print(renderStatus(status, commandWords(flags), paint(process.stdout)));
    return status;
  }
}
