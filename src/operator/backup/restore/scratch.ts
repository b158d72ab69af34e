import { lchown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeDurably } from '../../../foundation/core/durable-file.ts';
import { ResourceScope } from '../../../foundation/core/release.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import type { PostgresBinaries } from '../../../foundation/postgres/embedded/binaries.ts';
import { startServer, type Server } from '../../../foundation/postgres/embedded/server.ts';
import { SUPERUSER } from '../../../foundation/postgres/installation.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import type { RunAs } from '../../../foundation/process/run.ts';
import { removeTree } from '../../../foundation/process/remove-tree.ts';
import { passage } from './scratch-home.ts';

export interface ScratchOptions {
  /** From `scratchHome`: the user that Postgres runs as can pass through it, and write nothing there. */
  readonly home: string;
  /** The data directory, below it. Given to that user when all that we have to do there is done. */
  readonly data: string;
  readonly binaries: PostgresBinaries;
  readonly runAs: RunAs | undefined;
  /** Replays WAL from elsewhere: to a target, or on and on. */
  readonly recovery?: 'recovery.signal' | 'standby.signal';
  /** Beyond those that keep the copy from acting on the world. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Postgres on a copy, which nobody but us can reach. */
export interface Scratch {
  readonly server: Server;
  readonly logFile: string;
  readonly socketDirectory: string;
  address(database: string): DatabaseAddress;
  ask<T>(database: string, work: (session: Session) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** Nobody else sees the socket, so any number will do. */
const PORT = 5432;

/** Nothing of the copy may act on the world: no archive, no jobs, no replication, no libraries of its own. */
const SETTINGS = {
  archive_mode: 'off',
  autovacuum: 'off',
  fsync: 'off',
  full_page_writes: 'off',
  hot_standby: 'on',
  jit: 'off',
  lc_messages: 'C',
  log_timezone: 'UTC',
  max_replication_slots: '10',
  max_standby_archive_delay: '-1',
  max_wal_senders: '0',
  password_encryption: 'scram-sha-256',
  shared_buffers: '128MB',
  timezone: 'UTC',
  wal_level: 'replica',
};

/**
 * Starts Postgres on a restored data directory: a private socket, no TCP, its own settings left aside. The cluster's
 * own rules ask for passwords that a machine with nothing but the backup does not have; and its own settings may name
 * programs and libraries, which must not run because a backup was looked at.
 */
export async function startScratch(options: ScratchOptions): Promise<Scratch> {
  const { home, data, binaries, runAs, signal } = options;
  const scope = new ResourceScope();
  try {
    const socketDirectory = await socketPlace(home, runAs, scope);
    await prepareData(options);
    if (runAs) await giveAway(data, runAs);
    const files = { config: path.join(home, 'scratch.conf'), hba: path.join(home, 'scratch.hba') };
    // Triggers on login came with 17; the setting that keeps them quiet too.
    const quiet: Record<string, string> = Number(binaries.version.split('.')[0]) >= 17 ? { event_triggers: 'off' } : {};
    const settings = { ...SETTINGS, ...quiet, hba_file: files.hba, ...options.settings };
    const readable = runAs && { owner: { uid: ownUid(), gid: runAs.gid }, mode: 0o640 };
    await writeDurably(files.config, configuration(settings), readable);
    await writeDurably(files.hba, 'local all all trust\n', readable);
    const logFile = path.join(home, 'postgres.log');
    const server = scope.add(
      await startServer({
        binaries,
        runAs,
        data,
        socketDirectory,
        port: PORT,
        listenAddresses: [],
        logFile,
        standby: true,
        settings: { config_file: files.config },
        signal,
      }),
      (running) => running.stop(),
    );
    const address = addressOf(socketDirectory, await findSuperuser(socketDirectory));
    return {
      server,
      logFile,
      socketDirectory,
      address,
      ask: async (database, work) => ask(address(database), work),
      stop: () => scope.release(),
    };
  } catch (error) {
    await scope.release().catch(() => undefined);
    throw error;
  }
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}

/** From the leaves up: as long as the top is ours, and closed, nobody can change what is below it. */
async function giveAway(directory: string, { uid, gid }: RunAs): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const inner = path.join(directory, entry.name);
    await (entry.isDirectory() ? giveAway(inner, { uid, gid, name: '' }) : lchown(inner, uid, gid));
  }
  await lchown(directory, uid, gid);
}

/** The kernel holds 107 bytes of a socket's path; `/.s.PGSQL.5432` are 14 of them. */
const SOCKET_DIRECTORY_BYTES = 107 - '/.s.PGSQL.5432'.length;

async function socketPlace(home: string, runAs: RunAs | undefined, scope: ResourceScope): Promise<string> {
  const inside = path.join(home, 'socket');
  const fits = Buffer.byteLength(inside) <= SOCKET_DIRECTORY_BYTES;
  const above = fits
    ? home
    : scope.add(await passage(path.join(tmpdir(), 'vt-scratch-'), runAs), (outside) => removeTree(outside));
  const directory = path.join(above, 'socket');
  await mkdir(directory, { mode: 0o700 });
  if (runAs) await lchown(directory, runAs.uid, runAs.gid);
  return directory;
}

function configuration(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  return lines.join('');
}

function addressOf(host: string, user: string): (database: string) => DatabaseAddress {
  return (database) => ({
    host,
    port: PORT,
    user,
    database,
    password: undefined,
    sslMode: 'disable',
    rootCertificate: undefined,
  });
}

/** Ours, or the one that Debian makes. */
async function findSuperuser(host: string): Promise<string> {
  const found = await ask(addressOf(host, SUPERUSER)('postgres'), async () => SUPERUSER).catch(() => undefined);
  return found ?? 'postgres';
}

async function ask<T>(address: DatabaseAddress, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(address, { applicationName: 'vectabase restore' });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** The owner's ALTER SYSTEM, in `home`: it counts again when the copy takes the place of the cluster, and not before. */
export const SET_ASIDE = 'postgresql.auto.conf.set-aside';

async function prepareData({ home, data, recovery }: ScratchOptions): Promise<void> {
  const at = (name: string): string => path.join(data, name);
  await rename(at('postgresql.auto.conf'), path.join(home, SET_ASIDE)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  for (const name of ['recovery.signal', 'standby.signal']) await rm(at(name), { force: true });
  if (recovery === undefined) return;
  await writeFile(at(recovery), '', { mode: 0o600, flag: 'wx' });
}
