import { stat } from 'node:fs/promises';
import type { ClusterPaths, InstallationPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { newApiKeys, newOpaqueKey, type ApiKeys } from '../../foundation/crypto/api-keys.ts';
import { formatKeySet, type KeySet } from '../../foundation/crypto/key-set.ts';
import { newPassword } from '../../foundation/crypto/passwords.ts';
import { legacySigningKey, newSigningKey } from '../../foundation/crypto/signing-keys.ts';
import { LOGIN_ROLES, readJson, type InstallationKeys } from '../../foundation/postgres/installation.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { withLock } from '../../foundation/process/wait-lock.ts';
import type { Ensured } from './step.ts';

/**
 * JWT secret, API and signing keys, database passwords: made once, written before the cluster that takes them. The keys
 * of an earlier release are completed, and nothing that a client holds changes by that.
 *
 * @throws VectabaseError PRECONDITION_FAILED when a cluster is there and its keys are not
 */
export async function ensureKeys(
  installation: InstallationPaths,
  cluster: ClusterPaths,
  now: number,
): Promise<Ensured<InstallationKeys>> {
  return withLock(installation.keysLock, () => ensureUnderLock(installation, cluster, now));
}

/** Whether `ensureKeys` would leave the file as it is. */
export async function hasKeys(installation: InstallationPaths): Promise<boolean> {
  const known = await readJson<StoredKeys>(installation.keys);
  return known !== undefined && isComplete(known);
}

async function ensureUnderLock(
  installation: InstallationPaths,
  cluster: ClusterPaths,
  now: number,
): Promise<Ensured<InstallationKeys>> {
  const known = await readJson<StoredKeys>(installation.keys);
  if (!known && (await stat(cluster.data).catch(() => undefined))) throw lostKeys(installation, cluster);
  if (known && isComplete(known)) return { value: known, changed: false };
  const keys = known ? await complete(known, now) : await newKeys(now);
  await writeDurably(installation.keys, `${JSON.stringify(keys, null, 2)}\n`);
  return { value: keys, changed: true };
}

/**
 * Hands the daemon its part, in a file of its own: it may run as another user, and reads the file anew at each change.
 * They are read once more, since `vectabase keys` may have changed them after our start.
 */
export async function writeDaemonKeys(
  installation: InstallationPaths,
  cluster: ClusterPaths,
  owner: RunAs | undefined,
): Promise<void> {
  await withLock(installation.keysLock, async () => {
    const keys = await readJson<InstallationKeys>(installation.keys);
    if (!keys) throw lostKeys(installation, cluster);
    await writeDurably(cluster.daemonKeys, formatKeySet(keys), { owner });
  });
}

/** What earlier releases wrote, before signing keys and before the auth service had a login of its own. */
type StoredKeys = ApiKeys & Pick<InstallationKeys, 'version'> & Partial<KeySet> & { passwords: Partial<Passwords> };
type Passwords = InstallationKeys['passwords'];

function isComplete(keys: StoredKeys): keys is InstallationKeys {
  const passwords = LOGIN_ROLES.every((role) => keys.passwords[role] !== undefined);
  return (
    passwords && keys.signingKeys !== undefined && keys.opaqueKeys !== undefined && keys.legacyApiKeys !== undefined
  );
}

/** A new installation signs with a key pair: whoever verifies its tokens needs no secret. */
async function newKeys(now: number): Promise<InstallationKeys> {
  const api = newApiKeys(now);
  const signingKeys = [
    await newSigningKey('ES256', 'active', now),
    await newSigningKey('ES256', 'standby', now),
    legacySigningKey(api.jwtSecret, 'previous', now),
  ];
  return { version: 1, ...api, ...keySet(api.ref, signingKeys, now), passwords: newPasswords() };
}

/** An older one goes on signing with its secret, as whoever verifies its tokens expects. */
async function complete(known: StoredKeys, now: number): Promise<InstallationKeys> {
  const signingKeys = [legacySigningKey(known.jwtSecret, 'active', now), await newSigningKey('ES256', 'standby', now)];
  return {
    ...keySet(known.ref, signingKeys, now),
    ...known,
    passwords: { ...newPasswords(), ...known.passwords },
  };
}

function newPasswords(): Passwords {
  return Object.fromEntries(LOGIN_ROLES.map((role) => [role, newPassword()])) as Passwords;
}

function keySet(ref: string, signingKeys: KeySet['signingKeys'], now: number): KeySet {
  const opaqueKeys = (['publishable', 'secret'] as const).map((kind) => newOpaqueKey(kind, ref, 'default', now));
  return { signingKeys, opaqueKeys, legacyApiKeys: 'accepted' };
}

function lostKeys(installation: InstallationPaths, cluster: ClusterPaths): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `${installation.keys} is gone, and the database in ${cluster.home} can be opened with its passwords alone`,
    hint: `Restore ${installation.keys} from your own copy, and run the command again.`,
    details: { file: installation.keys },
  });
}
