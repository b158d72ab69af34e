import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { ARCHIVE_SOCKET, installedCluster } from '../../../../foundation/config/machine-paths.ts';
import { filledTemplate, postgresLines, postgresValue } from '../../conf-text.ts';
import { tunedSettings } from '../../tuning.ts';
import type { InstallSettings, MachineFacts } from '../step.ts';

/** `conf.d/50-vectabase.conf`: what Postgres runs with on this machine. `diskBytes`: of the file system with the cluster. */
export async function serverSettings(
  settings: InstallSettings,
  { memoryBytes, cores }: Pick<MachineFacts, 'memoryBytes' | 'cores'>,
  diskBytes: number,
): Promise<string> {
  const { serverCertificate, serverKey } = installedCluster(settings.postgresMajor);
  const policy = await filledTemplate(['postgresql', 'policy.conf']);
  const own = await filledTemplate(['postgresql', 'install.conf'], {
    port: settings.postgresPort,
    listen_addresses: postgresValue(['127.0.0.1', ...settings.listen].join(', ')),
    ssl_cert_file: postgresValue(serverCertificate),
    ssl_key_file: postgresValue(serverKey),
    archive_command: postgresValue(ARCHIVE_COMMAND),
  });
  const tuned = tunedSettings({ memoryBytes, cores, diskBytes, platform: 'linux' });
  return [
    ...HEADER,
    policy,
    own,
    '# For this machine: its memory, processors and disk.',
    ...postgresLines({ ...tuned, ...sinceMajor(settings.postgresMajor) }),
    '',
  ].join('\n');
}

const HEADER = [
  '# Written by `vectabase install`; a change made here is taken back by its next run.',
  '# For settings of your own: a file conf.d/90-own.conf beside this one. It is read later, and wins.',
  '',
];

/** %p is relative to the data directory, where Postgres runs it. No value in it needs quoting for a shell. */
const ARCHIVE_COMMAND = [
  '/usr/bin/perl',
  `${INSTALLED.current}/templates/archive/archive-wal.pl`,
  ARCHIVE_SOCKET,
  '%p',
  '%f',
].join(' ');

function sinceMajor(major: number): Record<string, string> {
  // Incremental base backups need the summaries, and a summary cannot be made up afterwards.
  return major >= 17 ? { summarize_wal: 'on', wal_summary_keep_time: '10d' } : {};
}

/** Rules of access in `pg_hba.d/50-vectabase.conf`. Whoever asked for more addresses asked for their clients. */
export async function accessRules({ listen }: Pick<InstallSettings, 'listen'>): Promise<string> {
  return filledTemplate(['pg_hba', '50-vectabase.conf'], {
    network: (listen.length === 0 ? '127.0.0.1/32' : 'all').padEnd(12),
  });
}
