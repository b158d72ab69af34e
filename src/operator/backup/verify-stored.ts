import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { asVectabaseError, VectabaseError } from '../../foundation/core/errors.ts';
import { inOrder } from '../../foundation/core/in-order.ts';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import type { ObjectStore } from '../../foundation/objects/store.ts';
import { openWriter } from './catalog/append.ts';
import { readHead, seenSystems } from './catalog/home.ts';
import { objectsOf, type NamedObject } from './catalog/objects.ts';
import type { Catalogue } from './catalog/read.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { openSealed } from './container.ts';
import type { KeyOpener } from './epochs.ts';
import { openIn } from './opener.ts';
import { teller, type BackupObservation } from './observations.ts';
import { readCatalogues, type Repository } from './repository.ts';

export type StoredKind = 'base' | 'dump' | 'config' | 'wal';

export interface VerifyStoredInput {
  readonly repository: Repository;
  /** All of them when left out. */
  readonly kinds?: readonly StoredKind[] | undefined;
  /** One backup alone. */
  readonly label?: string | undefined;
  /** With the recovery key every object is opened and unpacked, too: level 2 instead of 1. */
  readonly identities?: readonly AgeIdentity[] | undefined;
}

export interface StoredReport {
  readonly level: 1 | 2;
  readonly objects: number;
  /** As they lie there, sealed. */
  readonly bytes: number;
  /** `code`: OBJECT_MISSING or BACKUP_DAMAGED. */
  readonly damaged: ReadonlyArray<{ readonly object: string; readonly code: string }>;
  readonly ms: number;
}

/** Objects that are read at one time: a segment of WAL is too short to keep a store, and all cores, at work. */
const AT_ONCE = 3;

/**
 * Reads what a store holds and compares it with the signed catalogue, object by object: level 1 of docs/backup.md, which
 * needs no key, or level 2. What is damaged is reported and not thrown, so that one bad object hides no other. What came
 * out for a backup goes into the catalogue when that is news, or when the backup was asked for by its name.
 *
 * @throws VectabaseError CATALOGUE_BROKEN, STORE_UNREACHABLE, SECRETS_KEY_WRONG; BACKUP_MISSING for an unknown label
 */
export async function verifyStored(
  input: VerifyStoredInput,
  ctx: JobContext<BackupObservation>,
): Promise<StoredReport> {
  const { repository, identities, label } = input;
  const { store } = repository;
  const began = ctx.clock.now();
  const opener = identities && openIn(repository, identities);
  const level = opener ? 2 : 1;
  await assertNoneGone(repository, ctx.signal);
  const catalogues = await readCatalogues(repository, ctx.signal);
  const chosen = catalogues.flatMap((catalogue) => itemsOf(catalogue, input).map((item) => ({ catalogue, item })));
  if (label !== undefined && chosen.length === 0) throw unknown(store, label);
  const sum = (objects: readonly NamedObject[]): number => objects.reduce((all, { bytes = 0 }) => all + bytes, 0);
  const totalBytes = sum(chosen.flatMap(({ item }) => item.objects));
  const id = label ?? store.url;
  ctx.observe({ event: 'backup.check.started', id, totalBytes });
  const tell = teller(ctx, (bytes) => ({ event: 'backup.check.progress', id, bytes, totalBytes }));
  const damaged: Array<{ object: string; code: string }> = [];
  let bytes = 0;
  const codes = inOrder(
    chosen.flatMap(({ catalogue: { systemId }, item }) => item.objects.map((object) => ({ systemId, object }))),
    AT_ONCE,
    async ({ systemId, object }) => check({ store, systemId, opener }, object, ctx.signal),
  );
  for (const { catalogue, item } of chosen) {
    const found: typeof damaged = [];
    for (const object of item.objects) {
      const { value: code } = await codes.next();
      if (code !== undefined) found.push({ object: nameOf(catalogue, object), code });
      tell((bytes += object.bytes ?? 0));
    }
    // Retention may have taken it away while we read.
    if (found.length > 0 && (await isPruned(repository, catalogue, item, ctx.signal))) continue;
    damaged.push(...found);
    await record({ repository, catalogue, item, level, always: label !== undefined }, found[0]?.code, ctx);
  }
  const ms = ctx.clock.now() - began;
  ctx.observe({ event: 'backup.check.finished', id, bytes, ms });
  return { level, objects: chosen.flatMap(({ item }) => item.objects).length, bytes, damaged, ms };
}

/** A catalogue that was taken away as a whole is listed nowhere: this machine remembers that there was one. */
async function assertNoneGone(repository: Repository, signal: AbortSignal): Promise<void> {
  const { home, store, systemId: named } = repository;
  for (const systemId of await seenSystems(home)) {
    const concerns = named === undefined || named === systemId;
    if (concerns && (await readHead(home, systemId, store))) await readCatalogues({ ...repository, systemId }, signal);
  }
}

/** What is found sound, or not, as one. */
interface Item {
  /** Undefined for WAL, whose objects stand for themselves. */
  readonly label: string | undefined;
  readonly objects: readonly NamedObject[];
}

function itemsOf({ systemId, documents, store }: Catalogue, { kinds, label }: VerifyStoredInput): Item[] {
  const gone = prunedFrom(documents, store);
  return documents.flatMap(({ entry }): Item[] => {
    const kind = entry.kind === 'timeline' ? 'wal' : entry.kind;
    if (!isStored(kind) || (kinds && !kinds.includes(kind))) return [];
    const named = 'label' in entry ? entry.label : undefined;
    if (label !== undefined && named !== label) return [];
    const objects = objectsOf(systemId, entry).filter(({ group, sha256 }) => sha256 !== undefined && !gone.has(group));
    if (named !== undefined) return objects.length === 0 ? [] : [{ label: named, objects }];
    return objects.map((object) => ({ label: undefined, objects: [object] }));
  });
}

function isStored(kind: string): kind is StoredKind {
  return ['base', 'dump', 'config', 'wal'].includes(kind);
}

interface Place {
  readonly store: ObjectStore;
  readonly systemId: string;
  readonly opener: KeyOpener | undefined;
}

/** @returns undefined for a sound one */
async function check(place: Place, object: NamedObject, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await readWhole(place, object, signal)) === object.sha256 ? undefined : 'BACKUP_DAMAGED';
  } catch (error) {
    signal.throwIfAborted();
    const { code } = asVectabaseError(error);
    if (code === 'OBJECT_MISSING' || code === 'BACKUP_DAMAGED') return code;
    // Opened with no key that we have: it is another file, or the wrong key, which its hash can tell.
    if (!place.opener || !code.startsWith('SECRETS_')) throw error;
    const sound = (await check({ ...place, opener: undefined }, object, signal)) === undefined;
    if (sound) throw error;
    return 'BACKUP_DAMAGED';
  }
}

/** @returns SHA-256 of what is stored */
async function readWhole({ store, systemId, opener }: Place, { key }: NamedObject, signal: AbortSignal) {
  const hash = createHash('sha256');
  const source = Readable.from(hashing(await store.get(key, { signal }), hash), { objectMode: false });
  if (!opener) {
    await finished(source.resume());
    return hash.digest('hex');
  }
  const object = key.slice(systemId.length + 1).replace(/\.vbk$/, '');
  const opened = await openSealed(source, { name: `${store.url}/${key}`, opener, expect: { object, systemId } });
  await opened.read(async (plain) => finished(plain.resume()));
  return hash.digest('hex');
}

async function* hashing(content: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

async function isPruned(
  repository: Repository,
  { systemId }: Catalogue,
  { objects }: Item,
  signal: AbortSignal,
): Promise<boolean> {
  const catalogues = await readCatalogues({ ...repository, systemId }, signal);
  const gone = catalogues.map(({ documents, store }) => prunedFrom(documents, store));
  return objects.some(({ group }) => gone.some((groups) => groups.has(group)));
}

interface Finding {
  readonly repository: Repository;
  readonly catalogue: Catalogue;
  readonly item: Item;
  readonly level: 1 | 2;
  readonly always: boolean;
}

/** Only the machine whose catalogue it is writes into it, and not each night the same. */
async function record(
  { repository: { store, home }, catalogue, item: { label }, level, always }: Finding,
  code: string | undefined,
  { clock, signal }: JobContext<BackupObservation>,
): Promise<void> {
  const { systemId, documents } = catalogue;
  if (label === undefined || !(await readHead(home, systemId, store))) return;
  const ok = code === undefined;
  const last = entriesOf(documents, 'verified').findLast(
    ({ entry }) => entry.label === label && entry.store === store.url,
  );
  if (!always && last?.entry.ok === ok && last.entry.level >= level) return;
  const { append } = openWriter({ store, systemId, home, clock, signal });
  const by = level === 1 ? 'none' : 'recovery';
  await append({ kind: 'verified', label, store: store.url, level, by, ok, ...(ok ? {} : { code }) });
}

function nameOf({ systemId }: Catalogue, { key }: NamedObject): string {
  return key.slice(systemId.length + 1);
}

function unknown(store: ObjectStore, label: string): VectabaseError {
  return new VectabaseError('BACKUP_MISSING', {
    message: `there is no backup ${label} in the catalogue of ${store.url}`,
    hint: 'Run vectabase backup list to see which there are.',
    details: { store: store.url },
  });
}
