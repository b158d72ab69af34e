import { INSTALLED, installationPaths } from '../../../../foundation/config/directory.ts';
import { debianCluster } from '../../../../foundation/config/machine-paths.ts';
import { directoryStep } from '../kinds/directory.ts';
import { keysStep } from '../machine/keys-step.ts';
import { RECIPIENTS } from '../postgres/archive.ts';
import { unitStep } from '../kinds/unit.ts';
import type { InstallSettings, Step } from '../step.ts';
import { CREDENTIALS, credentialsStep } from './credentials.ts';
import { daemonFileStep } from './daemon-file.ts';
import { dropIns, unitFilesStep } from './unit-files.ts';

/** Before Postgres is started for the first time: it waits for the key check, which reads all of these. */
export function unitFileSteps(settings: InstallSettings): readonly Step[] {
  return [
    directoryStep({
      id: 'units.credentials-directory',
      title: 'directories of keys, on the volume',
      directories: [
        { path: INSTALLED.private, mode: 0o700, data: 'stays' },
        { path: CREDENTIALS, mode: 0o700, data: 'stays' },
      ],
    }),
    keysStep(settings),
    credentialsStep(),
    daemonFileStep(settings),
    unitFilesStep(settings),
  ];
}

/** When the database is complete: everything runs, and runs as its files say now. */
export function serviceSteps(settings: InstallSettings): readonly Step[] {
  const { postgres, pooler } = dropIns(settings);
  const [socket, daemon] = ['/etc/systemd/system/vectabase-api.socket', '/etc/systemd/system/vectabase.service'];
  const credential = (name: string): string => `${CREDENTIALS}/vectabase-${name}.cred`;
  return [
    unitStep({
      id: 'units.postgres',
      title: 'Postgres as its unit says',
      unit: debianCluster(settings.postgresMajor).unit,
      restartOn: [postgres],
    }),
    unitStep({
      id: 'units.pooler',
      title: 'PgBouncer as its unit says',
      unit: 'pgbouncer.service',
      restartOn: [pooler],
    }),
    unitStep({
      id: 'units.api-socket',
      title: 'the port of the API',
      unit: 'vectabase-api.socket',
      restartOn: [socket],
    }),
    unitStep({
      id: 'units.archive-socket',
      title: 'where Postgres hands over its log',
      unit: 'vectabase-archive.socket',
      restartOn: ['/etc/systemd/system/vectabase-archive.socket', '/etc/tmpfiles.d/vectabase.conf'],
    }),
    unitStep({
      id: 'units.config-backup',
      title: 'a nightly backup of the configuration',
      unit: 'vectabase-config-backup.timer',
      restartOn: ['/etc/systemd/system/vectabase-config-backup.timer'],
    }),
    unitStep({
      id: 'units.daemon',
      title: 'the daemon',
      unit: 'vectabase.service',
      // A restart loses no request, and jobs and workers are as they were started.
      restartOn: [
        daemon,
        `${daemon}.d/70-vectabase-backups.conf`,
        INSTALLED.current,
        RECIPIENTS,
        installationPaths(INSTALLED.configuration).daemonConfig,
        ...['secrets-identity', 'master-key', 'daemon-keys'].map(credential),
      ],
    }),
  ];
}
