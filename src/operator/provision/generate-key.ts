import { stat } from 'node:fs/promises';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { newMasterKey } from '../../foundation/crypto/master-key.ts';
import { ensureDirectory, placeCluster } from './directory.ts';
import { writeMasterKey } from './master-key.ts';

export interface GeneratedKey {
  readonly file: string;
  readonly bits: 256;
}

/**
 * Makes the master key of an installation that has none yet. Never replaces one, never tells its value.
 *
 * @throws VectabaseError MASTER_KEY_EXISTS
 */
export async function generateMasterKey(dir: string): Promise<GeneratedKey> {
  const { value: installation } = await ensureDirectory(dir);
  if (await exists(installation.masterKey)) {
    throw new VectabaseError('MASTER_KEY_EXISTS', {
      message: `${installation.masterKey} holds a master key already`,
      hint: 'Keep it: what it encrypted can be read with no other key. For a second installation choose another --dir.',
      details: { file: installation.masterKey },
    });
  }
  const { paths } = await placeCluster(installation);
  if (await exists(paths.masterKeyCheck)) {
    throw new VectabaseError('MASTER_KEY_EXISTS', {
      message: `the installation in ${installation.directory} was made with another master key`,
      hint: [
        `Restore ${installation.masterKey} from your own copy, or set VECTABASE_MASTER_KEY.`,
        `Only if that key is lost for good: delete ${paths.masterKeyCheck} and run this again. What it encrypted is lost then.`,
      ].join('\n'),
      details: { file: installation.masterKey, check: paths.masterKeyCheck },
    });
  }
  await writeMasterKey(installation.masterKey, newMasterKey());
  return { file: installation.masterKey, bits: 256 };
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
