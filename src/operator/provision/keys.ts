import { stat } from 'node:fs/promises';
import type { ClusterPaths, InstallationPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { newApiKeys } from '../../foundation/crypto/api-keys.ts';
import { newPassword } from '../../foundation/crypto/passwords.ts';
import { readJson, type InstallationKeys } from '../../foundation/postgres/installation.ts';
import type { Ensured } from './step.ts';

/**
 * JWT secret, API keys and database passwords: made once, written before the cluster that takes them.
 *
 * @throws VectabaseError PRECONDITION_FAILED when a cluster is there and its keys are not
 */
export async function ensureKeys(
  installation: InstallationPaths,
  cluster: ClusterPaths,
  now: number,
): Promise<Ensured<InstallationKeys>> {
  const known = await readJson<InstallationKeys>(installation.keys);
  if (known) return { value: known, changed: false };
  if (await stat(cluster.data).catch(() => undefined)) throw lostKeys(installation, cluster);
  const keys: InstallationKeys = {
    version: 1,
    ...newApiKeys(now),
    passwords: { supabase_admin: newPassword(), postgres: newPassword(), authenticator: newPassword() },
  };
  await writeDurably(installation.keys, `${JSON.stringify(keys, null, 2)}\n`);
  return { value: keys, changed: true };
}

function lostKeys(installation: InstallationPaths, cluster: ClusterPaths): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `${installation.keys} is gone, and the database in ${cluster.home} can be opened with its passwords alone`,
    hint: `Restore ${installation.keys} from your own copy, and run the command again.`,
    details: { file: installation.keys },
  });
}
