import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { StoreSetting } from '../../foundation/config/definitions.ts';
import { directoryStore } from '../../foundation/objects/directory-store.ts';
import { openStore, parseStore } from '../../foundation/objects/open-store.ts';
import type { ObjectStore } from '../../foundation/objects/store.ts';
import { readHead, readTrustedKeys, seenSystems, type CatalogueHome } from './catalog/home.ts';
import type { ChainProof } from './catalog/chain.ts';
import { readCatalogue, listSystems, type Catalogue } from './catalog/read.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { recordName, storeKey } from './names.ts';
import { readCatalogueKeys } from './recovery-key.ts';

const SEALED = z.object({
  object: z.string(),
  plainBytes: z.number(),
  plainSha256: z.string(),
  sealedBytes: z.number(),
  sealedSha256: z.string(),
});
const POSITION = z.object({ lsn: z.string(), timeline: z.number() });

const RECORD = z.object({
  /** 1: from before there was a catalogue; its objects lie at the root of the store. */
  version: z.union([z.literal(1), z.literal(2)]),
  /** `20261122T030000Z`: when it was begun, so that names sort by age. */
  label: z.string(),
  systemId: z.string(),
  postgres: z.string(),
  /** The backup that an incremental one builds on; a full one has none. */
  parent: z.string().optional(),
  /** ISO 8601. */
  startedAt: z.string(),
  finishedAt: z.string(),
  start: POSITION,
  end: POSITION,
  objects: z.array(SEALED),
});

/** What lies beside a backup as `backup.json`: for days on which the catalogue is lost. Not proved by anything. */
export type BackupRecord = z.output<typeof RECORD>;

/** A finished backup. */
export interface BackupEntry extends BackupRecord {
  /** Whether a catalogue names it that a key signed which the reader knows. Any other may be anybody's. */
  readonly signed: boolean;
  /** The key of the catalogue that names it, where nobody vouched for that key. */
  readonly unknownKey?: string | undefined;
  /** SHA-256 of the key that sealed it, by the catalogue. */
  readonly keySha256?: string | undefined;
}

/** Where backups are kept, and what this machine knows of them by itself. */
export interface Repository {
  readonly store: ObjectStore;
  readonly home: CatalogueHome;
  /** Where files are sealed before they are put: on the disk of a local store, so that they need not be copied. */
  readonly staging: string;
  /** The cluster that is meant, where a store holds several. */
  readonly systemId?: string | undefined;
  /** Public keys of catalogues that are believed. None: whatever is there is taken for what it says, and marked so. */
  readonly trustedKeys: readonly string[];
}

export interface RepositoryPlace {
  readonly directory: string;
  /** Further places, which the first one is copied to. */
  readonly stores?: readonly StoreSetting[] | undefined;
  /** Another place than `directory`: what was typed. */
  readonly from?: string | undefined;
  readonly home: CatalogueHome;
  readonly systemId?: string | undefined;
  /** Public keys of catalogues that the reader names, or file of a recovery key, which has one in a comment. */
  readonly catalogueKeys?: readonly string[] | undefined;
  readonly keyFile?: string | undefined;
}

export async function openRepository(place: RepositoryPlace): Promise<Repository> {
  const { directory, stores = [], from, home, systemId, catalogueKeys = [], keyFile } = place;
  const kept = keyFile === undefined ? [] : await readCatalogueKeys(keyFile);
  const trustedKeys = [...new Set([...(await readTrustedKeys(home)), ...catalogueKeys, ...kept])];
  const store = from === undefined ? directoryStore(directory) : await openStore(parseStore(from, stores));
  return { store, home, staging: path.join(directory, '.staging'), systemId, trustedKeys };
}

/** The key of an object of a backup. */
export function objectKey({ version, systemId }: Pick<BackupRecord, 'version' | 'systemId'>, object: string): string {
  return version === 1 ? `${object}.vbk` : storeKey(systemId, object);
}

export function recordKey(record: Pick<BackupRecord, 'version' | 'systemId' | 'label'>): string {
  return `${record.version === 1 ? '' : `${record.systemId}/`}${recordName(record.label)}`;
}

/**
 * The catalogues of a store, each proved against what this machine knows. Whoever can write there can put a broken one
 * of another cluster beside ours: it is left out where ours is known, by this machine's memory or as the only one that a
 * trusted key signed.
 *
 * @throws VectabaseError CATALOGUE_BROKEN
 */
export async function readCatalogues(repository: Repository, signal: AbortSignal): Promise<Catalogue[]> {
  const { store, home, systemId, trustedKeys: keys } = repository;
  if (systemId !== undefined) {
    return [await readCatalogue(store, systemId, { keys, head: await readHead(home, systemId, store) }, signal)];
  }
  const [systems, seen] = [await listSystems(store), await seenSystems(home)];
  const found = await Promise.all(systems.map(async (id) => tryCatalogue({ ...repository, systemId: id }, signal)));
  const catalogues = found.flatMap(({ catalogue }) => catalogue ?? []);
  const proved = catalogues.filter(({ documents, proof }) => documents.length > 0 && proof.trust !== 'first-use');
  const known = proved.length === 1 || proved.some((each) => seen.has(each.systemId));
  const broken = found.find((each) => each.broken && (seen.has(each.systemId) || !known));
  if (broken?.broken) throw systems.length === 1 ? broken.broken : amongOthers(broken.broken, systems);
  return catalogues;
}

interface TriedCatalogue {
  readonly systemId: string;
  readonly catalogue?: Catalogue;
  readonly broken?: VectabaseError;
}

async function tryCatalogue(
  repository: Repository & { readonly systemId: string },
  signal: AbortSignal,
): Promise<TriedCatalogue> {
  const { systemId } = repository;
  try {
    const [catalogue] = await readCatalogues(repository, signal);
    return catalogue ? { systemId, catalogue } : { systemId };
  } catch (error) {
    if (error instanceof VectabaseError && error.code === 'CATALOGUE_BROKEN') return { systemId, broken: error };
    throw error;
  }
}

function amongOthers({ code, message, hint, details }: VectabaseError, systems: readonly string[]): VectabaseError {
  const choice = `The store holds ${systems.length} clusters (${systems.join(', ')}): name yours with --system ID.`;
  return new VectabaseError(code, { message, hint: [hint, choice].filter(Boolean).join('\n'), details });
}

/** Finished backups of a store, newest first: those that a catalogue names, and those that nobody signed for. */
export async function listEntries(
  repository: Repository,
  signal: AbortSignal = new AbortController().signal,
): Promise<BackupEntry[]> {
  const catalogued = (await readCatalogues(repository, signal)).flatMap(cataloguedEntries);
  const known = new Set(catalogued.map(recordKey));
  const unsigned: BackupEntry[] = [];
  for await (const { key } of repository.store.list('')) {
    if (!/(^|\/)base\/[^/]+\/backup\.json$/.test(key) || known.has(key)) continue;
    const record = await readRecord(repository.store, key, signal);
    if (record && (repository.systemId ?? record.systemId) === record.systemId)
      unsigned.push({ ...record, signed: false });
  }
  return [...catalogued, ...unsigned].toSorted((one, two) => (one.label < two.label ? 1 : -1));
}

/**
 * One backup by its label, or the newest that is signed.
 *
 * @param options.unsigned whether a backup may be used that nobody signed for
 * @throws VectabaseError BACKUP_MISSING, BACKUP_UNSIGNED, CATALOGUE_BROKEN
 */
export async function findEntry(
  repository: Repository,
  label: string | undefined,
  options: { readonly unsigned?: boolean | undefined } = {},
): Promise<BackupEntry> {
  const { url } = repository.store;
  const entries = await listEntries(repository);
  const usable = entries.filter(({ signed }) => signed || options.unsigned === true);
  const entry = label === undefined ? usable[0] : usable.find((each) => each.label === label);
  if (entry) return entry;
  const unsigned = entries.find((each) => label === undefined || each.label === label);
  if (unsigned) throw notSigned(repository.store, unsigned);
  throw new VectabaseError('BACKUP_MISSING', {
    message: label === undefined ? `${url} holds no backup` : `there is no backup ${label}`,
    hint: label === undefined ? 'Run vectabase backup create.' : 'Run vectabase backup list to see which there are.',
    details: { store: url },
  });
}

/** The base backups that a catalogue names and that are there, in its order. */
export function cataloguedEntries({ systemId, documents, store, proof }: Catalogue): BackupEntry[] {
  const gone = prunedFrom(documents, store);
  const trust = isTrusted(proof) ? { signed: true } : { signed: false, unknownKey: proof.publicKey };
  const epochs = new Map(entriesOf(documents, 'epoch').map(({ entry }) => [entry.id, entry.keySha256]));
  return documents.flatMap(({ entry }) => {
    if (entry.kind !== 'base' || gone.has(`base/${entry.label}`)) return [];
    const { kind: _, epoch, ...facts } = entry;
    const keySha256 = epochs.get(epoch ?? '');
    return [{ version: 2 as const, systemId, ...trust, keySha256, ...facts }];
  });
}

/** Undefined for what is no record of the backup that it lies beside. */
async function readRecord(store: ObjectStore, key: string, signal: AbortSignal): Promise<BackupRecord | undefined> {
  const record = RECORD.safeParse(parse((await buffer(await store.get(key, { signal }))).toString()));
  return record.success && recordKey(record.data) === key ? record.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a key signed that the reader knows: any catalogue is signed by somebody. */
export function isTrusted({ trust }: ChainProof): boolean {
  return trust !== 'first-use';
}

/** For a backup or dump that may be anybody's, with what its owner compares and types. */
export function notSigned(
  { url }: Pick<ObjectStore, 'url'>,
  { label, finishedAt, unknownKey }: Pick<BackupEntry, 'label' | 'finishedAt' | 'unknownKey'>,
): VectabaseError {
  if (unknownKey !== undefined) {
    return new VectabaseError('BACKUP_UNSIGNED', {
      message: `backup ${label} in ${url} stands in a catalogue that ${unknownKey} signed, which nobody here vouches for`,
      hint: [
        'Your recovery key’s public half is no secret: whoever can write there could have made it.',
        `If your recovery kit names this very key, add --catalogue-key ${unknownKey}`,
        `Without a kit, and if you know it to be yours (finished ${finishedAt}), add --unsigned.`,
      ].join('\n'),
      details: { store: url, label, catalogueKey: unknownKey },
    });
  }
  return new VectabaseError('BACKUP_UNSIGNED', {
    message: `backup ${label} in ${url} stands in no catalogue that this machine's key signed`,
    hint: [
      'Your recovery key’s public half is no secret: whoever can write there could have made it.',
      `If you know it to be yours (finished ${finishedAt}), name it and add --unsigned.`,
    ].join('\n'),
    details: { store: url, label },
  });
}
