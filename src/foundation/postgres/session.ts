import { connect as tcpConnect, Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { isLocal, type DatabaseAddress } from './address.ts';
import { connectionError, isSslRefused } from './errors.ts';
import { Wire, type Answers, type BatchOptions, type Bound } from './wire/wire.ts';

export type Row = Record<string, unknown>;

export interface SessionOptions {
  readonly applicationName: string;
  /** `SET` right after connecting, through set_config with parameters: works behind session poolers that drop startup options. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Milliseconds until a connection attempt gives up; 10 000 unless told. */
  readonly connectTimeout?: number;
  /** Speaks the replication protocol: no SQL, and the database does not matter. */
  readonly replication?: boolean;
}

/** Statements of `batch` that one connection keeps prepared. */
const PREPARED = 500;

/**
 * One connection to one server, used by one caller at a time. Values travel as text exactly as Postgres prints
 * them where a type has no lossless JavaScript form (int8, numeric, timestamps, json stay strings).
 */
export class Session {
  readonly #client: pg.Client;
  #wire: Wire | undefined;
  #lost: Error | undefined;
  readonly #onLost: Array<(error: Error) => void> = [];
  readonly address: DatabaseAddress;
  /** True when this connection is encrypted. */
  readonly encrypted: boolean;

  private constructor(client: pg.Client, address: DatabaseAddress, encrypted: boolean) {
    this.#client = client;
    this.address = address;
    this.encrypted = encrypted;
    const lose = (error: Error): void => {
      if (this.#lost) return;
      this.#lost = error;
      for (const listener of this.#onLost) listener(error);
    };
    client.on('error', lose);
    client.on('end', () => lose(new Error('Connection terminated unexpectedly')));
  }

  /** @throws VectabaseError DATABASE_UNREACHABLE, DATABASE_AUTH_FAILED */
  static async open(address: DatabaseAddress, options: SessionOptions): Promise<Session> {
    const session = await Session.#connect(address, options);
    for (const [name, value] of Object.entries(options.settings ?? {})) {
      await session.rows('select set_config($1, $2, false)', [name, value]);
    }
    return session;
  }

  static async #connect(
    address: DatabaseAddress,
    options: SessionOptions,
    ssl = sslOptions(address),
  ): Promise<Session> {
    const client = new pg.Client({
      host: address.host,
      port: address.port,
      user: address.user,
      password: address.password ?? '',
      database: address.database,
      ssl,
      application_name: options.applicationName,
      // Left to itself, pg looks for Cloudflare's fetch, which makes Node load its own: 10 MB.
      stream: () => new Socket(),
      connectionTimeoutMillis: options.connectTimeout ?? 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: { getTypeParser: textTypes },
      ...(options.replication === true ? { replication: 'true' } : {}),
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => undefined);
      if (ssl !== false && address.sslMode === 'prefer' && isSslRefused(error)) {
        return Session.#connect(address, options, false);
      }
      throw connectionError(error, address);
    }
    return new Session(client, address, ssl !== false);
  }

  /** Backend process id as the server told at start-up; a pooler makes one up. */
  get announcedPid(): number {
    return (this.#client as unknown as { processID: number }).processID;
  }

  /** One statement with bound parameters. */
  async rows<R extends Row = Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    const result = await this.#client.query<R>(text, [...values]);
    return result.rows;
  }

  /** One statement; the number of rows it touched. */
  async count(text: string, values: readonly unknown[] = []): Promise<number> {
    const result = await this.#client.query(text, [...values]);
    return result.rowCount ?? 0;
  }

  /**
   * Statements in one round trip, each prepared once, their rows in bytes. They are one transaction: an implicit one
   * that ends with the batch, unless one of them is BEGIN. Not while another call is under way.
   */
  async batch(statements: readonly Bound[], options?: BatchOptions): Promise<Answers> {
    const { connection } = this.#client as unknown as { connection: { stream: Socket } };
    this.#wire ??= new Wire(connection.stream, PREPARED);
    return this.#wire.run(statements, options);
  }

  /** True while a BEGIN waits for its end. */
  get inTransaction(): boolean {
    return this.#client.getTransactionStatus() !== 'I' || this.#wire?.inTransaction === true;
  }

  /** Several statements in one round trip by the simple protocol, without parameters. */
  async script(text: string): Promise<void> {
    await this.#client.query(text);
  }

  /** A command that reads its own answer. */
  submit(query: pg.Submittable): void {
    this.#client.query(query);
  }

  copyOut(statement: string): Readable {
    return this.#client.query(copyTo(statement));
  }

  copyIn(statement: string): Writable {
    return this.#client.query(copyFrom(statement));
  }

  /** Why the connection was lost, if it was. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Hears NOTIFY of the channels that the session listens to. */
  onNotification(listener: (channel: string, payload: string) => void): void {
    this.#client.on('notification', ({ channel, payload }) => listener(channel, payload ?? ''));
  }

  onLost(listener: (error: Error) => void): void {
    if (this.#lost) listener(this.#lost);
    else this.#onLost.push(listener);
  }

  /** Asks the server, over a second connection, to end what this session is doing. Only where the pid is real. */
  cancel(): void {
    const client = this.#client as unknown as { processID: number; secretKey: number };
    const { host, port } = this.address;
    const socket = host.startsWith('/') ? tcpConnect(`${host}/.s.PGSQL.${port}`) : tcpConnect({ host, port });
    const packet = Buffer.alloc(16);
    packet.writeInt32BE(16, 0);
    packet.writeInt32BE(80_877_102, 4); // CancelRequest: 1234 in the high half, 5678 in the low half
    packet.writeInt32BE(client.processID, 8);
    packet.writeInt32BE(client.secretKey, 12);
    socket.on('error', () => undefined);
    socket.end(packet);
  }

  async close(): Promise<void> {
    this.#onLost.length = 0;
    await this.#client.end().catch(() => undefined);
  }

  /** Drops the socket without a goodbye: for a session whose work was given up. */
  destroy(): void {
    this.#onLost.length = 0;
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}

/** libpq's meaning of sslmode: `require` encrypts without asking who answers (Supabase's CA is its own). */
function sslOptions(address: DatabaseAddress): false | ConnectionOptions {
  const { sslMode, host, rootCertificate } = address;
  if (sslMode === 'disable' || host.startsWith('/')) return false;
  if (sslMode === 'prefer' && isLocal(host)) return { rejectUnauthorized: false };
  if (sslMode === 'prefer' || sslMode === 'require') return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(rootCertificate === undefined ? {} : { ca: rootCertificate }),
    ...(sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

const LOSSLESS: Record<number, (text: string) => unknown> = {
  16: (text) => text === 't',
  21: Number,
  23: Number,
  26: Number,
  114: JSON.parse,
};

/** bool, int2, int4, oid and json become JavaScript values; the rest stays text. Arrays: select to_json(array). */
function textTypes(oid: number): (value: string) => unknown {
  return LOSSLESS[oid] ?? ((value) => value);
}
