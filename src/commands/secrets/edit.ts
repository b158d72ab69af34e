import { askYes } from '../../cli/prompts.ts';
import { renderError } from '../../cli/render/error.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { EditResult } from '../../operator/secrets/edit.ts';

export default class SecretsEdit extends SecretsCommand<EditResult> {
  static override stopSignals = [];
  static override summary = 'change secrets in your editor';
  static override description =
    'Opens VISUAL or EDITOR on a file in memory (/dev/shm) that only you can read, and removes it however the edit ends. An editor may keep copies of its own: switch off its backups and history for *.env.';
  static override examples = [
    '<%= config.bin %> secrets edit',
    'EDITOR=nano <%= config.bin %> secrets edit -e staging',
  ];

  async run(): Promise<EditResult> {
    const { flags } = await this.parse(SecretsEdit);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { editSecrets } = await import('../../operator/secrets/edit.ts');
    const again = async (error: VectabaseError): Promise<boolean> => {
      if (!this.mayAsk(flags)) return false;
      process.stderr.write(renderError(error));
      return askYes('open the editor again');
    };
    const result = await editSecrets(await openSecrets(this.opening(flags)), { again });
    const parts = [
      ...(result.set.length === 0 ? [] : [`set ${result.set.join(', ')}`]),
      ...(result.unset.length === 0 ? [] : [`forgot ${result.unset.join(', ')}`]),
    ];
    this.print(`${result.environment}: ${parts.join('; ') || 'no value changed'}\n`);
    return result;
  }
}
