import { randomBytes } from 'node:crypto';
import { appendFileSync, closeSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';

/** Stands in every value that must never be met in a file, a log or an output, so that one search finds them all. */
const MARK = 'vbCanary7qZ';

/** A secret to test with. Wherever it turns up afterwards, in clear or encoded, is a leak. */
export function canary(): string {
  return `${MARK}${randomBytes(12).toString('hex')}`;
}

export interface CanarySearch {
  readonly files: number;
  readonly bytes: number;
  /** `file: form at byte N` */
  readonly found: readonly string[];
}

/** Searches every file below a directory, or one file, for canaries in each form that text takes on its way. */
export function searchForCanaries(place: string): CanarySearch {
  const searches = filesBelow(place).map(searchFile);
  return {
    files: searches.length,
    bytes: searches.reduce((sum, { bytes }) => sum + bytes, 0),
    found: searches.flatMap(({ found }) => found),
  };
}

/** The same for an output that was caught in memory. */
export function formsIn(bytes: Buffer): string[] {
  return FORMS.filter(([, needle]) => bytes.includes(needle)).map(([form]) => form);
}

/** Notes a search down for the end of the whole run (`global-canary.ts`), which fails by what was found. */
export function reportSearch(search: CanarySearch): void {
  const journal = process.env['VT_CANARY_JOURNAL'];
  if (journal !== undefined) appendFileSync(journal, `${JSON.stringify(search)}\n`);
}

/** What a test is about to remove is searched first. */
export function searchBeforeRemoval(place: string): void {
  reportSearch(searchForCanaries(place));
}

/** Output of a program that a test ran. */
export function searchOutput(name: string, ...outputs: readonly string[]): void {
  const bytes = Buffer.from(outputs.join('\n'));
  reportSearch({ files: 1, bytes: bytes.length, found: formsIn(bytes).map((form) => `${name}: ${form}`) });
}

const text = Buffer.from(MARK);

/** Base64 has three alignments: of each the letters that depend on the mark alone. */
const BASE64 = [0, 1, 2].map((shift): readonly [string, Buffer] => {
  const encoded = Buffer.concat([Buffer.alloc(shift), text]).toString('base64');
  const [start, end] = [[0, 2, 3][shift] ?? 0, Math.floor(((shift + text.length) * 8) / 6)];
  return [`base64, shifted by ${shift}`, Buffer.from(encoded.slice(start, end))];
});

const FORMS: ReadonlyArray<readonly [form: string, needle: Buffer]> = [
  ['in clear', text],
  ['hexadecimal', Buffer.from(text.toString('hex'))],
  ['HEXADECIMAL', Buffer.from(text.toString('hex').toUpperCase())],
  ['UTF-16', Buffer.from(MARK, 'utf16le')],
  ...BASE64,
];

const CHUNK = 8 * 1024 * 1024;
const OVERLAP = 2 * MARK.length;
const buffer = Buffer.allocUnsafe(CHUNK);

function searchFile(file: string): { bytes: number; found: string[] } {
  const found = new Set<string>();
  let [bytes, kept] = [0, 0];
  let descriptor;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return { bytes, found: [] }; // removed meanwhile
  }
  try {
    for (;;) {
      const read = readSync(descriptor, buffer, kept, CHUNK - kept, null);
      if (read === 0) return { bytes, found: [...found] };
      const window = buffer.subarray(0, kept + read);
      for (const form of formsIn(window)) found.add(`${file}: ${form}, around byte ${bytes}`);
      bytes += read;
      kept = Math.min(OVERLAP, window.length);
      window.copyWithin(0, window.length - kept);
    }
  } finally {
    closeSync(descriptor);
  }
}

function filesBelow(place: string): string[] {
  let entries;
  try {
    entries = readdirSync(place, { withFileTypes: true });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? [place] : [];
  }
  return entries.flatMap((entry) => {
    const file = path.join(place, entry.name);
    if (entry.isDirectory()) return filesBelow(file);
    return entry.isFile() ? [file] : [];
  });
}
