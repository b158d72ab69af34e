import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { formatLsn, parseWalFile, WalSegments, type Lsn, type WalFile } from '../names.ts';
import { Prefetch, type WalSource } from './prefetch.ts';
import { answerLine, parseRestoreRequest, ProtocolError } from './protocol.ts';
import type { ArchiveObservation } from './observations.ts';
import { openSocket, type SocketInput } from './socket.ts';

/** WAL that the catalogue says is there: all segments from `start` up to `end`, which is behind the last one. */
export interface WalRange {
  readonly timeline: number;
  readonly start: Lsn;
  readonly end: Lsn;
}

export interface RestoreServerInput extends WalSource, Omit<SocketInput, 'name' | 'fd'> {
  /** Within these nothing may be absent. Outside of them, absence is the end of the archive. */
  readonly ranges: readonly WalRange[];
}

export interface RestoreServer {
  /** What `restore_command` is set to. */
  readonly command: string;
  /** Why a file was refused; the server in recovery has ended by then, or is about to. */
  readonly failure: () => VectabaseError | undefined;
  close(): Promise<void>;
}

/**
 * Serves the WAL of a store to a server in recovery, opened and proved, some segments ahead. A file that is missing
 * where one should be, or does not open, ends the recovery: measured, Postgres takes any other refusal for the end of
 * the archive, opens the database there and calls it a success.
 */
export async function serveRestore(
  input: RestoreServerInput,
  ctx: JobContext<ArchiveObservation>,
): Promise<RestoreServer> {
  const prefetch = new Prefetch(input, path.join(input.directory, 'prefetch'), ctx.signal);
  let failure: VectabaseError | undefined;
  const socket = await openSocket({ ...input, name: 'restore' }, async (incoming, client, token) => {
    const began = performance.now();
    let name = '';
    try {
      ({ name } = parseRestoreRequest(await incoming.line(), token));
      const file = parseWalFile(name);
      if (!file) throw new ProtocolError('no name of a WAL file');
      client.setTimeout(0); // a store may be slow to give it, and Postgres to take it
      const fetched = await prefetch.take(file);
      if (fetched === undefined) {
        assertMayEnd(file, input);
        client.write(answerLine('absent'));
        return;
      }
      client.write(answerLine('data', String(fetched.bytes)));
      await pipeline(createReadStream(fetched.path, { highWaterMark: 1024 * 1024 }), client, { end: false });
      if (!client.write(answerLine('done'))) await once(client, 'drain');
      await rm(fetched.path, { force: true });
      ctx.observe({
        event: 'archive.restore.finished',
        id: name,
        bytes: fetched.bytes,
        ms: performance.now() - began,
      });
    } catch (error) {
      const known = error instanceof ProtocolError ? undefined : asVectabaseError(error);
      failure ??= known;
      const code = known?.code ?? 'PROTOCOL';
      ctx.observe({ event: 'archive.restore.failed', id: name, code, reason: (error as Error).message });
      throw error;
    }
  });
  return {
    // See the client for why each status is what it is.
    command: `${socket.client} %f %p; case $? in 0) exit 0;; 44) exit 1;; *) exit 200;; esac`,
    failure: () => failure,
    close: async () => {
      await socket.close();
      await prefetch.close();
    },
  };
}

/** @throws VectabaseError BACKUP_WAL_MISSING for a file that the catalogue says is there */
function assertMayEnd(file: WalFile, { ranges, segmentBytes, store }: RestoreServerInput): void {
  if (file.kind === 'backup' || file.kind === 'partial') return;
  const own = ranges.filter(({ timeline }) => timeline === file.timeline);
  const missing =
    file.kind === 'history'
      ? // Timeline 1 has none.
        own.length > 0 && file.timeline > 1
      : own.some(({ start, end }) => {
          const at = new WalSegments(segmentBytes).start(file.number);
          return at >= start && at < end;
        });
  if (!missing) return;
  const name = file.kind === 'history' ? `the history of timeline ${file.timeline}` : 'WAL';
  const at = file.kind === 'history' ? '' : ` at ${formatLsn(new WalSegments(segmentBytes).start(file.number))}`;
  throw new VectabaseError('BACKUP_WAL_MISSING', {
    message: `${name}${at} is missing from ${store.url}, and its catalogue says that it was there`,
    hint: 'Bring the file back from another store, or restore to an earlier moment: vectabase backup status.',
    details: { store: store.url, timeline: file.timeline },
  });
}
