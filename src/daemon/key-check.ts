import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import { findMasterKey } from '../foundation/encryption/master-key.ts';
import { passesCheck } from '../foundation/encryption/master-key-check.ts';
import { openKeyRing } from './key-ring.ts';
import { openDaemonSecrets } from './secrets.ts';

/**
 * Requirement 1.5, before Postgres starts: every key that the configuration names is there and is the right one. The
 * database cannot be asked yet; the daemon does that when it starts.
 *
 * @throws VectabaseError MASTER_KEY_MISSING, MASTER_KEY_WRONG, SECRETS_KEY_MISSING, SECRETS_KEY_WRONG, CONFIG_INVALID
 */
export async function checkKeysAtHand(config: RuntimeConfig, log: Logger): Promise<void> {
  openKeyRing(config);
  (await openDaemonSecrets(config, false, log)).stop();
  const { masterKeyFile, masterKeyCheckFile } = config;
  const found = await findMasterKey(masterKeyFile);
  if (found === undefined) {
    if (masterKeyFile === undefined && masterKeyCheckFile === undefined) return; // an installation without encryption
    throw new VectabaseError('MASTER_KEY_MISSING', {
      message: `there is no master key in ${masterKeyFile ?? 'the configuration'}`,
      hint: 'Bring it back from your own copy, and run vectabase install again.',
      details: { file: masterKeyFile },
    });
  }
  if (masterKeyCheckFile === undefined || (await passesCheck(masterKeyCheckFile, found.key)) === true) return;
  throw new VectabaseError('MASTER_KEY_WRONG', {
    message: `${found.place} holds another master key than the one this database was made with`,
    hint: 'Bring back the key that it was made with from your own copy, and run vectabase install again.',
    details: { place: found.place },
  });
}
