import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { encryptionFlags } from '../../cli/encryption-command.ts';
import { confirmByName } from '../../cli/prompts.ts';
import { shellWord, targetWords } from '../../foundation/core/shell-words.ts';
import type { EncryptionObservation } from '../../operator/encryption/model.ts';
import type { UndoResult } from '../../operator/encryption/undo.ts';

export default class EncryptionUndo extends BaseCommand<UndoResult> {
  static override summary = 'take columns back to plaintext, with the indexes they had';
  static override description =
    'Works in small batches while everybody goes on; stopped at any point, the same command goes on.';
  static override examples = [
    '<%= config.bin %> encryption undo',
    '<%= config.bin %> encryption undo public.license_keys.key --confirm postgres',
  ];
  static override streams = true;
  static override strict = false;
  static override args = {
    columns: Args.string({ ignoreStdin: true, description: 'schema.table.column, any number; all when left out' }),
  };
  static override flags = {
    ...encryptionFlags,
    confirm: Flags.string({ summary: 'name of the database, instead of typing it', helpValue: 'NAME' }),
  };

  async run(): Promise<UndoResult> {
    const { flags, argv } = await this.parse(EncryptionUndo);
    const { locateTarget } = await import('../../foundation/postgres/locate.ts');
    const { requireMasterKey } = await import('../../foundation/encryption/master-key.ts');
    const { undoEncryption } = await import('../../operator/encryption/undo.ts');
    const columns = argv as string[];
    const target = await locateTarget(flags.dir, flags['target-file']);
    await confirmByName({
      name: target.database,
      given: flags.confirm,
      what: 'Encrypted columns become plaintext',
      ask: this.mayAsk(flags),
      command: ['vectabase encryption undo', ...columns.map(shellWord)].join(' ') + targetWords(flags),
    });
    const { key: masterKey } = await requireMasterKey(flags.dir);
    const context = this.context<EncryptionObservation>();
    const result = await undoEncryption({ target, masterKey }, columns, context);
    this.closeRenderer();
    this.print(`${result.values} values of ${result.columns.length} columns are plaintext again\n`);
    return result;
  }
}
