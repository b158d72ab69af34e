import { readFile } from 'node:fs/promises';
import { installationPaths } from '../config/directory.ts';
import { environment, MASTER_KEY_VARIABLE } from '../config/environment.ts';
import { VectabaseError } from '../core/errors.ts';
import { newMasterKey, parseMasterKey } from '../crypto/master-key.ts';

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

/** The master key of the installation in `dir`. @throws VectabaseError MASTER_KEY_MISSING, MASTER_KEY_WRONG */
export async function requireMasterKey(dir: string): Promise<FoundKey> {
  const { masterKey } = installationPaths(dir);
  const found = await findMasterKey(masterKey);
  if (found) return found;
  throw new VectabaseError('MASTER_KEY_MISSING', {
    message: `there is no master key in ${masterKey}`,
    hint: `Restore it from your own copy, or set ${MASTER_KEY_VARIABLE}.`,
    details: { file: masterKey },
  });
}

/**
 * The key that is to follow `old`: the text given, or a fresh one. One from the environment cannot be fresh, as nobody
 * would know it.
 *
 * @throws VectabaseError USAGE, MASTER_KEY_WRONG
 */
export function newKeyFrom(text: string | undefined, old: FoundKey): Buffer {
  if (text !== undefined) return read(text, 'file', '--new-key-file').key;
  if (old.from === 'file') return newMasterKey();
  throw new VectabaseError('USAGE', {
    message: `the master key comes from ${old.place}, so the new one has to be known to you`,
    hint: 'Make one with openssl rand -hex 32 > new.key, and give it with --new-key-file new.key.',
  });
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
