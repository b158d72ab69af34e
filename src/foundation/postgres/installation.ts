import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { INSTALLED, installationPaths, type InstallationPaths } from '../config/directory.ts';
import { debianCluster, SOCKET_DIRECTORY } from '../config/machine-paths.ts';
import { readSettings } from '../config/settings.ts';
import { VectabaseError } from '../core/errors.ts';
import { targetWords } from '../core/shell-words.ts';
import type { ApiKeys } from '../crypto/api-keys.ts';
import type { KeySet } from '../crypto/key-set.ts';
import { isAlive, startTime } from '../process/identity.ts';
import type { DatabaseAddress } from './address.ts';

/** The superuser of a cluster that `vectabase up` made, as on hosted projects; by the unix socket only. */
export const SUPERUSER = 'supabase_admin';

/** Roles that get a generated password. */
export const LOGIN_ROLES = ['supabase_admin', 'postgres', 'authenticator', 'supabase_auth_admin'] as const;

/** `keys.json`: everything that was generated once and must not be lost. */
export interface InstallationKeys extends ApiKeys, KeySet {
  readonly version: 1;
  /** By role. */
  readonly passwords: Readonly<Record<(typeof LOGIN_ROLES)[number], string>>;
}

/** `run.json`: what runs now. Holds no secret; 0600 all the same. */
export interface RunFile {
  readonly version: 1;
  /** The `vectabase up` that everything belongs to, and the boot tick at which it started. */
  readonly pid: number;
  readonly startTime: string | null;
  readonly postgresPid: number;
  readonly daemonPid: number;
  readonly daemonStartTime: string | null;
  readonly socketDirectory: string;
  readonly pgPort: number;
  readonly apiUrl: string;
  readonly postgresVersion: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface RunningInstallation {
  /** Absolute path of `--dir`. */
  readonly directory: string;
  /** Superuser of database `postgres`, by the unix socket. */
  readonly adminAddress: DatabaseAddress;
  /** Role `postgres`, by TCP with TLS: what an owner's own programs use. */
  readonly ownerAddress: DatabaseAddress;
  /** The authority of its certificate, where every program of that user (on an installed machine: of any user) can read it. */
  readonly authorityFile: string;
  /** Of PgBouncer; undefined where there is none. */
  readonly poolerPort: number | undefined;
  readonly apiUrl: string;
  readonly keys: InstallationKeys;
  /** Undefined on an installed machine, where systemd runs everything. */
  readonly run: RunFile | undefined;
}

/**
 * The installation in `dir`: the machine's, or one where `vectabase up` runs.
 *
 * @throws VectabaseError INSTALLATION_MISSING when there is none or `vectabase up` is stopped
 */
export async function readRunningInstallation(dir: string): Promise<RunningInstallation> {
  const paths = installationPaths(dir);
  const keys = await readJson<InstallationKeys>(paths.keys);
  if (!keys && isMachine(paths)) throw locked(paths.keys);
  if (!keys) throw missing(`${paths.directory} holds no installation`, dir);
  if (isMachine(paths)) return installedMachine(paths, keys);
  const run = await readJson<RunFile>(paths.run);
  if (!run || !isRunning(run)) throw missing(`the installation in ${paths.directory} is not running`, dir);
  return {
    directory: paths.directory,
    adminAddress: {
      host: run.socketDirectory,
      port: run.pgPort,
      database: 'postgres',
      user: SUPERUSER,
      password: keys.passwords.supabase_admin,
      sslMode: 'disable',
      rootCertificate: undefined,
    },
    ownerAddress: await ownerAddress(paths, keys, run.pgPort),
    authorityFile: paths.tls.caCertificate,
    poolerPort: undefined,
    apiUrl: run.apiUrl,
    keys,
    run,
  };
}

/** The superuser of an installed machine. Root needs no password there: the kernel vouches for it on the socket. */
export function machineSuperuser(port: number): DatabaseAddress {
  return {
    host: SOCKET_DIRECTORY,
    port,
    database: 'postgres',
    user: SUPERUSER,
    password: undefined,
    sslMode: 'disable',
    rootCertificate: undefined,
  };
}

/** Role `postgres` by TCP, on the port of Postgres or of PgBouncer: both show a certificate of the same authority. */
export async function ownerAddress(
  { tls }: Pick<InstallationPaths, 'tls'>,
  { passwords }: Pick<InstallationKeys, 'passwords'>,
  port: number,
): Promise<DatabaseAddress> {
  return {
    host: '127.0.0.1',
    port,
    database: 'postgres',
    user: 'postgres',
    password: passwords.postgres,
    sslMode: 'verify-full',
    rootCertificate: await readFile(tls.caCertificate, 'utf8'),
  };
}

/** Whether that is the installation that `vectabase install` made of this machine. */
function isMachine({ directory }: InstallationPaths): boolean {
  return directory === INSTALLED.configuration && existsSync(INSTALLED.journal);
}

async function installedMachine(paths: InstallationPaths, keys: InstallationKeys): Promise<RunningInstallation> {
  // Also with a slip in the file: who comes in may come to mend it.
  const { api, install } = readSettings({ dir: paths.directory }).settings;
  return {
    directory: paths.directory,
    adminAddress: machineSuperuser(install.postgresPort),
    ownerAddress: await ownerAddress(paths, keys, install.postgresPort),
    authorityFile: debianCluster(install.postgresMajor).authority,
    poolerPort: install.poolerPort,
    apiUrl: `http://127.0.0.1:${api.port}`,
    keys,
    run: undefined,
  };
}

/** After kill -9 the file stays behind, and its pid may be another program's by now. */
export function isRunning(run: Pick<RunFile, 'pid' | 'startTime'>): boolean {
  return isAlive(run.pid) && (run.startTime === null || startTime(run.pid) === run.startTime);
}

/** `undefined` when the file does not exist; an unreadable or foreign one is an error that names it. */
export async function readJson<T>(file: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(file, code ?? 'error', error);
  }
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw unreadable(file, 'not JSON', error);
  }
}

function unreadable(file: string, why: string, cause: unknown): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `${file} cannot be read (${why})`,
    hint:
      why === 'EACCES'
        ? 'Run the command as the user who runs vectabase up.'
        : 'Restore it from your own copy; Vectabase never writes half a file.',
    details: { file, reason: why },
    // A parser's message would quote the text, and these files hold secrets.
    ...(why === 'not JSON' ? {} : { cause }),
  });
}

function locked(file: string): VectabaseError {
  return new VectabaseError('VOLUME_LOCKED', {
    message: `${file} is not there: the encrypted volume is locked, or was never set up`,
    hint: 'Run: vectabase volume unlock',
    details: { file },
  });
}

function missing(message: string, dir: string): VectabaseError {
  return new VectabaseError('INSTALLATION_MISSING', {
    message,
    hint: `Run vectabase up${targetWords({ dir })} in another terminal, then this command again.`,
    details: { directory: installationPaths(dir).directory },
  });
}
