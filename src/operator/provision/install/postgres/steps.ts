import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { debianCluster, installedCluster, LOG_DIRECTORY } from '../../../../foundation/config/machine-paths.ts';
import { readCertificates } from '../../certificates.ts';
import { filledTemplate } from '../../conf-text.ts';
import { directoryStep } from '../kinds/directory.ts';
import { fileStep, type ManagedFile } from '../kinds/file.ts';
import { packagesStep } from '../kinds/packages.ts';
import { unitStep } from '../kinds/unit.ts';
import { userStep } from '../kinds/user.ts';
import type { InstallSettings, Machine, Step } from '../step.ts';
import { archiveStep, hasRecoveryKey } from './archive.ts';
import { clusterStep } from './cluster.ts';
import { inForceStep } from './in-force.ts';
import { serverPackages } from './packages.ts';
import { certificatesStep, INSTALLATION } from './secrets.ts';
import { accessRules, serverSettings } from './settings.ts';

/** Postgres, from its package to a server that runs with our settings. The encrypted volume is there by then. */
export function postgresSteps(settings: InstallSettings): readonly Step[] {
  const { postgresMajor: major } = settings;
  const files = serverFiles(major);
  return [
    ...serverPackages(major),
    userStep({
      id: 'postgres.groups',
      title: 'Postgres may hand over finished WAL',
      members: [['postgres', 'vectabase-archive']],
    }),
    directoryStep({
      id: 'postgres.directories',
      title: 'directories for the database, its log and its certificates',
      directories: [
        { path: INSTALLED.data, data: 'stays' },
        { path: installedCluster(major).home, data: 'stays' },
        { path: path.dirname(installedCluster(major).data), data: 'stays' },
        { path: LOG_DIRECTORY, owner: 'postgres:postgres', mode: 0o750, data: 'stays' },
        { path: path.dirname(INSTALLATION.tls.caCertificate), owner: 'root:vectabase', mode: 0o750 },
      ],
    }),
    archiveStep(),
    certificatesStep(settings),
    clusterStep(settings),
    fileStep({
      id: 'postgres.settings',
      title: 'settings and access rules of Postgres',
      files: async ({ facts }) => [
        owned(
          files.settings,
          await serverSettings(settings, { ...facts, diskBytes: await diskBytes(), archives: hasRecoveryKey() }),
        ),
        owned(files.hba, await filledTemplate(['pg_hba', 'pg_hba.conf']), 0o640),
        owned(files.ident, await filledTemplate(['pg_hba', 'pg_ident.conf']), 0o640),
        owned(files.rules, await accessRules(settings), 0o640),
      ],
    }),
    packagesStep({ id: 'postgres.logrotate', title: 'logrotate', packages: ['logrotate'] }),
    fileStep({
      id: 'postgres.log',
      title: 'logs of Postgres and PgBouncer, kept small',
      files: async () => [
        {
          path: '/etc/logrotate.d/vectabase-postgres',
          content: await filledTemplate(['postgresql', 'logrotate'], { directory: LOG_DIRECTORY }),
        },
      ],
    }),
    fileStep({
      id: 'postgres.certificate',
      title: 'certificate that Postgres and PgBouncer show',
      files: async (machine) => certificate(settings, machine),
    }),
    unitStep({
      id: 'postgres.running',
      title: 'Postgres running',
      unit: debianCluster(major).unit,
      reloadOn: [...Object.values(files), ...certificateFiles(major)],
    }),
    inForceStep(settings, files.settings),
  ];
}

/** Copies for Postgres' user, which may not look into the configuration's directory. PgBouncer runs as the same one. */
export function certificateFiles(major: number): readonly [authority: string, certificate: string, key: string] {
  const { serverCertificate, serverKey } = installedCluster(major);
  return [debianCluster(major).authority, serverCertificate, serverKey];
}

function serverFiles(major: number): Record<'settings' | 'hba' | 'ident' | 'rules', string> {
  const { configuration } = debianCluster(major);
  return {
    settings: `${configuration}/conf.d/50-vectabase.conf`,
    hba: `${configuration}/pg_hba.conf`,
    ident: `${configuration}/pg_ident.conf`,
    rules: `${configuration}/pg_hba.d/50-vectabase.conf`,
  };
}

/** Nothing while there is no certificate yet: a plan comes before it. */
async function certificate({ postgresMajor, listen }: InstallSettings, { context }: Machine): Promise<ManagedFile[]> {
  const found = await readCertificates(INSTALLATION, context.clock.now(), listen);
  if (found === undefined) return [];
  const [authorityFile, certificateFile, keyFile] = certificateFiles(postgresMajor);
  return [
    owned(authorityFile, found.authority),
    owned(certificateFile, found.server.certificate),
    { ...owned(keyFile, found.server.privateKey, 0o600), secret: true },
  ];
}

function owned(file: string, content: string, mode = 0o644): ManagedFile {
  return { path: file, content, mode, owner: 'postgres:postgres' };
}

/** Of the file system that will hold the cluster: before it is there, of what is above it. */
async function diskBytes(): Promise<number> {
  let directory: string = INSTALLED.data;
  while ((await stat(directory).catch(() => undefined)) === undefined) directory = path.dirname(directory);
  const { blocks, bsize } = await statfs(directory);
  return blocks * bsize;
}
