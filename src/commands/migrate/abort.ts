import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { targetFlags } from '../../cli/migrate-flags.ts';
import { confirmByName } from '../../cli/prompts.ts';
import type { AbortResult } from '../../operator/migrate/abort.ts';
import type { MigrateObservation } from '../../operator/migrate/observations.ts';

export default class MigrateAbort extends BaseCommand<AbortResult> {
  static override summary = 'take back what a migration made here; the source stays as it is';
  static override description =
    'Removes exactly the objects and rows that the ledger says were made, in one transaction. Asks for the name of the target database, or --confirm NAME.';
  static override examples = ['<%= config.bin %> migrate abort', '<%= config.bin %> migrate abort --confirm postgres'];
  static override flags = {
    ...targetFlags,
    confirm: Flags.string({ summary: 'name of the target database, in place of the prompt', helpValue: 'NAME' }),
  };

  async run(): Promise<AbortResult> {
    const { flags } = await this.parse(MigrateAbort);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { abortMigration } = await import('../../operator/migrate/abort.ts');
    const { migrationStatus } = await import('../../operator/migrate/status.ts');
    const { commandWords } = await import('../../operator/migrate/render/words.ts');
    const target = await locateTarget(flags.dir, flags['target-file']);
    const status = await migrationStatus(target);
    await confirmByName({
      name: target.database,
      given: flags.confirm,
      what: `this takes ${status.tables.copied} copied tables (${status.rows.toLocaleString('en')} rows) out of the target, database ${target.database} of ${target.host}; the source stays as it is`,
      ask: this.mayAsk(flags),
      command: commandWords(flags).abort,
    });
    const result = await abortMigration(target, this.context<MigrateObservation>());
    this.closeRenderer();
    this.print(
      `Taken back: ${result.dropped} objects with their rows, and the rows of ${result.emptied.length} tables that were the target's own. The source was not touched.\n${result.kept.length === 0 ? '' : `Other databases of this server need what was made for them too: ${result.kept.join(', ')}.\n`}`,
    );
    return result;
  }
}
