import { Flags } from '@oclif/core';
import { BackupCommand } from '../../cli/backup-command.ts';
import { confirmByName } from '../../cli/prompts.ts';
import { formatCount } from '../../cli/render/units.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { StorePruning } from '../../operator/backup/retention/run.ts';

interface Result {
  readonly stores: readonly StorePruning[];
}

export default class BackupPrune extends BackupCommand<Result> {
  static override summary = 'take away backups that are older than the settings ask for';
  static override description = `Kept in any case: the newest backup and the newest verified one, all dumps of 30 days, what is pinned, and what a kept backup builds on or needs for its way to any second.
Each store is planned by itself. Nothing goes after a failed backup, when the clock is behind the catalogue or two days ahead of it, or when a catalogue cannot be believed.`;
  static override examples = [
    '<%= config.bin %> backup prune --dry-run',
    '<%= config.bin %> backup prune --confirm prune',
  ];
  static override flags = {
    'dry-run': Flags.boolean({ summary: 'only tell what would go', default: false }),
    confirm: Flags.string({ summary: '`prune`, instead of typing it', helpValue: 'prune' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(BackupPrune);
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { prune, refusalOf } = await import('../../operator/backup/retention/run.ts');
    const { windowDays, dumpDays } = loadSettings({ dir: flags.dir }).settings.backup;
    const input = { place: await this.place(flags), rules: { windowDays, dumpDays } };
    const ctx = this.context<BackupObservation>();
    const plan = await prune({ ...input, dryRun: true }, ctx);
    this.closeRenderer();
    const refusal = refusalOf(plan);
    if (refusal) this.finishWith({ stores: plan }, refusal);
    if (flags['dry-run']) return this.#shown(plan);
    const count = plan.reduce((sum, { remove }) => sum + remove.length, 0);
    if (count > 0) {
      for (const line of lines(plan)) this.say(line);
      await confirmByName({
        name: 'prune',
        given: flags.confirm,
        what: `${formatCount(count)} would go for good`,
        ask: this.mayAsk(flags),
        command: `vectabase backup prune${this.where(flags)}`,
      });
    }
    // Also with nothing to go: what an earlier run left when it was killed goes now.
    return this.#shown(await prune({ ...input, dryRun: false }, this.context<BackupObservation>()));
  }

  #shown(stores: readonly StorePruning[]): Result {
    this.closeRenderer();
    this.print(stores.length === 0 ? 'There is no backup yet.\n' : `${lines(stores).join('\n')}\n`);
    return { stores };
  }
}

function lines(stores: readonly StorePruning[]): string[] {
  return stores.flatMap(({ store, remove, removed, keep }) => {
    const wal = remove.filter((group) => group.startsWith('wal/')).length;
    const others = remove.filter((group) => !group.startsWith('wal/'));
    const what = removed === undefined ? 'would go' : 'went';
    return [
      `${store}: ${formatCount(keep.length)} kept; ${others.length + wal === 0 ? 'nothing' : [...others, ...(wal > 0 ? [`${formatCount(wal)} WAL files`] : [])].join(', ')} ${what}`,
      ...(removed === undefined ? [] : [`  ${formatCount(removed)} objects removed`]),
    ];
  });
}
