import { VectabaseError } from '../../foundation/core/errors.ts';
import type { Clock } from '../../foundation/core/observe.ts';
import type { AgeIdentity, AgeRecipient } from '../../foundation/crypto/age-keys.ts';
import type { ObjectStore } from '../../foundation/objects/store.ts';
import { openWriter } from './catalog/append.ts';
import { liveEpochKeys, type EpochKey } from './catalog/epoch-keys.ts';
import { objectsOf } from './catalog/objects.ts';
import type { Catalogue } from './catalog/read.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { fingerprintOf, unwrapKey, wrapKey } from './epochs.ts';
import { takeHeader, type ObjectHeader } from './header.ts';
import { openAny } from './opener.ts';
import { addRecipient, readRecipients, writeRecipients } from './recovery-key.ts';
import { readCatalogues, type Repository } from './repository.ts';

interface KeyChange {
  readonly repository: Repository;
  readonly recipient: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface KeyAdded {
  readonly recipient: string;
  /** Epochs whose key was wrapped for it now; those before are not counted. */
  readonly rewrapped: number;
  /** Epochs that none of the given keys opens. */
  readonly unopened: readonly string[];
}

/**
 * Lets one more recovery key open backups: those that come, and those that are there, whose files stay as they are. The
 * keys of their epochs are opened with a recovery key that the owner still has, and the catalogue gets them wrapped for
 * all that count now. Killed anywhere, the next run goes on.
 *
 * @param identities recovery keys that open what is there
 * @throws VectabaseError CATALOGUE_BROKEN
 */
export async function addRecoveryKey({
  identities,
  ...change
}: KeyChange & { readonly identities: readonly AgeIdentity[] }): Promise<KeyAdded> {
  const { repository, recipient } = change;
  await addRecipient(repository.home, recipient);
  const recipients = await readRecipients(repository.home);
  const [unopened, counted] = [[] as string[], { rewrapped: 0 }];
  for (const catalogue of await readCatalogues(repository, change.signal)) {
    const append = await tellRecipients(change, catalogue, recipients);
    const all = lacking(catalogue, recipients);
    const inHeaders = await readHeaders(repository.store, catalogue, all, change.signal);
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const keys: Array<{ epoch: string; wrapped: string }> = [];
      for (const epoch of all.slice(at, at + AT_ONCE)) {
        const key = (await openAny(epoch, identities, epoch.id)) ?? (await openFirst(epoch, inHeaders, identities));
        if (key) keys.push({ epoch: epoch.id, wrapped: await wrapKey(key, recipients) });
        else if (epoch.wrapped.length > 0 || inHeaders.has(epoch.id)) unopened.push(epoch.id);
      }
      change.signal.throwIfAborted();
      if (keys.length === 0) continue;
      await append({ kind: 'rewrapped', recipients: recipients.map(({ text }) => text), keys });
      counted.rewrapped += keys.length;
    }
  }
  return { recipient, ...counted, unopened };
}

/** Epochs of one document: each takes half a kilobyte for each recipient. */
const AT_ONCE = 50;

/** Epochs that may still have files and are not known to open for all of them. */
function lacking(catalogue: Catalogue, recipients: readonly AgeRecipient[]): EpochKey[] {
  return liveEpochKeys(catalogue).filter((key) => recipients.some(({ text }) => !key.recipients.has(text)));
}

/**
 * Of keys that the catalogue does not have wrapped, because it was not told or not yet: what stands in the headers of
 * files. Anybody may have written that, so there may be several of one epoch.
 */
async function readHeaders(
  store: ObjectStore,
  { systemId, documents, store: url }: Catalogue,
  keys: readonly EpochKey[],
  signal: AbortSignal,
): Promise<Map<string, Set<string>>> {
  const wanted = new Set(keys.filter(({ wrapped }) => wrapped.length === 0).map(({ id }) => id));
  const found = new Map<string, Set<string>>();
  if (wanted.size === 0) return found;
  const gone = prunedFrom(documents, url);
  const objects = documents.flatMap(({ entry }) => objectsOf(systemId, entry));
  for (const { key, group, sha256 } of objects) {
    if (gone.has(group) || sha256 === undefined) continue;
    const header = await readHeader(store, key, signal);
    if (header?.epoch === undefined || !wanted.has(header.epoch)) continue;
    found.set(header.epoch, (found.get(header.epoch) ?? new Set()).add(header.key));
  }
  return found;
}

/** Undefined for what is not there, or no file of ours: `backup verify` tells of those. */
async function readHeader(store: ObjectStore, key: string, signal: AbortSignal): Promise<ObjectHeader | undefined> {
  const source = await store.get(key, { signal }).catch((error: unknown) => {
    if (error instanceof VectabaseError && error.code === 'OBJECT_MISSING') return undefined;
    throw error;
  });
  const taken = source && (await takeHeader(source).catch(() => undefined));
  source?.destroy();
  return taken?.header;
}

async function openFirst(
  { id, fingerprints }: EpochKey,
  inHeaders: ReadonlyMap<string, ReadonlySet<string>>,
  identities: readonly AgeIdentity[],
): Promise<Buffer | undefined> {
  for (const wrapped of inHeaders.get(id) ?? []) {
    // Sealed for others, or no age file at all: it may be anybody's.
    const key = await unwrapKey(wrapped, identities, id).catch(() => undefined);
    if (key && fingerprints.has(fingerprintOf(key))) return key;
  }
  return undefined;
}

export interface KeyRemoved {
  readonly recipient: string;
  /** Epochs that it opens until their files are gone. */
  readonly opens: number;
  readonly left: readonly string[];
  /** Somebody once showed that he has the private half of one that is left. */
  readonly shown: boolean;
}

/**
 * Seals for one recovery key less from now on. It goes on opening what was sealed for it: the headers of those files
 * name it for good.
 *
 * @param force remove it though there are backups that nothing else opens
 * @throws VectabaseError USAGE for one that backups are not sealed for; PRECONDITION_FAILED for the last one, and where
 *   nothing else opens what it does; CATALOGUE_BROKEN
 */
export async function removeRecoveryKey({
  force,
  ...change
}: KeyChange & { readonly force: boolean }): Promise<KeyRemoved> {
  const { repository, recipient, signal } = change;
  const recipients = await readRecipients(repository.home);
  const rest = recipients.filter(({ text }) => text !== recipient);
  if (rest.length === recipients.length) throw unknownRecipient(recipient);
  const left = rest.map(({ text }) => text);
  const [first] = left;
  if (first === undefined) throw lastRecipient();
  const catalogues = await readCatalogues(repository, signal);
  const opened = catalogues
    .flatMap(liveEpochKeys)
    // Of one whose recipients nobody wrote down the worst is believed.
    .filter((key) => key.recipients.size === 0 || key.recipients.has(recipient));
  const lost = opened.filter((key) => !left.some((text) => key.recipients.has(text)));
  if (lost.length > 0 && !force) throw wouldBeLost(recipient, first, lost);
  await writeRecipients(repository.home, left);
  for (const catalogue of catalogues) await tellRecipients(change, catalogue, rest);
  const proofs = catalogues.flatMap(({ documents }) => entriesOf(documents, 'key-proved'));
  const shown = proofs.some(({ entry }) => left.includes(entry.recipient));
  return { recipient, opens: opened.length, left, shown };
}

/** @returns the way to tell more */
async function tellRecipients(
  { repository: { store, home }, clock, signal }: KeyChange,
  { systemId, documents }: Catalogue,
  recipients: readonly AgeRecipient[],
) {
  const { append } = openWriter({ store, systemId, home, clock, signal });
  const texts = recipients.map(({ text }) => text);
  const last = entriesOf(documents, 'recipients').at(-1)?.entry.recipients;
  if (last?.join() !== texts.join()) await append({ kind: 'recipients', recipients: texts });
  return append;
}

function unknownRecipient(recipient: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `backups are not sealed for ${recipient}`,
    hint: 'vectabase backup keys list shows whom they are sealed for.',
  });
}

function lastRecipient(): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'that is the only recovery key, and without one nothing can be sealed',
    hint: 'Add the one that takes its place first: vectabase backup keys add --out FILE --key OLD',
  });
}

function wouldBeLost(recipient: string, first: string, lost: readonly EpochKey[]): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `nothing but that key opens ${lost.length} epochs of backups that are kept`,
    hint: [
      `Let another one open them first: vectabase backup keys add ${first} --key FILE`,
      'If the private half is lost anyhow, or those backups may be, add --force.',
    ].join('\n'),
    details: { recipient, epochs: lost.map(({ id }) => id) },
  });
}
