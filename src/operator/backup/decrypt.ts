import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import path from 'node:path';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { syncDirectory } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { openSealed } from './container.ts';
import type { KeyOpener } from './epochs.ts';

export interface DecryptReport {
  /** What the file says that it is. */
  readonly object: string;
  readonly systemId: string;
  readonly createdAt: string;
  readonly bytes: number;
}

interface DecryptInput {
  readonly file: string;
  readonly opener: KeyOpener;
  /** A file that does not exist yet, which appears whole or not at all; or a stream that others own. */
  readonly sink: string | NodeJS.WritableStream;
}

/**
 * Opens a sealed file wherever it lies. Whose it is, a catalogue would know: this asks none.
 *
 * @throws VectabaseError BACKUP_DAMAGED, SECRETS_KEY_WRONG, USAGE when the file to write is there
 */
export async function decryptFile({ file, opener, sink }: DecryptInput, signal: AbortSignal): Promise<DecryptReport> {
  const opened = await openSealed(createReadStream(file), { name: file, opener });
  const { object, systemId, createdAt } = opened.header;
  let bytes = 0;
  const pour = async (plain: Readable, into: NodeJS.WritableStream): Promise<void> => {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (!into.write(chunk)) await once(into, 'drain', { signal });
    }
  };
  if (typeof sink === 'string') await intoFile(sink, async (into) => opened.read(async (plain) => pour(plain, into)));
  else await opened.read(async (plain) => pour(plain, sink));
  return { object, systemId, createdAt, bytes };
}

async function intoFile(file: string, write: (into: NodeJS.WritableStream) => Promise<void>): Promise<void> {
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    const into = createWriteStream(fresh, { flags: 'wx', mode: 0o600, flush: true });
    await once(into, 'open');
    await write(into);
    into.end();
    await once(into, 'close');
    await link(fresh, file);
    await syncDirectory(path.dirname(file));
  } catch (error) {
    if (error instanceof VectabaseError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new VectabaseError('USAGE', {
      message: `${file} cannot be written: ${code}`,
      hint: 'Name a file that does not exist yet: --out FILE.',
      details: { file },
    });
  } finally {
    await rm(fresh, { force: true });
  }
}
