import { readFile } from 'node:fs/promises';
import { VectabaseError } from '../foundation/core/errors.ts';
import { targetFlags } from './migrate-flags.ts';

/** What all commands below `encryption` take. */
export const encryptionFlags = targetFlags;

/** One secret a line, from a file that the operator names; none without a file. */
export async function linesOf(file: string | undefined, flag: string): Promise<string[]> {
  if (file === undefined) return [];
  try {
    return (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line !== '');
  } catch (cause) {
    throw new VectabaseError('USAGE', {
      message: `${flag}: ${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'error'})`,
      hint: 'Name a file that this user can read.',
      details: { file },
    });
  }
}
