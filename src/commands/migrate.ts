import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { linesOf } from '../cli/encryption-command.ts';
import { choiceFlags, endFlags } from '../cli/migrate-flags.ts';
import { secretAsker } from '../cli/prompts.ts';
import { paint } from '../cli/render/paint.ts';
import type { targetWords } from '../foundation/core/shell-words.ts';
import type { EncryptionObservation } from '../operator/encryption/model.ts';
import type { MigrateEnds } from '../operator/migrate/options.ts';
import type { MigrateObservation } from '../operator/migrate/observations.ts';
import type { MigrationReport } from '../operator/migrate/report.ts';

export default class Migrate extends BaseCommand<MigrationReport> {
  static override aliases = ['migrate:run'];
  static override summary = 'move a Supabase project here: schema, rows, users, and the proof that nothing is missing';
  static override description = `Reads the live catalogue and copies everything in public and your own schemas, plus the rows of auth and storage.
Every step commits together with its line in a ledger in the target, so it can be killed at any instant and continued with --resume.
The source is only read. Exit codes: 0 moved and proved, 5 something must be mended first, 6 differences found, 7 a side is unreachable, 75 stopped part-way.`;
  static override examples = [
    'VECTABASE_SOURCE_URL=… <%= config.bin %> migrate',
    '<%= config.bin %> migrate --source-file source.url --jobs 4',
    '<%= config.bin %> migrate --resume --source-file source.url',
  ];
  static override streams = true;
  static override flags = {
    ...endFlags,
    ...choiceFlags,
    resume: Flags.boolean({ summary: 'continue the migration that stopped', default: false }),
    verify: Flags.boolean({ summary: 'count and hash every table on both sides', default: true, allowNo: true }),
    'dry-run': Flags.boolean({ summary: 'print the plan and stop', default: false }),
    encrypt: Flags.boolean({
      summary: 'when all is moved and proved, encrypt the columns of encryption.columns',
      default: false,
    }),
    'pgp-passphrase-file': Flags.string({
      summary: 'with --encrypt: old passphrases of pgp_sym_encrypt, one a line',
      helpValue: 'FILE',
      dependsOn: ['encrypt'],
    }),
  };

  async run(): Promise<MigrationReport> {
    const { flags } = await this.parse(Migrate);
    if (flags['dry-run']) {
      await this.config.runCommand('migrate:plan', planArguments(flags));
      return this.exit(0);
    }
    const { locateEnds, targetFreeBytes } = await import('../operator/migrate/ends/locate.ts');
    const { runMigration } = await import('../operator/migrate/run.ts');
    const { differences } = await import('../operator/migrate/errors.ts');
    const { givenChoices, toChoices } = await import('../operator/migrate/choices.ts');
    const { commandWords } = await import('../operator/migrate/render/words.ts');
    const { saveReport } = await import('../operator/migrate/render/save-report.ts');
    const { renderReport } = await import('../operator/migrate/render/report-text.ts');

    const ends = await locateEnds(flags, {
      ask: secretAsker(this.mayAsk(flags), 'connection string of the source'),
      warn: (text) => this.say(text),
    });
    const words = commandWords(flags);
    let files: { html: string; json: string } | undefined;
    const report = await runMigration(
      {
        ends,
        choices: toChoices(flags),
        resume: flags.resume ? givenChoices(flags) : null,
        targetFreeBytes: await targetFreeBytes(flags.dir, flags['target-file']),
        words,
        onReport: async (made) => {
          files = await saveReport(flags.dir, made, words);
        },
      },
      this.context<MigrateObservation>(),
    );
    this.closeRenderer();
    if (!this.jsonEnabled()) {
      this.print(renderReport(report, files, { style: paint(process.stdout), words }));
      if (report.outcome !== 'differences') this.print(await indexLine(flags, ends));
    }
    if (report.outcome === 'differences') this.finishWith(report, differences(report, words));
    if (flags.encrypt) await this.encrypt(flags.dir, ends, flags['pgp-passphrase-file']);
    return report;
  }

  /** Has a state of its own in the target: stopped here, `vectabase encryption apply` goes on. */
  private async encrypt(dir: string, { target }: MigrateEnds, passphraseFile: string | undefined): Promise<void> {
    const { requireMasterKey } = await import('../foundation/encryption/master-key.ts');
    const { encryptByPolicy } = await import('../operator/encryption/by-policy.ts');
    const { key: masterKey } = await requireMasterKey(dir);
    const passphrases = await linesOf(passphraseFile, '--pgp-passphrase-file');
    const result = await encryptByPolicy(
      { dir, target, masterKey, pgp: { passphrases, keepUnopened: false }, keepResidue: false },
      this.context<EncryptionObservation>(),
    );
    this.closeRenderer();
    this.say(`${result.values} values were encrypted. vectabase migrate verify compares them as plaintext.`);
  }
}

/** Offered, never needed: what was moved is whole without it, so a failure here is not one of the migration. */
async function indexLine(flags: Parameters<typeof targetWords>[0], { target }: MigrateEnds): Promise<string> {
  const { loadSettings } = await import('../foundation/config/settings.ts');
  const { adviseIndexes } = await import('../operator/database/run.ts');
  const { adviceLine, adviseWords } = await import('../operator/database/words.ts');
  try {
    const { columns } = loadSettings({ dir: flags.dir }).settings.advise;
    const line = adviceLine(await adviseIndexes({ target, columns }), adviseWords(flags));
    return line === null ? '' : `  ${line}\n\n`;
  } catch {
    return '';
  }
}

/** The flags that `migrate plan` takes too. */
function planArguments(flags: Record<string, unknown>): string[] {
  const shared = new Set([...Object.keys(endFlags), ...Object.keys(choiceFlags), 'dir', 'no-input', 'json']);
  return Object.entries(flags).flatMap(([name, value]) => {
    if (!shared.has(name) || value === undefined || value === false) return [];
    if (value === true) return [`--${name}`];
    return (Array.isArray(value) ? value : [value]).flatMap((item) => [`--${name}`, String(item)]);
  });
}
