import { Args, Flags } from '@oclif/core';
import { BackupCommand, openingFlags } from '../../cli/backup-command.ts';
import { formatBytes, formatCount, formatDuration } from '../../cli/render/units.ts';
import { restoreFlags } from '../../cli/restore-flags.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { StoredReport } from '../../operator/backup/verify-stored.ts';
import type { VerifyReport } from '../../operator/backup/verify.ts';

export default class BackupVerify extends BackupCommand<VerifyReport | StoredReport> {
  static override summary = 'open a backup and compare every file with what the server had sent';
  static override description = `Level 1 compares what is stored with the signed catalogue and needs no key; level 2 opens and unpacks it, too. Both look at everything, or at the backup that is named, or with --wal at the archive. Level 3 takes one base backup and compares each file in it.
Writes down in the catalogue what came out. Exits 6 for a backup that is not what was written.`;
  static override examples = [
    '<%= config.bin %> backup verify --key recovery.key',
    '<%= config.bin %> backup verify --level 1',
    '<%= config.bin %> backup verify --level 2 --wal --key recovery.key',
  ];
  static override args = { backup: Args.string({ ignoreStdin: true, description: 'which one (default: the newest)' }) };
  static override flags = {
    ...openingFlags,
    key: restoreFlags.key,
    level: Flags.string({ summary: 'how deep to look', options: ['1', '2', '3'], default: '3' }),
    wal: Flags.boolean({ summary: 'the archived WAL alone (levels 1 and 2)', default: false }),
  };

  async run(): Promise<VerifyReport | StoredReport> {
    const { flags, args } = await this.parse(BackupVerify);
    if (flags.level !== '1' && flags.key === undefined) throw noKey();
    if (flags.level === '3' && flags.wal) throw walLevel();
    const { findLinked } = await import('../../operator/backup/links.ts');
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { verifyLinked } = await import('../../operator/backup/verify.ts');
    const repository = await openRepository(await this.place(flags));
    if (flags.level !== '3') {
      const identities = flags.level === '2' ? await readRecoveryKey(flags.key ?? '') : undefined;
      const { verifyStored } = await import('../../operator/backup/verify-stored.ts');
      const input = { repository, label: args.backup, kinds: flags.wal ? (['wal'] as const) : undefined, identities };
      const report = await verifyStored(input, this.context<BackupObservation>());
      if (report.objects === 0) throw nothing(repository.store.url, flags.wal);
      return this.#shown(report);
    }
    const linked = await findLinked(repository, args.backup, flags);
    const identities = await readRecoveryKey(flags.key ?? '');
    const report = await verifyLinked({ ...linked, repository, identities }, this.context<BackupObservation>());
    this.closeRenderer();
    const { label, files, bytes, ms } = report;
    this.print(
      `Backup ${label} is whole: ${formatCount(files)} files, ${formatBytes(bytes)}, checked in ${formatDuration(ms)}\n`,
    );
    return report;
  }

  #shown(report: StoredReport): StoredReport {
    this.closeRenderer();
    const { objects, bytes, damaged, ms, level } = report;
    const looked = `${formatCount(objects)} objects (${formatBytes(bytes)}) checked to level ${level} in ${formatDuration(ms)}`;
    const bad = damaged.map(
      ({ object, code }) => `  ! ${object} ${code === 'OBJECT_MISSING' ? 'is missing' : 'is not what was written'}`,
    );
    this.print([damaged.length === 0 ? `${looked}: all as they were written` : looked, ...bad, ''].join('\n'));
    const [first] = damaged;
    if (!first) return report;
    const error = new VectabaseError('BACKUP_DAMAGED', {
      message: `${formatCount(damaged.length)} of ${formatCount(objects)} objects are not what was catalogued, first ${first.object}`,
      hint: 'Take a new backup, and look at the disk: vectabase backup create.\nWhat needs them can be brought back from another store: --from STORE.',
      details: { objects: damaged.map(({ object }) => object) },
    });
    return this.finishWith(report, error);
  }
}

function noKey(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'levels 2 and 3 open what is stored, and no recovery key was named',
    hint: 'Name its file with --key FILE, or look without it: --level 1.',
  });
}

/** Nothing that is sound is nothing to rely on. */
function nothing(store: string, wal: boolean): VectabaseError {
  return new VectabaseError('BACKUP_MISSING', {
    message: `${store} holds no ${wal ? 'WAL' : 'backup'} that a catalogue names`,
    hint: wal ? 'Set backup.archive to true, or look at another store with --from.' : 'Run vectabase backup create.',
    details: { store },
  });
}

function walLevel(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'WAL is verified to level 1 or 2',
    hint: 'Add --level 1 or --level 2.',
  });
}
