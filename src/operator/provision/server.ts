import { chown, lstat, mkdir } from 'node:fs/promises';
import { socketDirectories } from '../../foundation/config/directory.ts';
import { messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import type { PostgresBinaries } from '../../foundation/postgres/embedded/binaries.ts';
import { startServer, type Server } from '../../foundation/postgres/embedded/server.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { archiveSettings } from './archive.ts';
import type { ClusterPlace } from './directory.ts';
import { choosePort } from './ports.ts';

export interface RunningServer {
  readonly server: Server;
  readonly socketDirectory: string;
  readonly port: number;
}

export async function startPostgres(
  { paths, runAs }: ClusterPlace,
  binaries: PostgresBinaries,
  { port: wantedPort, archive }: { readonly port: number; readonly archive: boolean },
  signal: AbortSignal,
): Promise<RunningServer> {
  const socketDirectory = await ensureSocketDirectory(paths.home, runAs);
  const port = await choosePort('--pg-port', wantedPort);
  const server = await startServer({
    binaries,
    runAs,
    data: paths.data,
    socketDirectory,
    port,
    listenAddresses: ['127.0.0.1'],
    logFile: paths.log,
    settings: archive ? archiveSettings(socketDirectory) : {},
    signal,
  });
  return { server, socketDirectory, port };
}

/** A directory that only the servers' user enters: nobody else can put a socket of his own in its place. */
async function ensureSocketDirectory(home: string, runAs: RunAs | undefined): Promise<string> {
  const reasons: string[] = [];
  const owner = runAs?.uid ?? process.getuid?.();
  for (const directory of socketDirectories(home)) {
    try {
      const made = await mkdir(directory, { recursive: true, mode: 0o700 });
      if (made !== undefined && runAs) await chown(directory, runAs.uid, runAs.gid);
      const { uid, mode } = await lstat(directory);
      if (uid === owner && (mode & 0o077) === 0) return directory;
      reasons.push(`${directory} belongs to another user or is open to others`);
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `no place for the unix socket (${reasons.join('; ')})`,
    hint: 'Choose a shorter --dir, or remove the directory that is named.',
    details: { reasons },
  });
}
