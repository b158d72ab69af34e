import { Flags } from '@oclif/core';
import { BackupCommand, type PlaceFlags } from '../../cli/backup-command.ts';
import { formatBytes, formatDuration } from '../../cli/render/units.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { CreatedBackup } from '../../operator/backup/create.ts';
import type { ConfigBackup } from '../../operator/backup/dump/configuration.ts';
import type { DumpEntry } from '../../operator/backup/dump/create.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';

type Result = CreatedBackup | DumpEntry | ConfigBackup;

const KINDS = ['base', 'dump', 'config'] as const;

export default class BackupCreate extends BackupCommand<Result> {
  static override summary = 'take a sealed backup of the whole cluster while it works';
  static override description = `base: a physical copy with the WAL that makes it consistent, from which WAL leads to any second. Needs no pg_basebackup. On Postgres 17 and later it holds what changed since the newest one, unless the settings backup.incremental and backup.fullDays ask for a full one or nothing tells what changed.
dump: each database in pg_dump's custom format, and the roles. Restores into any newer Postgres; needs pg_dump.
config: what this installation was set up with, its keys and its sealed secrets; the master key and the identity that opens the secrets are not in it.
All of it AES-256-GCM, for the recovery key alone.`;
  static override examples = [
    '<%= config.bin %> backup create',
    '<%= config.bin %> backup create --full',
    '<%= config.bin %> backup create --kind dump',
    '<%= config.bin %> backup create --from /mnt/backup',
  ];
  static override flags = {
    kind: Flags.string({ summary: 'what to copy', options: KINDS, default: 'base' }),
    full: Flags.boolean({ summary: 'a base backup that builds on no other', exclusive: ['incremental'] }),
    incremental: Flags.boolean({ summary: 'what changed since the newest base backup, or nothing at all' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(BackupCreate);
    if (flags.kind !== 'base' && (flags.full || flags.incremental)) {
      throw new VectabaseError('USAGE', {
        message: '--full and --incremental are for base backups alone',
        hint: 'Leave them out, or leave out --kind.',
      });
    }
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const repository = await openRepository(await this.place(flags));
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const { adminAddress: address } = await readRunningInstallation(flags.dir);
    const ctx = this.context<BackupObservation>();
    if (flags.kind === 'base') {
      const { createBackup } = await import('../../operator/backup/create.ts');
      const { loadSettings } = await import('../../foundation/config/settings.ts');
      const { incremental, fullDays } = loadSettings({ dir: flags.dir }).settings.backup;
      const extent = flags.full ? 'full' : flags.incremental ? 'incremental' : incremental ? 'auto' : 'full';
      return this.#shown(flags, await createBackup({ address, repository, extent, fullDays }, ctx), 'Backup');
    }
    if (flags.kind === 'dump') {
      const { createDump } = await import('../../operator/backup/dump/create.ts');
      return this.#shown(flags, await createDump({ address, repository }, ctx), 'Dump');
    }
    const { backUpConfiguration } = await import('../../operator/backup/dump/configuration.ts');
    return this.#shown(flags, await backUpConfiguration({ address, repository, dir: flags.dir }, ctx), 'Configuration');
  }

  #shown<R extends Result>(flags: PlaceFlags & { kind: string }, entry: R, what: string): R {
    this.closeRenderer();
    const plain = entry.objects.reduce((sum, each) => sum + each.plainBytes, 0);
    const sealed = entry.objects.reduce((sum, each) => sum + each.sealedBytes, 0);
    const ms = Date.parse(entry.finishedAt) - Date.parse(entry.startedAt);
    const next =
      { base: `rehearse ${entry.label}`, dump: `restore --dump ${entry.label}`, config: 'list' }[flags.kind] ?? '';
    this.print(
      [
        `${what} ${entry.label}: ${formatBytes(plain)}, sealed to ${formatBytes(sealed)}, in ${formatDuration(ms)}`,
        ...('parent' in entry && entry.parent !== undefined ? [`What changed since ${entry.parent}.`] : []),
        ...('fullBecause' in entry && entry.fullBecause !== undefined ? [`All of it, as ${entry.fullBecause}.`] : []),
        'A copy on the disk that it protects is not a backup yet: bring it to another machine.',
        `  Next: vectabase backup ${next}${flags.kind === 'config' ? '' : ' --key FILE'}${this.where(flags)}`,
        '',
      ].join('\n'),
    );
    return entry;
  }
}
