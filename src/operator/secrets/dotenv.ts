import { VectabaseError } from '../../foundation/core/errors.ts';

/**
 * The text inside a file of secrets, and what `import` reads. Readers of `.env` files disagree (node:util parseEnv cannot
 * hold a value with all three quotes, cuts at every `#` and loses a carriage return), so we print only what all of them
 * and a POSIX shell read alike, and parse the widest form without ever guessing: what is doubtful is an error or a note.
 *
 *   NAME=plain            letters, digits and _ . : / @ % + , = -
 *   NAME='any $text #1'   as it stands, over several lines too
 *   NAME="it's \$5"       with an apostrophe: \\ \" \$ \` as in a shell, \r \n \t
 */
export interface Assignment {
  readonly kind: 'secret';
  readonly name: string;
  readonly value: string;
}

/** Anything between assignments: comments and empty lines, kept as they are. */
export interface TextLine {
  readonly kind: 'text';
  readonly text: string;
}

/** A value that other readers would read otherwise, or that stood there twice. */
export interface ParseNote {
  readonly name: string;
  readonly line: number;
  readonly what: 'duplicate' | 'dollar' | 'hash';
}

export interface ParsedDotenv {
  readonly items: ReadonlyArray<Assignment | TextLine>;
  readonly notes: readonly ParseNote[];
}

/** POSIX: what a shell can set. */
export function isSecretName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name);
}

/**
 * Single quotes (an apostrophe inside as a shell writes it), double quotes with escapes, backticks. Written so that each
 * letter can be matched in one way only: with `(?:[^']+|…)*` an open quote before 40 letters would take hours.
 */
const QUOTED = /[ \t]*(?:'([^']*(?:'\\''[^']*)*)'|"([^"\\]*(?:\\[\s\S][^"\\]*)*)"|`([^`]*)`)/y;

/** @throws VectabaseError SECRETS_FILE_INVALID, with the number of the line and none of its text */
export function parseDotenv(source: string, file: string): ParsedDotenv {
  const text = source.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const items: Array<Assignment | TextLine> = [];
  const notes: ParseNote[] = [];
  const seen = new Set<string>();
  let [at, next] = [0, 1];
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) [at, next] = [pattern.lastIndex, next + match[0].split('\n').length - 1];
    return match;
  };
  while (at < text.length) {
    const line = next;
    const other = take(/([ \t]*(?:#[^\n]*)?)(?:\n|$)/y);
    if (other !== null) {
      items.push({ kind: 'text', text: other[1] ?? '' });
      continue;
    }
    const name = take(/[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{0,254})[ \t]*=/y)?.[1];
    if (name === undefined) throw invalid(file, line, 'is no NAME=value');
    const quoted = take(QUOTED);
    let value: string;
    if (quoted === null) {
      const raw = take(/[^\n]*(?:\n|$)/y)?.[0].replace(/\n$/, '') ?? '';
      if (/^[ \t]*['"`]/.test(raw)) throw invalid(file, line, 'opens a quote that is never closed');
      value = raw.replace(/[ \t]#.*$/s, '').replace(/^[ \t]+|[ \t]+$/g, '');
      if (value.includes('#')) notes.push({ name, line, what: 'hash' });
    } else {
      if (take(/[ \t]*(?:#[^\n]*)?(?:\n|$)/y) === null) throw invalid(file, line, 'goes on behind the closing quote');
      value = quoted[1]?.replaceAll(String.raw`'\''`, "'") ?? quoted[3] ?? unescape(quoted[2] ?? '');
    }
    if (quoted?.[1] === undefined && /(?<!\\)\$[A-Za-z_{(]/.test(quoted?.[2] ?? quoted?.[3] ?? value)) {
      notes.push({ name, line, what: 'dollar' });
    }
    if (seen.has(name)) notes.push({ name, line, what: 'duplicate' });
    seen.add(name);
    items.push({ kind: 'secret', name, value });
  }
  return { items, notes };
}

export function printDotenv(items: ReadonlyArray<Assignment | TextLine>): string {
  return items.map((item) => `${item.kind === 'text' ? item.text : `${item.name}=${quote(item.value)}`}\n`).join('');
}

function quote(value: string): string {
  if (/^[\w.:/@%+,=-]*$/.test(value)) return value;
  if (!/['\r]/.test(value)) return `'${value}'`;
  return `"${value.replaceAll(/[\\"$`]/g, String.raw`\$&`).replaceAll('\r', String.raw`\r`)}"`;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', $: '$', '`': '`' };

function unescape(text: string): string {
  return text.replaceAll(/\\([\s\S])/g, (whole, letter: string) => ESCAPES[letter] ?? whole);
}

function invalid(file: string, line: number, what: string): VectabaseError {
  return new VectabaseError('SECRETS_FILE_INVALID', {
    message: `${file}: line ${line} ${what}`,
    hint: "Correct that line: NAME='value', one a line; a value of several lines in single quotes.",
    details: { file, line },
  });
}
