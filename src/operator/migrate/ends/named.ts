import { VectabaseError } from '../../../foundation/core/errors.ts';
import { environment } from '../../../foundation/config/environment.ts';
import { parseDatabaseUrl, type DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { readUrlFile } from '../../../foundation/postgres/locate.ts';

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

export function holdsPassword(url: string): boolean {
  return /^[a-z]+:\/\/[^@/]*:[^@/]+@/i.test(url);
}
