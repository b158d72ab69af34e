import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asVectabaseError, VectabaseError } from '../../../foundation/core/errors.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import { openSealed } from '../container.ts';
import type { KeyOpener } from '../epochs.ts';
import { formatWalFile, storeKey, walObject, WalSegments, type WalFile } from '../names.ts';

/** WAL in a store, and what opens it. */
export interface WalSource {
  readonly store: ObjectStore;
  readonly systemId: string;
  readonly segmentBytes: number;
  readonly opener: KeyOpener;
  /** Keys that the signed catalogue names, as fingerprints. A file of another one was made by a stranger. */
  readonly epochs: ReadonlySet<string> | undefined;
}

/** A file in clear, whole and proved. Whoever took it removes it. */
export interface Fetched {
  readonly path: string;
  readonly bytes: number;
}

/** Segments that are fetched before they are asked for, and how many of them at one time. */
const AHEAD = 8;
const AT_ONCE = 4;
/** Milliseconds between attempts, about two minutes in all; then it is an error. */
const RETRIES = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, undefined];
/** A history file has a line for each timeline. */
const MOST_TEXT = 1024 * 1024;

/**
 * Fetches the segments that a recovery will ask for next. In clear they lie in a directory of their own beside the data
 * directory that they are for: nine at most.
 */
export class Prefetch {
  readonly #source: WalSource;
  readonly #directory: string;
  readonly #segments: WalSegments;
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  /** In the order in which they will be asked for. */
  readonly #files = new Map<string, Promise<Fetched | undefined>>();
  #working = 0;
  readonly #turns: Array<() => void> = [];

  constructor(source: WalSource, directory: string, signal: AbortSignal) {
    this.#source = source;
    this.#directory = directory;
    this.#segments = new WalSegments(source.segmentBytes);
    this.#signal = AbortSignal.any([signal, this.#ending.signal]);
  }

  /** A file; undefined when the store proved that it has none. */
  async take(file: WalFile): Promise<Fetched | undefined> {
    const ahead = file.kind === 'segment' ? this.#ahead(file) : [];
    if (file.kind === 'segment') await this.#forgetAllBut([file, ...ahead].map(formatWalFile));
    const wanted = this.#want(file);
    this.#files.delete(formatWalFile(file));
    for (const next of ahead) this.#want(next).catch(() => undefined);
    return wanted;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#files.values());
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #want(file: WalFile): Promise<Fetched | undefined> {
    const name = formatWalFile(file);
    const known = this.#files.get(name);
    if (known) return known;
    const fetched = this.#inTurn(async () => this.#fetch(file));
    this.#files.set(name, fetched);
    // What is absent or out of reach now may be there when it is asked for.
    fetched.then((found) => found ?? this.#files.delete(name)).catch(() => this.#files.delete(name));
    return fetched;
  }

  #ahead(file: Extract<WalFile, { number: unknown }>): WalFile[] {
    let { number } = file;
    return Array.from({ length: AHEAD }, () => {
      number = this.#segments.next(number);
      return { kind: 'segment', timeline: file.timeline, number };
    });
  }

  /** What is behind us, too far ahead, or of a timeline that was only tried. */
  async #forgetAllBut(near: readonly string[]): Promise<void> {
    for (const [name, fetched] of this.#files) {
      if (near.includes(name)) continue;
      this.#files.delete(name);
      const done = await fetched.catch(() => undefined);
      if (done) await rm(done.path, { force: true });
    }
  }

  async #fetch(file: WalFile): Promise<Fetched | undefined> {
    const { store, systemId, opener, epochs } = this.#source;
    const object = walObject(file);
    const key = storeKey(systemId, object);
    const source = await this.#get(key);
    if (!source) return undefined;
    const name = `${store.url}/${key}`;
    const opened = await openSealed(source, { name, opener, expect: { object, systemId } });
    if (epochs && !epochs.has(opened.fingerprint)) {
      source.destroy();
      throw stranger(name);
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const target = path.join(this.#directory, `${formatWalFile(file)}-${++this.#number}`);
    const most = file.kind === 'segment' || file.kind === 'partial' ? this.#source.segmentBytes : MOST_TEXT;
    const sum = { bytes: 0 };
    try {
      await opened.read(async (plain) =>
        pipeline(plain, limited(most, sum, name), createWriteStream(target, { flags: 'wx', mode: 0o600 }), {
          signal: this.#signal,
        }),
      );
    } catch (error) {
      await rm(target, { force: true });
      throw error;
    }
    return { path: target, bytes: sum.bytes };
  }

  /** A store that does not answer is asked again for a while: a recovery that was ended begins from its start. */
  async #get(key: string): Promise<Readable | undefined> {
    const signal = this.#signal;
    for (const wait of RETRIES) {
      try {
        return await this.#source.store.get(key, { signal });
      } catch (error) {
        const { code } = asVectabaseError(error);
        if (code === 'OBJECT_MISSING') return undefined;
        if (code !== 'STORE_UNREACHABLE' || wait === undefined) throw error;
        await sleep(wait, signal);
      }
    }
    return undefined;
  }

  /** One name may be fetched twice, the first time for nothing. */
  #number = 0;

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working === AT_ONCE) await new Promise<void>((go) => this.#turns.push(go));
    else this.#working++;
    try {
      return await work();
    } finally {
      const go = this.#turns.shift();
      if (go) go();
      else this.#working--;
    }
  }
}

/** A stranger's file could be made to unpack to any length. */
function limited(most: number, sum: { bytes: number }, name: string) {
  return async function* pass(plain: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of plain) {
      sum.bytes += chunk.length;
      if (sum.bytes > most) {
        throw new VectabaseError('BACKUP_DAMAGED', { message: `${name} holds more than a WAL file can` });
      }
      yield chunk;
    }
  };
}

function stranger(name: string): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${name} is sealed with a key that the signed catalogue does not name: a stranger made it`,
    hint: 'Use another store, and find out who can write to this one: vectabase backup status.',
    details: { file: name },
  });
}
