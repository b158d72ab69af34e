import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { clusterHome, clusterPaths, INSTALLED, installationPaths } from '../../foundation/config/directory.ts';
import type { ClusterPaths, InstallationPaths } from '../../foundation/config/directory.ts';
import type { Settings } from '../../foundation/config/definitions.ts';
import { installedCluster, SOCKET_DIRECTORY } from '../../foundation/config/machine-paths.ts';
import { readSettings, type ReadSettings } from '../../foundation/config/settings.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import {
  isRunning,
  readJson,
  SUPERUSER,
  type InstallationKeys,
  type RunFile,
} from '../../foundation/postgres/installation.ts';
import { isRoot } from '../../foundation/process/service-user.ts';
import type { About } from './check.ts';

/** What is looked at: where its parts are, and how to come in. */
export interface Place {
  readonly kind: About['kind'];
  readonly where: string;
  readonly paths: InstallationPaths;
  readonly cluster: ClusterPaths;
  readonly settings: Settings;
  /** Why parts of the settings are not accepted; the installation is looked at all the same. */
  readonly mistakes: readonly VectabaseError[];
  readonly major: number;
  /** Of `vectabase up`, while it runs. */
  readonly run: RunFile | undefined;
  /** As superuser; undefined while nothing runs. */
  readonly admin: DatabaseAddress | undefined;
  readonly apiUrl: string;
  /** Where its backups are, and what they are of. */
  readonly backups: {
    readonly place: {
      readonly directory: string;
      readonly home: { readonly directory: string };
      readonly stores: Settings['backup']['stores'];
    };
    readonly data: string;
  };
}

export function aboutPlace({ kind, where, major }: Place, now: number): About {
  return { kind, where, major, now };
}

/**
 * The installation in `dir`, running or not.
 *
 * @throws VectabaseError INSTALLATION_MISSING, PRECONDITION_FAILED for anybody but root
 */
export async function findPlace(dir: string): Promise<Place> {
  const paths = installationPaths(dir);
  if (paths.directory === INSTALLED.configuration && existsSync(INSTALLED.journal) && !isRoot()) throw onlyRoot();
  const read = readSettings({ dir });
  if (paths.directory === INSTALLED.configuration && existsSync(INSTALLED.journal)) return machinePlace(paths, read);
  const keys = await readJson<InstallationKeys>(paths.keys);
  if (keys === undefined) throw missing(paths.directory);
  return upPlace(dir, paths, read, keys);
}

async function upPlace(
  dir: string,
  paths: InstallationPaths,
  { settings, mistakes }: ReadSettings,
  keys: InstallationKeys,
): Promise<Place> {
  const pointer = await readJson<{ readonly home: string }>(paths.pointer);
  const cluster = clusterPaths(pointer?.home ?? clusterHome(paths.directory, 'inside'));
  const found = await readJson<RunFile>(paths.run);
  const run = found !== undefined && isRunning(found) ? found : undefined;
  const made = await readFile(path.join(cluster.data, 'PG_VERSION'), 'utf8').catch(() => '17');
  return {
    kind: 'up',
    where: targetWords({ dir }),
    paths,
    cluster,
    settings,
    mistakes,
    major: Number(made),
    run,
    admin: run && {
      host: run.socketDirectory,
      port: run.pgPort,
      user: SUPERUSER,
      password: keys.passwords.supabase_admin,
      database: 'postgres',
      sslMode: 'disable',
      rootCertificate: undefined,
    },
    apiUrl: run?.apiUrl ?? `http://127.0.0.1:${settings.api.port}`,
    backups: backupsOf(paths, settings, cluster),
  };
}

/** Root comes in by the socket: the kernel vouches for it. */
function machinePlace(paths: InstallationPaths, { settings, mistakes }: ReadSettings): Place {
  const { postgresMajor, postgresPort } = settings.install;
  const cluster = installedCluster(postgresMajor);
  return {
    kind: 'machine',
    where: '',
    paths,
    cluster,
    settings,
    mistakes,
    major: postgresMajor,
    run: undefined,
    admin: {
      host: SOCKET_DIRECTORY,
      port: postgresPort,
      user: SUPERUSER,
      password: undefined,
      database: 'postgres',
      sslMode: 'disable',
      rootCertificate: undefined,
    },
    apiUrl: `http://127.0.0.1:${settings.api.port}`,
    backups: backupsOf(paths, settings, cluster),
  };
}

function backupsOf(paths: InstallationPaths, { backup }: Settings, { data }: ClusterPaths): Place['backups'] {
  const { directory = paths.backups, stores } = backup;
  return { place: { directory, home: { directory: paths.backupHome }, stores }, data };
}

function onlyRoot(): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'an installed machine shows its state to root alone',
    hint: 'Run the same command with sudo: sudo vectabase status',
  });
}

function missing(directory: string): VectabaseError {
  return new VectabaseError('INSTALLATION_MISSING', {
    message: `${directory} holds no installation`,
    hint: 'Run vectabase up, or on a server sudo vectabase install; with --dir name the directory of another one.',
    details: { directory },
  });
}
