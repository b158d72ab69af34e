import { Args } from '@oclif/core';
import { BackupCommand } from '../../cli/backup-command.ts';
import { formatAgo, formatBytes } from '../../cli/render/units.ts';
import type { BackupFacts } from '../../operator/backup/show.ts';

export default class BackupShow extends BackupCommand<BackupFacts> {
  static override summary = 'everything that the signed catalogue says of a backup';
  static override examples = ['<%= config.bin %> backup show 20261122T030000Z'];
  static override args = { backup: Args.string({ ignoreStdin: true, required: true, description: 'which one' }) };

  async run(): Promise<BackupFacts> {
    const { flags, args } = await this.parse(BackupShow);
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { showBackup } = await import('../../operator/backup/show.ts');
    const facts = await showBackup(await openRepository(await this.place(flags)), args.backup, this.signal);
    this.print(shown(facts));
    return facts;
  }
}

function shown({
  systemId,
  document,
  signedBy,
  trusted,
  entry,
  buildsOn,
  carries,
  pinned,
  ...rest
}: BackupFacts): string {
  const { pruned, verified, rehearsed } = rest;
  const ago = (at: string): string => formatAgo(Date.now() - Date.parse(at));
  return [
    `${entry.kind} ${entry.label} of cluster ${systemId}, finished ${ago(entry.finishedAt)}${pinned ? ', pinned' : ''}${pruned ? ', pruned here' : ''}`,
    ...(entry.kind === 'base'
      ? [`  from ${entry.start.lsn} to ${entry.end.lsn} on timeline ${entry.end.timeline}, Postgres ${entry.postgres}`]
      : []),
    ...(buildsOn.length === 0 ? [] : [`  what changed since ${buildsOn.at(-1)}; restored over ${buildsOn.join(', ')}`]),
    ...(carries.length === 0 ? [] : [`  nothing without it: ${carries.join(', ')}`]),
    ...entry.objects.map(
      ({ object, plainBytes, sealedBytes, sealedSha256 }) =>
        `  ${object}: ${formatBytes(plainBytes)}, sealed ${formatBytes(sealedBytes)}, SHA-256 ${sealedSha256}`,
    ),
    `  document ${document} of the catalogue, signed by ${signedBy}`,
    ...(trusted ? [] : ['  ! nobody here vouches for that key: compare it with your recovery kit']),
    ...verified.map(
      ({ at, level, by, ok }) => `  verified to level ${level} (key: ${by}) ${ago(at)}: ${ok ? 'sound' : 'NOT SOUND'}`,
    ),
    ...rehearsed.map(
      ({ at, target, ok }) =>
        `  rehearsed${target === null ? '' : ` to ${target}`} ${ago(at)}: ${ok ? 'restored' : 'FAILED'}`,
    ),
    '',
  ].join('\n');
}
