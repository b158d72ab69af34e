import { readFile } from 'node:fs/promises';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { debianCluster } from '../../../../foundation/config/machine-paths.ts';
import { assetPath } from '../../../../foundation/core/assets.ts';
import { fileStep, type ManagedFile } from '../kinds/file.ts';
import type { InstallSettings, Machine, Step } from '../step.ts';
import { storeDirectories } from '../postgres/archive.ts';
import { SEALS_CREDENTIALS } from './credentials.ts';

const UNITS = '/etc/systemd/system';
const TMPFILES = '/etc/tmpfiles.d/vectabase.conf';
/** Type=notify-reload and OpenFile= came with it. */
const OPENS_FILES = 253;

/** Files of `systemd/`, as they are called there. */
const SHIPPED = [
  'vectabase.service',
  'vectabase-api.socket',
  'vectabase-archive.socket',
  'vectabase-key-check.service',
  'vectabase-config-backup.service',
  'vectabase-config-backup.timer',
  'postgresql@17-vectabase.service.d/50-vectabase.conf',
  'pgbouncer.service.d/50-vectabase.conf',
] as const;

export function unitFilesStep(settings: InstallSettings): Step {
  return fileStep({
    id: 'units.files',
    title: 'units of the daemon, hardening of Postgres and PgBouncer',
    files: async (machine) => unitFiles(settings, machine.facts),
    onChange: [
      ['systemd-tmpfiles', '--create', TMPFILES],
      ['systemctl', 'daemon-reload'],
    ],
  });
}

/** The drop-ins that say how Postgres and PgBouncer are run. */
export function dropIns({ postgresMajor }: InstallSettings): { readonly postgres: string; readonly pooler: string } {
  const { unit } = debianCluster(postgresMajor);
  return {
    postgres: `${UNITS}/${unit}.d/50-vectabase.conf`,
    pooler: `${UNITS}/pgbouncer.service.d/50-vectabase.conf`,
  };
}

export async function unitFiles(
  settings: InstallSettings,
  { systemd }: Pick<Machine['facts'], 'systemd'>,
): Promise<ManagedFile[]> {
  const adapt = (text: string): string => adapted(text, settings, systemd);
  const shipped = SHIPPED.map(async (name) => ({
    path: `${UNITS}/${adapt(name)}`,
    content: adapt(await textOf(name)),
  }));
  const older = { path: `${UNITS}/vectabase.service.d/10-older-systemd.conf`, content: OLDER_SYSTEMD };
  return [
    ...(await Promise.all(shipped)),
    ...elsewhere(),
    ...(systemd < OPENS_FILES ? [older] : []),
    { path: TMPFILES, content: await textOf('vectabase.tmpfiles.conf') },
  ];
}

function adapted(text: string, { postgresMajor, apiPort }: InstallSettings, systemd: number): string {
  const here = text
    .replaceAll('postgresql@17-vectabase', `postgresql@${postgresMajor}-vectabase`)
    .replaceAll('127.0.0.1:54321', `127.0.0.1:${apiPort}`)
    .replaceAll('/usr/bin/node', INSTALLED.node);
  if (systemd >= SEALS_CREDENTIALS) return here;
  return here.replaceAll(/^LoadCredentialEncrypted=(.*)\.cred$/gm, 'LoadCredential=$1');
}

/** There a child of the daemon has to say what systemd should hear. */
const OLDER_SYSTEMD = `[Service]
Type=notify
NotifyAccess=all
ExecReload=/bin/kill -HUP $MAINPID
`;

/** Where the owner has backups kept besides: units may write nowhere that is not named. */
function elsewhere(): ManagedFile[] {
  const directories = storeDirectories();
  if (directories.length === 0) return [];
  const content = `[Service]\n${directories.map((each) => `ReadWritePaths="-${each.replaceAll('%', '%%')}"\n`).join('')}`;
  return ['vectabase', 'vectabase-config-backup'].map((unit) => {
    return { path: `${UNITS}/${unit}.service.d/70-vectabase-backups.conf`, content };
  });
}

async function textOf(name: string): Promise<string> {
  return readFile(assetPath('systemd', name), 'utf8');
}
