import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm, truncate, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from '../../../foundation/core/durable-file.ts';
import type { JournalView, UndoRecord } from './step.ts';

/**
 * What happened to this machine, one JSON line each, only ever appended. `begin` and `end` frame the `apply` of a step;
 * `record` stands before each touch; `undone` takes a step's earlier records out of force.
 */
export type JournalLine =
  | { readonly type: 'run'; readonly at: string; readonly version: string }
  | { readonly type: 'begin' | 'end' | 'undone'; readonly at: string; readonly step: string }
  | { readonly type: 'record'; readonly at: string; readonly step: string; readonly record: UndoRecord };

type Undated<L> = L extends unknown ? Omit<L, 'at'> : never;
type Line = Undated<JournalLine>;

export interface Journal extends JournalView {
  /** On disk when it resolves. */
  append(line: Line): Promise<void>;
  /** Steps with records in force, in the order in which they were first applied. */
  steps(): readonly string[];
  /** A step that was begun and never ended: a run was stopped inside it. */
  isOpen(step: string): boolean;
  close(): Promise<void>;
}

const FILE = 'journal.ndjson';

/** A journal that is only read: for plans, which leave no trace, and for `status`. Empty when there is none. */
export async function readJournal(directory: string): Promise<JournalView & Pick<Journal, 'steps' | 'isOpen'>> {
  return new FileJournal(directory, linesOf(await contentOf(path.join(directory, FILE))), undefined);
}

/** Opens it for writing, made when absent (0700). A last line that a power cut tore is taken off: nothing followed it. */
export async function openJournal(directory: string): Promise<Journal> {
  await mkdir(path.join(directory, 'kept'), { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const file = path.join(directory, FILE);
  const content = await contentOf(file);
  const whole = content.subarray(0, content.lastIndexOf(0x0a) + 1);
  if (whole.length < content.length) await truncate(file, whole.length);
  const handle = await open(file, 'a', 0o600);
  await handle.sync();
  await syncDirectory(directory);
  return new FileJournal(directory, linesOf(whole), handle);
}

class FileJournal implements Journal {
  readonly #directory: string;
  readonly #handle: FileHandle | undefined;
  readonly #lines: JournalLine[];

  constructor(directory: string, lines: JournalLine[], handle: FileHandle | undefined) {
    this.#directory = directory;
    this.#lines = lines;
    this.#handle = handle;
  }

  async append(line: Line): Promise<void> {
    if (this.#handle === undefined) throw new Error('the journal is open for reading');
    const full = { at: new Date().toISOString(), ...line } as JournalLine;
    await this.#handle.appendFile(`${JSON.stringify(full)}\n`);
    await this.#handle.sync();
    this.#lines.push(full);
  }

  about(target: string): readonly UndoRecord[] {
    return this.#inForce().flatMap(({ record }) => (record.target === target ? [record] : []));
  }

  ofStep(id: string): readonly UndoRecord[] {
    return this.#inForce().flatMap(({ step, record }) => (step === id ? [record] : []));
  }

  steps(): readonly string[] {
    return [...new Set(this.#inForce().map(({ step }) => step))];
  }

  isOpen(step: string): boolean {
    const last = this.#lines.findLast((line) => line.type !== 'run' && line.type !== 'record' && line.step === step);
    return last?.type === 'begin';
  }

  async keep(file: string): Promise<string> {
    const content = await readFile(file);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const copy = this.keptAt(sha256);
    if (existsSync(copy)) return sha256;
    const fresh = `${copy}.new-${randomBytes(6).toString('hex')}`;
    const handle = await open(fresh, 'wx', 0o600);
    await handle.writeFile(content).then(async () => handle.sync());
    await handle.close();
    await rename(fresh, copy);
    await syncDirectory(path.dirname(copy));
    return sha256;
  }

  keptAt(sha256: string): string {
    return path.join(this.#directory, 'kept', sha256);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  #inForce(): ReadonlyArray<Extract<JournalLine, { type: 'record' }>> {
    const undoneAt = new Map<string, number>();
    this.#lines.forEach((line, index) => line.type === 'undone' && undoneAt.set(line.step, index));
    return this.#lines.filter(
      (line, index): line is Extract<JournalLine, { type: 'record' }> =>
        line.type === 'record' && index > (undoneAt.get(line.step) ?? -1),
    );
  }
}

/** Forgets everything: the last act of an uninstall. */
export async function removeJournal(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function linesOf(content: Buffer): JournalLine[] {
  const lines = content.toString('utf8').split('\n');
  lines.pop(); // empty, or torn
  return lines.map((line) => JSON.parse(line) as JournalLine);
}
