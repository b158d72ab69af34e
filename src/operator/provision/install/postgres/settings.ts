import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { ARCHIVE_DIRECTORY, installedCluster } from '../../../../foundation/config/machine-paths.ts';
import { archiveCommand } from '../../../../foundation/postgres/archive-command.ts';
import { filledTemplate, postgresLines, postgresValue } from '../../conf-text.ts';
import { settingsSince, tunedSettings } from '../../tuning.ts';
import type { InstallSettings, MachineFacts } from '../step.ts';

export interface ServerPlace extends Pick<MachineFacts, 'memoryBytes' | 'cores'> {
  /** Of the file system with the cluster. */
  readonly diskBytes: number;
  /** Whether the daemon takes WAL, which it seals for a recovery key. */
  readonly archives: boolean;
}

/** `conf.d/50-vectabase.conf`: what Postgres runs with on this machine. */
export async function serverSettings(
  settings: InstallSettings,
  { archives, ...machine }: ServerPlace,
): Promise<string> {
  const { serverCertificate, serverKey } = installedCluster(settings.postgresMajor);
  const policy = await filledTemplate(['postgresql', 'policy.conf']);
  const own = await filledTemplate(['postgresql', 'install.conf'], {
    port: settings.postgresPort,
    listen_addresses: postgresValue(['127.0.0.1', ...settings.listen].join(', ')),
    ssl_cert_file: postgresValue(serverCertificate),
    ssl_key_file: postgresValue(serverKey),
    archive_command: postgresValue(archives ? ARCHIVE_COMMAND : NO_ARCHIVE),
  });
  const tuned = tunedSettings({ ...machine, platform: 'linux' });
  return [
    ...HEADER,
    policy,
    own,
    '# For this machine: its memory, processors and disk.',
    ...postgresLines({ ...tuned, ...settingsSince(settings.postgresMajor) }),
    '',
  ].join('\n');
}

const HEADER = [
  '# Written by `vectabase install`; a change made here is taken back by its next run.',
  '# For settings of your own: a file conf.d/90-own.conf beside this one. It is read later, and wins.',
  '',
];

/** Root's own copy of the client: what the daemon lays beside its socket could make Postgres' user run anything. */
const ARCHIVE_COMMAND = archiveCommand(ARCHIVE_DIRECTORY, `${INSTALLED.current}/templates/archive/archive-wal.pl`);

/** Lets WAL go, as with archiving off, but is exchanged without a restart. An empty one would keep WAL until the disk is full. */
const NO_ARCHIVE = '/bin/true';

/** Rules of access in `pg_hba.d/50-vectabase.conf`. Whoever asked for more addresses asked for their clients. */
export async function accessRules({ listen }: Pick<InstallSettings, 'listen'>): Promise<string> {
  return filledTemplate(['pg_hba', '50-vectabase.conf'], {
    network: (listen.length === 0 ? '127.0.0.1/32' : 'all').padEnd(12),
  });
}
