import { readFile } from 'node:fs/promises';
import { environment, MASTER_KEY_VARIABLE } from '../config/environment.ts';
import { VectabaseError } from '../core/errors.ts';
import { parseMasterKey } from '../crypto/master-key.ts';

export interface FoundKey {
  readonly key: Buffer;
  readonly from: 'environment' | 'file';
  /** How an error names where it came from. */
  readonly place: string;
}

/**
 * The environment is stronger than the file, as for every setting. `undefined` when neither has one.
 *
 * @throws VectabaseError MASTER_KEY_WRONG for text that is no key
 */
export async function findMasterKey(file: string | undefined): Promise<FoundKey | undefined> {
  const fromEnvironment = environment()[MASTER_KEY_VARIABLE];
  if (fromEnvironment !== undefined) return read(fromEnvironment, 'environment', MASTER_KEY_VARIABLE);
  if (file === undefined) return undefined;
  try {
    return read(await readFile(file, 'utf8'), 'file', file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function read(text: string, from: FoundKey['from'], place: string): FoundKey {
  const key = parseMasterKey(text);
  if (key) return { key, from, place };
  throw new VectabaseError('MASTER_KEY_WRONG', {
    message: `${place} does not hold a master key: 64 hexadecimal digits are expected`,
    hint: 'Bring the key back as it was made. For a new installation, vectabase keys generate makes one.',
    details: { place },
  });
}
