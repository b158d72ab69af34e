import { createHash } from 'node:crypto';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { MACHINE_DIRECTORY } from '../core/default-directory.ts';
import { environment } from './environment.ts';

/** Where servers of root keep what their own system user must reach: `/root` and many clones are closed to it. */
export const ROOT_STATE = '/var/lib/vectabase';

/** Where the parts of an installed machine are (`vectabase install`); only what is in `data` is on the encrypted volume. */
export const INSTALLED = {
  configuration: MACHINE_DIRECTORY,
  state: ROOT_STATE,
  journal: `${ROOT_STATE}/journal`,
  /** Configuration that an uninstall took out of /etc, for the data that it left. */
  kept: `${ROOT_STATE}/kept`,
  data: `${ROOT_STATE}/data`,
  /** Keys that open or forge something: on the encrypted volume, for root alone. */
  private: `${ROOT_STATE}/data/private`,
  releases: '/opt/vectabase/releases',
  current: '/opt/vectabase/current',
  /** The Node that runs the package, whichever that is. */
  node: '/opt/vectabase/current/node',
  command: '/usr/local/bin/vectabase',
} as const;

/** Everything in the directory of an installation (`--dir`) has its place here. */
export interface InstallationPaths {
  /** Absolute. */
  readonly directory: string;
  /** Prefix of the lock's files. */
  readonly lock: string;
  /** 256-bit master key, 64 hexadecimal digits. Absent when it comes from VECTABASE_MASTER_KEY. */
  readonly masterKey: string;
  /** JWT secret, API keys, database passwords. */
  readonly keys: string;
  /** Prefix of the files of the lock under which keys change. */
  readonly keysLock: string;
  readonly tls: {
    readonly caCertificate: string;
    readonly caKey: string;
    readonly serverCertificate: string;
    readonly serverKey: string;
  };
  /** Where the cluster is, when it is not in this directory. */
  readonly pointer: string;
  /** What runs now, for the other commands. */
  readonly run: string;
  /** Sealed backups, unless the setting `backup.directory` names another place. */
  readonly backups: string;
  /** What is kept of them apart from them: whom they are sealed for, the key that signs their catalogue. */
  readonly backupHome: string;
  readonly daemonConfig: string;
  readonly daemonLog: string;
  readonly secrets: SecretsPaths;
}

/** Where the encrypted secrets are. Committed to git: `recipients` and `*.env.age`; nothing else. */
export interface SecretsPaths {
  readonly directory: string;
  /** Private key, mode 0600. Absent when it comes from elsewhere. */
  readonly identity: string;
  /** Public keys, one a line: everybody who can open the files. */
  readonly recipients: string;
  readonly ignore: string;
  /** Prefix of the lock that writers take. */
  readonly lock: string;
  /** The log of every access, its head and its lock. */
  readonly audit: string;
  /** A program run after a new value, when it is there and executable. */
  readonly rotated: string;
}

export function installationPaths(dir: string): InstallationPaths {
  const directory = path.resolve(dir);
  const at = (...parts: string[]): string => path.join(directory, ...parts);
  // Who has the disk of a machine, and not the key of its volume, shall have none of these.
  const onVolume = directory === INSTALLED.configuration;
  const hidden = (...parts: string[]): string =>
    onVolume ? path.join(INSTALLED.private, path.basename(at(...parts))) : at(...parts);
  return {
    directory,
    lock: at('lock'),
    masterKey: hidden('master.key'),
    keys: hidden('keys.json'),
    keysLock: at('keys.lock'),
    tls: {
      caCertificate: at('tls', 'ca.crt'),
      caKey: hidden('tls', 'ca.key'),
      serverCertificate: at('tls', 'server.crt'),
      serverKey: hidden('tls', 'server.key'),
    },
    pointer: at('cluster.json'),
    run: at('run.json'),
    backups: directory === INSTALLED.configuration ? `${INSTALLED.data}/backups` : at('backups'),
    backupHome: at('backup'),
    daemonConfig: at('daemon.json'),
    daemonLog: directory === INSTALLED.configuration ? `${INSTALLED.data}/log/daemon.log` : at('daemon.log'),
    secrets: { ...secretsPaths(at('secrets')), identity: hidden('secrets', 'identity') },
  };
}

export function secretsPaths(directory: string): SecretsPaths {
  const at = (name: string): string => path.join(directory, name);
  return {
    directory,
    identity: at('identity'),
    recipients: at('recipients'),
    ignore: at('.gitignore'),
    lock: at('lock'),
    audit: at('audit'),
    rotated: at('on-rotated'),
  };
}

/** Where Postgres keeps its files: a directory that the user it runs as can enter. */
export interface ClusterPaths {
  readonly home: string;
  readonly data: string;
  readonly log: string;
  readonly masterKeyCheck: string;
  /** Own copies, because Postgres reads the key as another user than we are. */
  readonly serverCertificate: string;
  readonly serverKey: string;
  /** The daemon's copy of its keys: it runs as that user too, and has no business with the rest of keys.json. */
  readonly daemonKeys: string;
}

export function clusterPaths(home: string): ClusterPaths {
  return {
    home,
    data: path.join(home, 'data'),
    log: path.join(home, 'postgres.log'),
    masterKeyCheck: path.join(home, 'master-key.check.json'),
    serverCertificate: path.join(home, 'server.crt'),
    serverKey: path.join(home, 'server.key'),
    daemonKeys: path.join(home, 'daemon-keys.json'),
  };
}

/** Tells how far a restore is that replaces a cluster's data; while it is under way, the data may be missing. */
export function restoreJournal({ home }: Pick<ClusterPaths, 'home'>): string {
  return path.join(home, 'restore.json');
}

/** Inside the installation; or, for root, below /var/lib when the servers' user cannot get there. */
export function clusterHome(directory: string, place: 'inside' | 'outside'): string {
  return place === 'inside'
    ? path.join(directory, 'postgres')
    : path.join(ROOT_STATE, 'clusters', shortHash(directory));
}

/** 107 bytes is what the kernel holds of a socket's path; `/.s.PGSQL.65535` needs 15 of them. */
const SOCKET_DIRECTORY_BYTES = 107 - '/.s.PGSQL.65535'.length;

/** Directories for the unix socket, best first, all short enough. */
export function socketDirectories(clusterDirectory: string): string[] {
  const uid = process.getuid?.() ?? 0;
  const name = `vectabase-${uid}-${shortHash(clusterDirectory)}`;
  const runtime = uid === 0 ? '/run' : environment().XDG_RUNTIME_DIR;
  return [
    path.join(clusterDirectory, 'socket'),
    ...(runtime === undefined ? [] : [path.join(runtime, name)]),
    path.join(tmpdir(), name),
    path.join('/tmp', name),
  ].filter((directory) => Buffer.byteLength(directory) <= SOCKET_DIRECTORY_BYTES);
}

/**
 * Directories that may hold a private copy of the Postgres binaries, best first. All versions share one of them.
 * The last one works for a user without a home.
 */
export function binaryCaches(): string[] {
  const uid = process.getuid?.() ?? 0;
  const temporary = path.join(tmpdir(), `vectabase-${uid}`);
  if (uid === 0) return [ROOT_STATE, temporary].map((directory) => path.join(directory, 'binaries'));
  const cache = environment().XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  return [path.join(cache, 'vectabase'), temporary].map((directory) => path.join(directory, 'binaries'));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
