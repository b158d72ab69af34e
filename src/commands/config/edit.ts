import { BaseCommand } from '../../cli/base-command.ts';
import { count } from '../../foundation/core/numbers.ts';
import type { EditResult } from '../../operator/provision/configure.ts';

export default class ConfigEdit extends BaseCommand<EditResult> {
  static override stopSignals = [];
  static override summary = 'edit vectabase.yml, checked before it counts';
  static override description =
    'Opens a copy in $VISUAL or $EDITOR. A copy that would not be accepted does not take the place of the file: it is kept, and the next edit goes on with it.';
  static override examples = ['<%= config.bin %> config edit'];

  async run(): Promise<EditResult> {
    const { flags } = await this.parse(ConfigEdit);
    const { editSettingsFile, howToApply } = await import('../../operator/provision/configure.ts');
    const result = await editSettingsFile(flags.dir);
    const { changes } = result;
    this.print(
      changes.length === 0
        ? 'No setting has another value now\n'
        : `${count(changes.length, 'setting')} changed: ${changes.map(({ key }) => key).join(', ')}\n`,
    );
    const next = howToApply(
      changes.map(({ effect }) => effect),
      flags.dir,
    );
    if (next !== undefined) this.say(next);
    return result;
  }
}
