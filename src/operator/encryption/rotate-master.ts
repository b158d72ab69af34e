import { installationPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { masterKeyCheckFile, writeCheck, writeCheckOfBoth } from '../../foundation/encryption/master-key-check.ts';
import { keepOnly, opensKeys, readStoredKeys, wrapUnder } from '../../foundation/encryption/key-store.ts';
import type { FoundKey } from '../../foundation/encryption/master-key.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { withDatabase } from './open.ts';

export interface MasterRotation {
  /** Where the new key is; for one from the environment, who has to change it. */
  readonly place: string;
  /** True when the operator has to change the environment, restart, and run the command once more. */
  readonly pending: boolean;
}

/**
 * Puts a new master key in the place of the old one. No value is touched: the wrapped keys are wrapped again.
 *
 *   1 wrapped under both   2 either key starts the installation   3 master.key is the new one
 *   4 only the new one starts it   5 wrapped under the new one alone
 *
 * Killed between any two, both the running daemon and the next start find a key that fits, and the same call with the
 * same new key goes on. A key from the environment is changed by its owner after 2; with the new one there, the same call
 * does the rest.
 *
 * @throws VectabaseError MASTER_KEY_WRONG, LOCK_HELD
 */
export async function rotateMasterKey({
  dir,
  target,
  old,
  next,
}: {
  dir: string;
  target: DatabaseAddress;
  old: FoundKey;
  next: Buffer;
}): Promise<MasterRotation> {
  const { masterKey: file } = installationPaths(dir);
  const check = await masterKeyCheckFile(dir);
  return withDatabase(target, true, async (session) => {
    await inTransaction(session, async () => {
      const stored = await readStoredKeys(session);
      if (stored.masters.length > 0 && !(await opensKeys(stored, next))) await wrapUnder(session, old.key, next);
    });
    const changed = old.key.equals(next);
    if (!changed) await writeCheckOfBoth(check, old.key, next);
    if (old.from === 'environment' && !changed) return { place: old.place, pending: true };
    if (old.from === 'file') await writeDurably(file, `${next.toString('hex')}\n`);
    await writeCheck(check, next);
    await inTransaction(session, () => keepOnly(session, next));
    return { place: old.place, pending: false };
  });
}
