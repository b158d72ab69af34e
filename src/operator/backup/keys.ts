import { buffer } from 'node:stream/consumers';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { Clock } from '../../foundation/core/observe.ts';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import { openWriter } from './catalog/append.ts';
import { ensureSigner, readTrustedKeys, rotateSigner, trustKey } from './catalog/home.ts';
import { liveEpochKeys, lockedEpochs } from './catalog/epoch-keys.ts';
import { listSystems } from './catalog/read.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { openSealed } from './container.ts';
import { openIn } from './opener.ts';
import { baseObject, storeKey } from './names.ts';
import { readRecipients } from './recovery-key.ts';
import { readCatalogues, type Repository } from './repository.ts';

export interface KeyList {
  /** Whom backups are sealed for, and when the owner last showed the private half (ISO 8601). */
  readonly recovery: ReadonlyArray<{
    readonly recipient: string;
    readonly provedAt: string | null;
    /** Epochs of backups that it does not open. */
    readonly locked: number;
  }>;
  /** Keys that nothing is sealed for any more, and epochs that they open until their files are gone. */
  readonly removed: ReadonlyArray<{ readonly recipient: string; readonly opens: number }>;
  /** Public keys that sign the catalogue; the last one signs now. */
  readonly catalogue: readonly string[];
}

/** @throws VectabaseError BACKUP_KEY_MISSING, CATALOGUE_BROKEN */
export async function listKeys(repository: Repository, signal: AbortSignal): Promise<KeyList> {
  const recipients = (await readRecipients(repository.home)).map(({ text }) => text);
  const catalogues = await readCatalogues(repository, signal);
  const proofs = catalogues.flatMap(({ documents }) => entriesOf(documents, 'key-proved'));
  const epochs = catalogues.flatMap(liveEpochKeys);
  const locked = new Map(lockedEpochs(epochs, recipients).map((each) => [each.recipient, each.epochs.length]));
  const removed = new Set(epochs.flatMap((key) => [...key.recipients]).filter((each) => !recipients.includes(each)));
  const provedAt = (recipient: string): string | null =>
    proofs.filter(({ entry }) => entry.recipient === recipient).at(-1)?.at ?? null;
  return {
    recovery: recipients.map((recipient) => ({
      recipient,
      provedAt: provedAt(recipient),
      locked: locked.get(recipient) ?? 0,
    })),
    removed: [...removed].map((recipient) => ({
      recipient,
      opens: epochs.filter((key) => key.recipients.has(recipient)).length,
    })),
    catalogue: await readTrustedKeys(repository.home),
  };
}

export interface KeyProof {
  readonly recipient: string;
  /** The backup that it opened. */
  readonly opened: string;
}

interface ProveInput {
  readonly repository: Repository;
  readonly identities: readonly AgeIdentity[];
  readonly by: 'file' | 'typed';
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Proves that the owner still has a recovery key, by opening the newest backup with it, and writes that down.
 *
 * @throws VectabaseError SECRETS_KEY_WRONG when it opens nothing of ours; BACKUP_MISSING when there is nothing to open
 */
export async function proveKey({ repository, identities, by, clock, signal }: ProveInput): Promise<KeyProof> {
  const { store, home } = repository;
  const recipients = new Set((await readRecipients(home)).map(({ text }) => text));
  const own = identities.find(({ recipient }) => recipients.has(recipient));
  if (!own) throw strangersKey();
  let opened: string | undefined;
  for (const { systemId, documents } of await readCatalogues(repository, signal)) {
    const gone = prunedFrom(documents, store.url);
    const newest = entriesOf(documents, 'base').findLast(({ entry }) => !gone.has(`base/${entry.label}`));
    if (!newest) continue;
    const { label } = newest.entry;
    const key = storeKey(systemId, baseObject(label, 'manifest'));
    const name = `${store.url}/${key}`;
    const sealed = await openSealed(await store.get(key, { signal }), { name, opener: openIn(repository, [own]) });
    await sealed.read(async (plain) => void (await buffer(plain)));
    const { append } = openWriter({ store, systemId, home, clock, signal });
    await append({ kind: 'key-proved', recipient: own.recipient, by });
    opened = label;
  }
  if (opened === undefined) {
    throw new VectabaseError('BACKUP_MISSING', {
      message: 'there is no backup yet that the key could open',
      hint: 'Run vectabase backup create.',
    });
  }
  return { recipient: own.recipient, opened };
}

/**
 * Gives the catalogue a new signing key: the old one signs the hand-over, so that whoever knows it knows the new one.
 *
 * @returns the new public key
 */
export async function rotateCatalogueKey(
  repository: Repository,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  const { store, home } = repository;
  const recipients = (await readRecipients(home)).map(({ text }) => text);
  const catalogues = await readCatalogues(repository, signal);
  const writers = catalogues.map(({ systemId }) => openWriter({ store, systemId, home, clock, signal }));
  const publicKey = await rotateSigner(home, async (next) => {
    for (const { append } of writers) await append({ kind: 'key-rotated', publicKey: next });
  });
  // Signed by the new key at once: who knows it alone can then vouch for all that was before.
  for (const { append } of writers) await append({ kind: 'recipients', recipients });
  return publicKey;
}

function strangersKey(): VectabaseError {
  return new VectabaseError('SECRETS_KEY_WRONG', {
    message: 'that is a private key, but none that the backups are sealed for',
    hint: 'vectabase backup keys list shows whose half is expected.',
  });
}

/**
 * Goes on with the catalogue of a machine that was lost, under the key of this one. Readers that know only the old key
 * are told so, as nobody with it signed a hand-over.
 *
 * @param knownKeys public keys of the old machine, of its recovery kit
 * @returns this machine's public key
 */
export async function adoptCatalogue(
  { store, home, systemId }: Repository,
  knownKeys: readonly string[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  const { publicKey } = await ensureSigner(home);
  for (const key of knownKeys) await trustKey(home, key);
  for (const id of systemId === undefined ? await listSystems(store) : [systemId]) {
    const { append } = openWriter({ store, systemId: id, home, clock, signal });
    await append({ kind: 'key-adopted', publicKey });
  }
  await trustKey(home, publicKey);
  return publicKey;
}
