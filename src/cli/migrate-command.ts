import type { MigrateEnds } from '../operator/migrate/options.ts';
import { BaseCommand } from './base-command.ts';
import { askSecret, canAsk } from './prompts.ts';

interface EndChoice {
  readonly dir: string;
  readonly 'no-input': boolean;
  readonly source: string | undefined;
  readonly 'source-file': string | undefined;
  readonly 'target-file': string | undefined;
}

/** What the commands share that connect to both ends of a migration. */
export abstract class MigrateCommand<Result> extends BaseCommand<Result> {
  /** Asks for the connection string where nothing names it and somebody can be asked. */
  protected async ends(flags: EndChoice): Promise<MigrateEnds> {
    const { locateEnds } = await import('../operator/migrate/ends/locate.ts');
    const { ends, warnings } = await locateEnds({
      dir: flags.dir,
      source: flags.source,
      sourceFile: flags['source-file'],
      targetFile: flags['target-file'],
      ask: canAsk({ noInput: flags['no-input'], json: this.jsonEnabled() })
        ? async () => askSecret('connection string of the source')
        : undefined,
    });
    for (const warning of warnings) this.say(warning);
    return ends;
  }
}
