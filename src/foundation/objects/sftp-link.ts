import { createHash, timingSafeEqual } from 'node:crypto';
import SftpClient from 'ssh2-sftp-client';
import { storeRefused } from './failures.ts';
import { IdleTimer } from './patience.ts';

export interface SftpPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Absolute, or relative to where the account begins. */
  readonly directory: string;
  /** What `ssh-keygen -lf` prints of the server's key: `SHA256:…`. Any other key is refused. */
  readonly hostKey: string;
  /** A private key in OpenSSH's form, without a passphrase. */
  readonly privateKey: string;
  /** Milliseconds in which the server must answer something; 60 s unless told. */
  readonly patience?: number | undefined;
}

type Sftp = Awaited<ReturnType<SftpClient['connect']>>;
type Done<T> = (error: Error | null | undefined, result?: T) => void;

export interface SftpSession {
  readonly sftp: Sftp;
  /** A request of the library as a promise, which fails when the connection is lost: the library then says nothing. */
  readonly call: <T = void>(start: (sftp: Sftp, done: Done<T>) => void) => Promise<T>;
  /** Rejects when the connection is lost, or the server says nothing while we wait for it. */
  readonly lost: Promise<never>;
  /** Waits for the server otherwise than by `call`. */
  readonly during: <T>(work: Promise<T>) => Promise<T>;
}

/** A connection that is made when it is needed, and made again after it was lost. */
export class SftpLink {
  readonly #place: SftpPlace;
  readonly #url: string;
  #current: { readonly client: SftpClient; readonly session: Promise<SftpSession> } | undefined;

  constructor(place: SftpPlace, url: string) {
    this.#place = place;
    this.#url = url;
  }

  /** @throws VectabaseError STORE_REFUSED for another host key than the pinned one */
  async open(): Promise<SftpSession> {
    this.#current ??= this.#connect();
    return this.#current.session;
  }

  async close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.session.catch(() => undefined);
    await current?.client.end().catch(() => undefined);
  }

  #connect(): { client: SftpClient; session: Promise<SftpSession> } {
    const { host, port, user, privateKey, hostKey, patience = 60_000 } = this.#place;
    let tell: (error: Error) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => {
      tell = reject;
    });
    lost.catch(() => undefined);
    const forget = (error: unknown): void => {
      if (this.#current === current) this.#current = undefined;
      tell(error instanceof Error ? error : new Error('the connection was lost'));
    };
    const client = new SftpClient('vectabase', {
      error: forget,
      end: () => forget(undefined),
      close: () => forget(undefined),
    });
    // A server can hang and its sshd still answer: keepalives do not notice that.
    const idle = new IdleTimer(patience, (error) => {
      forget(error);
      destroy(client);
    });
    const during = async <T>(work: Promise<T>): Promise<T> => idle.during(Promise.race([work, lost]));
    let stranger: string | undefined;
    const connected = client.connect({
      host,
      port,
      username: user,
      privateKey,
      readyTimeout: patience,
      // A peer that fell silent is noticed, and every request that waits fails.
      keepaliveInterval: Math.ceil(patience / 3),
      keepaliveCountMax: 3,
      hostVerifier: (key: Buffer) => {
        const shown = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
        if (isSame(shown, hostKey)) return true;
        stranger = shown;
        return false;
      },
    });
    connected.catch(() => undefined);
    const session = during(connected)
      .then((sftp) => ({ sftp, lost, during, call: caller(sftp, during) }))
      .catch((error: unknown) => {
        forget(error);
        if (stranger === undefined) throw error;
        throw storeRefused(this.#url, `its host key is ${stranger}, and ${hostKey} is pinned`, error);
      });
    const current = { client, session };
    return current;
  }
}

function caller(sftp: Sftp, during: SftpSession['during']): SftpSession['call'] {
  return async <T>(start: (sftp: Sftp, done: Done<T>) => void): Promise<T> => {
    const answered = new Promise<T>((resolve, reject) => {
      start(sftp, (error, result) => (error ? reject(error) : resolve(result as T)));
    });
    return during(answered);
  };
}

/** `end` waits for the other side. */
function destroy(client: SftpClient): void {
  (client as unknown as { client: { destroy(): void } }).client.destroy();
}

function isSame(one: string, two: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(two)];
  return a.length === b.length && timingSafeEqual(a, b);
}
