import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { messageOf, VectabaseError } from '../core/errors.ts';
import { assertKey, objectExists, objectMissing, storeFull, storeRefused, storeUnreachable } from './failures.ts';
import { OutOfPatience } from './patience.ts';
import { retried } from './retry.ts';
import { SftpLink, type SftpPlace, type SftpSession } from './sftp-link.ts';
import type { ObjectStore, StoredObject } from './store.ts';

/**
 * A directory on an SSH server. An object gets its name by `rename`, which version 3 of the protocol refuses where there
 * is one of that name, after an fsync where the server has OpenSSH's extension for it.
 */
export function sftpStore(place: SftpPlace): ObjectStore {
  const { host, port, user } = place;
  const root = place.directory.replace(/(?<=.)\/+$/, '');
  const url = `sftp://${user}@${host}${port === 22 ? '' : `:${port}`}/${root.replace(/^\//, '')}`;
  const link = new SftpLink(place, url);
  const fileOf = (key: string): string => {
    assertKey(key);
    return path.posix.join(root, key);
  };
  const ask = async <T>(key: string, work: (session: SftpSession) => Promise<T>, signal?: AbortSignal): Promise<T> =>
    retried(async () => work(await link.open()), { mayRetry, signal }).catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : failure(error, url, key);
    });

  const stat = async (key: string): Promise<StoredObject | undefined> => {
    const file = fileOf(key);
    const found = await ask(key, async (session) =>
      session.call<Stats>((sftp, done) => sftp.stat(file, done)).catch(orAbsent),
    );
    return found?.isFile() ? { key, bytes: found.size, modifiedAt: found.mtime * 1000 } : undefined;
  };

  async function* walk(below: string, prefix: string): AsyncGenerator<StoredObject> {
    const directory = path.posix.join(root, below);
    const found = await ask(below, async (session) =>
      session.call<Entry[]>((sftp, done) => sftp.readdir(directory, done)).catch(orAbsent),
    );
    const entries = (found ?? [])
      .filter(({ filename, attrs }) => !filename.startsWith('.') && (attrs.isDirectory() || attrs.isFile()))
      .map(({ filename, attrs }) => ({ attrs, key: path.posix.join(below, filename), inner: attrs.isDirectory() }))
      .map((entry) => ({ ...entry, sorted: entry.inner ? `${entry.key}/` : entry.key }))
      .toSorted((one, two) => (one.sorted < two.sorted ? -1 : 1));
    for (const { attrs, key, inner, sorted } of entries) {
      if (inner && (sorted.startsWith(prefix) || prefix.startsWith(sorted))) yield* walk(key, prefix);
      if (!inner && key.startsWith(prefix)) yield { key, bytes: attrs.size, modifiedAt: attrs.mtime * 1000 };
    }
  }

  return {
    url,
    put: async (key, source, { signal }) => {
      const file = fileOf(key);
      if (await stat(key)) throw objectExists(url, key);
      const put = ask(key, async (session) => putFile(session, file, source, signal), signal);
      await put.catch(async (error: unknown) => {
        if (signal.aborted || !isCode(error, 'STORE_UNREACHABLE') || isSilent(error)) throw error;
        // Version 3 of the protocol has one code for all failures: the two that matter are asked for.
        if (await stat(key)) throw objectExists(url, key, error);
        throw (await isFull(link, root)) ? storeFull(url, error) : error;
      });
    },
    get: async (key, { signal }) => {
      const file = fileOf(key);
      const { stream, during } = await ask(
        key,
        async (session) => {
          const handle = await session.call<Buffer>((sftp, done) => sftp.open(file, 'r', done));
          const opened = session.sftp.createReadStream(file, { handle, highWaterMark: CHUNK });
          session.lost.catch((error: Error) => opened.destroy(error));
          return { stream: opened, during: session.during };
        },
        signal,
      );
      return told(stream, during, (error) => (signal.aborted ? signal.reason : failure(error, url, key)));
    },
    stat,
    list: (prefix) => walk(path.posix.dirname(`${prefix}x`), prefix),
    remove: async (key) => {
      const file = fileOf(key);
      await ask(key, async (session) => session.call((sftp, done) => sftp.unlink(file, done)).catch(orAbsent));
    },
    close: async () => link.close(),
  };
}

async function putFile(
  session: SftpSession,
  file: string,
  source: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await makeDirectory(session, path.posix.dirname(file));
  const fresh = `${path.posix.dirname(file)}/.new-${randomBytes(6).toString('hex')}`;
  const bytes =
    typeof source === 'string' ? createReadStream(source, { highWaterMark: CHUNK }) : Readable.from([source]);
  try {
    const handle = await session.call<Buffer>((sftp, done) => sftp.open(fresh, 'wx', { mode: 0o600 }, done));
    await writeAll(session, handle, bytes, signal);
    await session.call((sftp, done) => sftp.ext_openssh_fsync(handle, done)).catch(ifUnsupported);
    await session.call((sftp, done) => sftp.close(handle, done));
    await session.call((sftp, done) => sftp.rename(fresh, file, done));
  } catch (error) {
    await session.call((sftp, done) => sftp.unlink(fresh, done)).catch(() => undefined);
    throw error;
  }
}

const CHUNK = 256 * 1024;
/** Writes under way at the same time: each is answered a round trip later. */
const AT_ONCE = 8;

async function writeAll(
  session: SftpSession,
  handle: Buffer,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const waiting: Array<Promise<void>> = [];
  let at = 0;
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    const from = at;
    at += chunk.length;
    if (chunk.length === 0) continue;
    const written = session.call((sftp, done) => sftp.write(handle, Buffer.from(chunk), 0, chunk.length, from, done));
    written.catch(() => undefined);
    waiting.push(written);
    if (waiting.length >= AT_ONCE) await waiting.shift();
  }
  await Promise.all(waiting);
}

/** Less room than one more segment of WAL takes, where the server can tell. */
async function isFull(link: SftpLink, root: string): Promise<boolean> {
  const session = await link.open();
  const room = await session.call<Room>((sftp, done) => sftp.ext_openssh_statvfs(root, done)).catch(() => undefined);
  return room !== undefined && room.f_bavail * room.f_bsize < CHUNK;
}

/** Parents first; one that is there is no error. */
async function makeDirectory(session: SftpSession, directory: string): Promise<void> {
  const there = await session.call<Stats>((sftp, done) => sftp.stat(directory, done)).catch(orAbsent);
  if (there || directory === path.posix.dirname(directory)) return;
  await makeDirectory(session, path.posix.dirname(directory));
  await session
    .call((sftp, done) => sftp.mkdir(directory, { mode: 0o700 }, done))
    .catch(async (error: unknown) => {
      const made = await session.call<Stats>((sftp, done) => sftp.stat(directory, done)).catch(orAbsent);
      if (!made?.isDirectory()) throw error;
    });
}

type Sftp = SftpSession['sftp'];
type Stats = Parameters<Parameters<Sftp['stat']>[1]>[1];
type Room = Parameters<Parameters<Sftp['ext_openssh_statvfs']>[1]>[1];
type Entry = Parameters<Parameters<Sftp['readdir']>[1]>[1][number];

/** A stream whose errors are ours, and which the server may not keep waiting for ever. */
function told(stream: Readable, during: SftpSession['during'], word: (error: unknown) => unknown): Readable {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    const source = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await during(source.next());
        if (done === true) return;
        yield value;
      }
    } catch (error) {
      throw word(error);
    } finally {
      stream.destroy();
    }
  };
  return Readable.from(chunks(), { objectMode: false });
}

/** Of draft-ietf-secsh-filexfer-02, section 7. */
const [NO_SUCH_FILE, PERMISSION_DENIED, UNSUPPORTED] = [2, 3, 8];

function orAbsent(error: unknown): undefined {
  if (statusOf(error) !== NO_SUCH_FILE) throw error;
}

function ifUnsupported(error: unknown): void {
  // The library says so itself when the server did not name the extension.
  if (statusOf(error) !== UNSUPPORTED && !/does not support/i.test(messageOf(error))) throw error;
}

/** What the server answered, or did not, will be the same again; a lost connection is made anew. */
function mayRetry(error: unknown): boolean {
  const ours = error instanceof VectabaseError || error instanceof OutOfPatience;
  return statusOf(error) === undefined && !ours && !isLogin(error);
}

function failure(error: unknown, url: string, key: string): unknown {
  if (error instanceof VectabaseError) return error;
  const status = statusOf(error);
  if (status === NO_SUCH_FILE) return objectMissing(url, key, error);
  if (status === PERMISSION_DENIED || isLogin(error)) return storeRefused(url, messageOf(error), error);
  return storeUnreachable(url, messageOf(error), error);
}

function statusOf(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

function isLogin(error: unknown): boolean {
  return /authentication methods failed/i.test(messageOf(error));
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof VectabaseError && error.code === code;
}

function isSilent(error: unknown): boolean {
  return error instanceof VectabaseError && error.cause instanceof OutOfPatience;
}
