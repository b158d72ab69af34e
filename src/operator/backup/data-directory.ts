import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { damagedPatch, patchedName, patchFile } from './incremental-file.ts';
import { parseLsn } from './names.ts';
import type { BackupEntry } from './repository.ts';
import { skip, type PackedFile } from './unpack.ts';

/**
 * A data directory that comes to be from a chain of backups, one after the other. Changed blocks are written over what
 * the backup before left, so that a chain needs no more room than the cluster, and no program of Postgres.
 */
export class DataDirectory {
  readonly #at: string;
  /** What is there, directories before what is in them. Bytes of files. */
  readonly #there = new Map<string, { readonly bytes: number | undefined }>();
  #told = new Set<string>();
  #before: BackupEntry | undefined;

  constructor(at: string) {
    this.#at = at;
  }

  /** @param before the backup that the next one says it builds on; undefined for a full one */
  beginLink(before: BackupEntry | undefined): void {
    this.#before = before;
    this.#told = new Set();
  }

  /** Takes away what the cluster did not have any more. */
  async endLink(): Promise<void> {
    const gone = [...this.#there.keys()].filter((name) => !this.#told.has(name));
    for (const name of gone) {
      await rm(path.join(this.#at, name), { recursive: true, force: true });
      this.#there.delete(name);
    }
  }

  async place(file: PackedFile): Promise<void> {
    const patched = this.#before && patchedName(file.name);
    const name = patched ?? file.name;
    this.#told.add(name);
    const bytes = patched === undefined ? await this.#write(file) : await this.#patch(patched, file);
    this.#there.set(name, { bytes });
  }

  /** Once for each file, however many links wrote to it. */
  async sync(): Promise<void> {
    for (const [name, { bytes }] of this.#there) {
      if (bytes === undefined) continue;
      const handle = await open(path.join(this.#at, name), 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  }

  content(): { readonly names: readonly string[]; readonly files: number; readonly bytes: number } {
    const sizes = [...this.#there.values()].flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]));
    return { names: [...this.#there.keys()], files: sizes.length, bytes: sizes.reduce((sum, each) => sum + each, 0) };
  }

  async #patch(name: string, { content }: PackedFile): Promise<number> {
    return patchFile(path.join(this.#at, name), content);
  }

  /** @returns undefined for a directory */
  async #write(file: PackedFile): Promise<number | undefined> {
    const target = path.join(this.#at, file.name);
    if (file.type === 'directory') {
      await mkdir(target, { recursive: true, mode: 0o700 });
      await skip(file);
      return undefined;
    }
    if (this.#there.has(file.name)) await rm(target);
    const isLabel = file.name === 'backup_label';
    return writeNew(target, isLabel ? this.#labelOfWhole(await buffer(file.content)) : file.content);
  }

  /**
   * An incremental backup says in its `backup_label` what it builds on, and no server starts on one that does: the lines
   * go when it was put together, and must name the very backup that it was put on.
   */
  #labelOfWhole(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    const lsn = /^INCREMENTAL FROM LSN: (\S+)$/m.exec(text)?.[1];
    const timeline = /^INCREMENTAL FROM TLI: (\d+)$/m.exec(text)?.[1];
    const start = this.#before?.start;
    const same = start
      ? lsn !== undefined && parseLsn(lsn) === parseLsn(start.lsn) && Number(timeline) === start.timeline
      : lsn === undefined;
    if (!same) throw damagedPatch('backup_label', `it builds on a backup that began at ${lsn ?? 'no place'}`);
    return Buffer.from(text.replaceAll(/^INCREMENTAL FROM .*\n/gm, ''), 'latin1');
  }
}

/** When it failed nobody writes to the file any more, and what is above it can be taken away. @returns its bytes */
async function writeNew(file: string, content: Buffer | AsyncIterable<Buffer>): Promise<number> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await writeFile(handle, content);
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
