import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { messageOf, VectabaseError } from '../core/errors.ts';
import type { DatabaseAddress } from './address.ts';
import { errorCode, isConnectionLost } from './errors.ts';
import { Session } from './session.ts';

/** A place in the WAL and the timeline it is on. */
export interface WalPosition {
  /** `0/2000028` */
  readonly lsn: string;
  readonly timeline: number;
}

export interface BaseBackup {
  readonly start: WalPosition;
  /** Bytes of the whole cluster, as the server estimates them. */
  readonly estimatedBytes: number;
  /**
   * A tar archive of the data directory with the WAL that it needs. To be read to its end. Of an incremental backup, most
   * tables are in it as `INCREMENTAL.<name>`: the blocks that changed since its parent.
   */
  readonly archive: Readable;
  /** Known when the archive has ended. `manifest` is the server's `backup_manifest`, with SHA-256 of each file. */
  readonly finished: Promise<{ readonly end: WalPosition; readonly manifest: Buffer }>;
  close(): Promise<void>;
}

/**
 * Takes a base backup over the replication protocol, as pg_basebackup does, without needing that program.
 * https://www.postgresql.org/docs/17/protocol-replication.html#PROTOCOL-REPLICATION-BASE-BACKUP
 *
 * @param address a role that may replicate
 * @param options.label what backup_label says
 * @param options.parentManifest `backup_manifest` of the backup since which changes are wanted; all is when left out
 * @throws VectabaseError DATABASE_UNREACHABLE, DATABASE_AUTH_FAILED; PRECONDITION_FAILED for a cluster with tablespaces,
 *   INCREMENTAL_REFUSED when the server cannot tell what changed
 */
export async function startBaseBackup(
  address: DatabaseAddress,
  { label, parentManifest }: { readonly label: string; readonly parentManifest?: Buffer | undefined },
): Promise<BaseBackup> {
  const session = await Session.open(address, { applicationName: 'vectabase backup', replication: true });
  const query = new BaseBackupQuery(label, parentManifest !== undefined);
  try {
    if (parentManifest) await pipeline(Readable.from([parentManifest]), session.copyIn('UPLOAD_MANIFEST'));
    session.submit(query);
    const [[lsn, timeline] = [], tablespaces] = await query.beginning;
    if (tablespaces.length !== 1) throw hasTablespaces();
    const finished = query.ending.then(({ row: [endLsn, endTimeline], manifest }) => ({
      end: position(endLsn, endTimeline),
      manifest,
    }));
    finished.catch(() => undefined); // told through the archive too
    return {
      start: position(lsn, timeline),
      estimatedBytes: Number(tablespaces[0]?.[2] ?? 0) * 1024,
      archive: query.archive,
      finished,
      close: () => session.close(),
    };
  } catch (error) {
    session.destroy();
    if (parentManifest && errorCode(error)?.length === 5 && !isConnectionLost(error)) throw refused(error);
    throw error;
  }
}

/** Summaries of WAL are gone or were never written, or the parent is of another history: the server says which. */
function refused(cause: unknown): VectabaseError {
  return new VectabaseError('INCREMENTAL_REFUSED', {
    message: `the server cannot tell what changed since the backup before: ${messageOf(cause)}`,
    hint: 'Take a full backup: vectabase backup create --full.',
    cause,
  });
}

function hasTablespaces(): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'the cluster keeps tables outside of its directory (tablespaces), and those cannot be backed up yet',
    hint: 'Move them to pg_default and drop the tablespaces; \\db of psql lists them.',
  });
}

type Fields = ReadonlyArray<string | null>;

function position(lsn: string | null | undefined, timeline: string | null | undefined): WalPosition {
  return { lsn: lsn ?? '', timeline: Number(timeline) };
}

/** The stream's socket, as far as we use it. */
interface Wire {
  readonly stream: { pause(): void; resume(): void; destroy(error?: Error): void };
  query(text: string): void;
}

/**
 * The answer: start position, tablespaces, one COPY whose messages say by their first byte what they are, end position.
 */
class BaseBackupQuery implements pg.Submittable {
  readonly archive: Readable;
  readonly beginning: Promise<[Fields | undefined, readonly Fields[]]>;
  readonly ending: Promise<{ row: Fields; manifest: Buffer }>;
  readonly #command: string;
  readonly #sets: Fields[][] = [];
  readonly #manifest: Buffer[] = [];
  #part: 'archive' | 'manifest' = 'archive';
  #wire: Wire | undefined;
  #begun: () => void = () => undefined;
  #ended: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #over = false;

  constructor(label: string, incremental: boolean) {
    const quoted = `'${label.replaceAll("'", "''")}'`;
    // It brings the WAL that it needs: waiting until that is archived as well would take as long as the archive is away.
    const wal = ['WAL', 'WAIT false'];
    const options = [`LABEL ${quoted}`, 'PROGRESS', `CHECKPOINT 'fast'`, ...wal, `MANIFEST 'yes'`, SHA256];
    if (incremental) options.push('INCREMENTAL');
    this.#command = `BASE_BACKUP (${options.join(', ')})`;
    this.archive = new Readable({
      read: () => this.#wire?.stream.resume(),
      destroy: (error, done) => {
        // What follows the archive is wanted still; an archive that nobody reads any more is not.
        if (!this.#over && this.#part === 'archive') this.#wire?.stream.destroy();
        done(error);
      },
    });
    // Nobody reads it yet when the server refuses to begin, which `beginning` tells.
    this.archive.on('error', () => undefined);
    const began = new Promise<void>((resolve, reject) => {
      this.#begun = resolve;
      this.#fail = reject;
    });
    this.beginning = began.then(() => [this.#sets[0]?.[0], this.#sets[1] ?? []]);
    this.ending = new Promise((resolve, reject) => {
      this.#ended = () => resolve({ row: this.#sets[2]?.[0] ?? [], manifest: Buffer.concat(this.#manifest) });
      const earlier = this.#fail;
      this.#fail = (error) => {
        earlier(error);
        reject(error);
      };
    });
    this.ending.catch(() => undefined);
  }

  submit(connection: pg.Connection): void {
    this.#wire = connection as unknown as Wire;
    this.#wire.query(this.#command);
  }

  handleRowDescription(): void {
    this.#sets.push([]);
  }

  handleDataRow({ fields }: { fields: Fields }): void {
    this.#sets.at(-1)?.push(fields);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    const body = Buffer.from(chunk.subarray(1)); // the parser uses its memory again
    const [kind = 0] = chunk;
    switch (kind) {
      case 0x6e: // n: an archive begins
        this.#begun();
        return;
      case 0x6d: // m: the manifest begins
        this.#part = 'manifest';
        this.archive.push(null); // and nobody will ask for more
        this.#wire?.stream.resume();
        return;
      case 0x64: // d: bytes of what began last
        if (this.#part === 'manifest') this.#manifest.push(body);
        else if (!this.archive.push(body)) this.#wire?.stream.pause();
        return;
      default: // p: progress, which we count ourselves
    }
  }

  handleCommandComplete(): void {
    // The end is told by handleReadyForQuery: there is one of these for every set of rows.
  }

  handleReadyForQuery(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended();
  }

  handleError(error: Error): void {
    this.#over = true;
    this.#fail(error);
    this.archive.destroy(error);
  }
}

const SHA256 = `MANIFEST_CHECKSUMS 'SHA256'`;
