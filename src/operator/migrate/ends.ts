import { readFile } from 'node:fs/promises';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { environment } from '../../foundation/config/environment.ts';
import { parseDatabaseUrl, type DatabaseAddress } from '../../foundation/postgres/address.ts';

export interface EndInput {
  /** A URL given on the command line. */
  readonly url: string | undefined;
  /** A file that holds one. */
  readonly file: string | undefined;
  /** Asks a person for it; undefined where nobody can be asked. */
  readonly ask?: (() => Promise<string>) | undefined;
}

/** Where the source is: `--source`, `--source-file`, VECTABASE_SOURCE_URL, or a prompt, in that order. */
export async function resolveSource(input: EndInput): Promise<DatabaseAddress> {
  const url =
    input.url ??
    (await readUrlFile(input.file, '--source-file')) ??
    environment()['VECTABASE_SOURCE_URL'] ??
    (await input.ask?.());
  if (url === undefined || url.trim() === '') {
    throw new VectabaseError('USAGE', {
      message: 'no source given',
      hint: 'Put the connection string into VECTABASE_SOURCE_URL or into a file for --source-file (dashboard → Connect → Session pooler, port 5432).',
    });
  }
  return parseDatabaseUrl(url, 'the source connection string');
}

/** A target that is not the installation in `--dir`: `--target-file` or VECTABASE_TARGET_URL. Undefined for the installation. */
export async function resolveForeignTarget(input: EndInput): Promise<DatabaseAddress | undefined> {
  const url = input.url ?? (await readUrlFile(input.file, '--target-file')) ?? environment()['VECTABASE_TARGET_URL'];
  return url === undefined || url.trim() === '' ? undefined : parseDatabaseUrl(url, 'the target connection string');
}

export function holdsPassword(url: string): boolean {
  return /^[a-z]+:\/\/[^@/]*:[^@/]+@/i.test(url);
}

async function readUrlFile(file: string | undefined, flag: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new VectabaseError('USAGE', {
      message: `${flag}: the file cannot be read`,
      hint: 'Write the connection string into it, on one line.',
      cause,
    });
  }
}
