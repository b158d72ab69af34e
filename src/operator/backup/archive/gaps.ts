import { readFile } from 'node:fs/promises';
import { writeDurably } from '../../../foundation/core/durable-file.ts';
import { parseWalFile } from '../names.ts';

/** Segments that were dropped and that the catalogue has not heard of: a file with a name a line. */
export class Gaps {
  readonly #file: string;
  #names: string[] = [];
  #written: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  async load(): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    this.#names = text.split('\n').filter((name) => parseWalFile(name));
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /** Returns when it is on disk: a segment must not be dropped in silence. */
  async add(name: string): Promise<void> {
    await this.#write([...new Set([...this.#names, name])]);
  }

  async remove(name: string): Promise<void> {
    await this.#write(this.#names.filter((each) => each !== name));
  }

  async #write(names: string[]): Promise<void> {
    this.#names = names;
    const write = async (): Promise<void> => writeDurably(this.#file, names.map((name) => `${name}\n`).join(''));
    const written = this.#written.then(write);
    this.#written = written.catch(() => undefined);
    return written;
  }
}
