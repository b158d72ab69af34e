import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import type { Observe } from '../../../foundation/core/observe.ts';
import { archiveCommand } from '../../../foundation/postgres/archive-command.ts';
import { answerLine, parseArchiveRequest, ProtocolError } from './protocol.ts';
import type { ArchiveObservation } from './observations.ts';
import { openSocket, type SocketInput } from './socket.ts';
import type { Spool } from './spool.ts';

export interface ArchiveServer {
  /** What `archive_command` is set to. */
  readonly command: string;
  close(): Promise<void>;
}

export interface ArchiveServerInput extends Omit<SocketInput, 'name'> {
  /** The spool, as soon as there is one: before the database was asked who it is, every file is refused. */
  readonly spool: () => Spool | undefined;
  readonly observe: Observe<ArchiveObservation>;
  readonly signal: AbortSignal;
}

/**
 * Takes what `archive_command` hands over. The client is told ok when the file is sealed, on disk and proved, and not
 * before; told no, Postgres keeps the file and tries again.
 */
export async function serveArchive(input: ArchiveServerInput): Promise<ArchiveServer> {
  const socket = await openSocket({ ...input, name: 'archive' }, async (incoming, client, token) => {
    const began = performance.now();
    let name = '';
    try {
      const request = parseArchiveRequest(await incoming.line(), token);
      ({ name } = request);
      const spool = input.spool();
      if (!spool) throw notReady();
      const kept = await spool.keep(name, incoming.body(request.bytes), input.signal);
      if (kept === 'dropped') input.observe({ event: 'archive.gap.noted', id: name });
      client.write(answerLine(kept === 'dropped' ? 'ok' : kept));
      const ms = performance.now() - began;
      input.observe({ event: 'archive.wal.finished', id: name, bytes: request.bytes, ms, again: kept === 'same' });
    } catch (error) {
      if (error instanceof ProtocolError) {
        input.observe({ event: 'archive.wal.failed', id: name, code: 'PROTOCOL', reason: error.message });
      } else {
        const { code, message } = asVectabaseError(error);
        input.observe({ event: 'archive.wal.failed', id: name, code, reason: message });
      }
      throw error;
    }
  });
  return { command: archiveCommand(input.directory), close: socket.close };
}

function notReady(): VectabaseError {
  return new VectabaseError('DATABASE_UNREACHABLE', {
    message: 'the daemon does not know the cluster yet: Postgres has not answered it',
  });
}
