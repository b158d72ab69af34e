import { loadSettings } from '../../foundation/config/settings.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { applyEncryption, type ApplyResult } from './apply.ts';
import type { Context } from './model.ts';
import { openPgp, type PgpOptions } from './pgp.ts';
import { policyOf } from './plan.ts';

interface PolicyInput {
  readonly dir: string;
  readonly target: DatabaseAddress;
  readonly masterKey: Buffer;
  readonly pgp: PgpOptions;
  readonly keepResidue: boolean;
}

/** Encrypts what `encryption.columns` of the installation names. Throws as `applyEncryption`. */
export async function encryptByPolicy(
  { dir, target, masterKey, pgp, keepResidue }: PolicyInput,
  ctx: Context,
): Promise<ApplyResult> {
  const policy = policyOf(loadSettings({ dir }).settings.encryption.columns);
  return applyEncryption({ target, policy, masterKey }, ctx, {
    keepResidue,
    legacy: async (session, stored, column) => openPgp(session, stored, column, pgp),
  });
}
