import { stat } from 'node:fs/promises';
import { MASTER_KEY_VARIABLE } from '../../foundation/config/environment.ts';
import type { ClusterPaths, InstallationPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { newMasterKey } from '../../foundation/crypto/master-key.ts';
import { findMasterKey } from '../../foundation/encryption/master-key.ts';
import { passesCheck, writeCheck } from '../../foundation/encryption/master-key-check.ts';
import type { Ensured } from './step.ts';

/**
 * Requirement 1.5: a database is started only with the master key that it was made with. The first start makes one,
 * unless VECTABASE_MASTER_KEY brings it, and keeps a check value beside the cluster.
 *
 * @throws VectabaseError MASTER_KEY_MISSING, MASTER_KEY_WRONG
 */
export async function ensureMasterKey(
  installation: InstallationPaths,
  cluster: ClusterPaths,
): Promise<Ensured<{ key: Buffer; from: 'environment' | 'file' }>> {
  const found = await findMasterKey(installation.masterKey);
  const check = await exists(cluster.masterKeyCheck);
  if (check && !found) throw missing(installation, cluster);
  if (!found && (await exists(cluster.data))) throw missing(installation, cluster);
  if (check && found) {
    if ((await passesCheck(cluster.masterKeyCheck, found.key)) !== true) throw wrong(found.place, cluster);
    return { value: found, changed: false };
  }
  const key = found?.key ?? newMasterKey();
  if (!found) await writeMasterKey(installation.masterKey, key);
  await writeCheck(cluster.masterKeyCheck, key);
  return { value: { key, from: found?.from ?? 'file' }, changed: true };
}

export async function writeMasterKey(file: string, key: Buffer): Promise<void> {
  await writeDurably(file, `${key.toString('hex')}\n`);
}

function missing(installation: InstallationPaths, cluster: ClusterPaths): VectabaseError {
  return new VectabaseError('MASTER_KEY_MISSING', {
    message: `this installation was made with a master key, and ${installation.masterKey} is not there`,
    hint: [
      `Bring the old key back: restore ${installation.masterKey} from your own copy, or set ${MASTER_KEY_VARIABLE}.`,
      'vectabase keys generate makes a key for a new installation; no new key opens this one.',
    ].join('\n'),
    details: { file: installation.masterKey, check: cluster.masterKeyCheck },
  });
}

function wrong(place: string, cluster: ClusterPaths): VectabaseError {
  return new VectabaseError('MASTER_KEY_WRONG', {
    message: `the master key in ${place} is not the one that this installation was made with`,
    hint: `Bring the old key back to ${place}. vectabase keys generate makes a key for a new installation only.`,
    details: { place, check: cluster.masterKeyCheck },
  });
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
