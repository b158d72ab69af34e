import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { clusterHome, clusterPaths, installationPaths } from '../../foundation/config/directory.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { SlowQuery } from './slow.ts';

/** Distinct queries held in memory; what comes after is a log that names tables by number. */
const MOST = 5_000;

/** The log of the cluster that `vectabase up` keeps for `dir`. */
export async function logFileOf(dir: string): Promise<string> {
  const { pointer, directory } = installationPaths(dir);
  const outside = await readFile(pointer, 'utf8').catch(() => undefined);
  const home =
    outside === undefined ? clusterHome(directory, 'inside') : (JSON.parse(outside) as { home: string }).home;
  return clusterPaths(home).log;
}

/** Queries of the lines that `log_min_duration_statement` writes, added up by their text without values. */
export async function readSlowLog(file: string, database: string, overMs: number): Promise<SlowQuery[]> {
  const found = new Map<string, Sum>();
  let entry: string | undefined;
  const close = (): void => {
    const slow = entry === undefined ? undefined : parseEntry(entry);
    entry = undefined;
    if (slow?.database === database && slow.ms > overMs) add(found, slow);
  };
  for await (const line of linesOf(file)) {
    // Further lines of a statement begin with a tab.
    if (line.startsWith('\t')) entry = entry === undefined ? undefined : `${entry}\n${line.slice(1)}`;
    else {
      close();
      if (line.includes(' LOG:  duration: ')) entry = line;
    }
  }
  close();
  return [...found]
    .map(([query, { role, calls, total, max }]) => {
      return { query, role, calls, meanMs: total / calls, maxMs: max, totalMs: total, rows: null };
    })
    .toSorted((a, b) => b.totalMs - a.totalMs);
}

/** Of the log before, where one was set aside, and of the one that is written now. */
async function* linesOf(file: string): AsyncGenerator<string> {
  for (const each of [`${file}.1`, file]) {
    try {
      yield* createInterface({ input: createReadStream(each, 'utf8') });
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT' && each !== file) continue;
      throw new VectabaseError('PRECONDITION_FAILED', {
        message: `${each} cannot be read (${code ?? 'error'})`,
        hint: 'Run the command as the user who runs vectabase up.',
        cause,
      });
    }
  }
}

interface Sum {
  readonly role: string;
  calls: number;
  total: number;
  max: number;
}

interface Entry {
  readonly role: string;
  readonly database: string;
  readonly ms: number;
  readonly query: string;
}

/** `2026-11-01 10:00:00.000 UTC [4711] 42postgres@shop app LOG:  duration: 120.5 ms  execute <unnamed>: select …` */
const ENTRY =
  /^\S+ \S+ \S+ \[\d+\] (?<role>.*?)@(?<database>.*?) .*? ?LOG: {2}duration: (?<ms>\d+(?:\.\d+)?) ms {2}(?:statement|execute [^:]*): (?<query>[\s\S]+)$/;

export function parseEntry(text: string): Entry | undefined {
  const groups = ENTRY.exec(text)?.groups;
  if (!groups) return undefined;
  const { role = '', database = '', ms = '', query = '' } = groups;
  return { role, database, ms: Number(ms), query: withoutValues(query) };
}

function add(found: Map<string, Sum>, { query, role, ms }: Entry): void {
  const sum = found.get(query);
  if (sum) {
    sum.calls += 1;
    sum.total += ms;
    sum.max = Math.max(sum.max, ms);
  } else if (found.size < MOST) found.set(query, { role, calls: 1, total: ms, max: ms });
}

/**
 * Strings and numbers become `?`: they are people's data, and what differs between two calls of one query. Names in
 * double quotes stay. An unfinished string is cut off to the end.
 */
export function withoutValues(query: string): string {
  return query
    .replaceAll(TOKEN, (token) => (token.startsWith('"') || /^[A-Za-z_$]\w*$/.test(token) ? token : '?'))
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** A quoted name, an escape string, a string, a dollar-quoted one, a word or parameter, a number. */
const TOKEN =
  /"(?:[^"]|"")*"|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|[A-Za-z_$][\w$]*|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
