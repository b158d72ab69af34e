import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { StoreSetting } from '../../foundation/config/definitions.ts';
import { directoryStore } from '../../foundation/objects/directory-store.ts';
import { openStore, parseStore } from '../../foundation/objects/open-store.ts';
import type { ObjectStore } from '../../foundation/objects/store.ts';
import { readHead, readTrustedKeys, type CatalogueHome } from './catalog/home.ts';
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
  /** Whether the catalogue names it. One that it does not name may be anybody's. */
  readonly signed: boolean;
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

/** The catalogues of a store, each proved against what this machine knows. */
export async function readCatalogues(repository: Repository, signal: AbortSignal): Promise<Catalogue[]> {
  const { store, home, systemId, trustedKeys: keys } = repository;
  const systems = systemId === undefined ? await listSystems(store) : [systemId];
  return Promise.all(
    systems.map(async (id) => readCatalogue(store, id, { keys, head: await readHead(home, id, store) }, signal)),
  );
}

/** Finished backups of a store, newest first: those that a catalogue names, and those that nobody signed for. */
export async function listEntries(
  repository: Repository,
  signal: AbortSignal = new AbortController().signal,
): Promise<BackupEntry[]> {
  const signed = (await readCatalogues(repository, signal)).flatMap(signedEntries);
  const known = new Set(signed.map(recordKey));
  const unsigned: BackupEntry[] = [];
  for await (const { key } of repository.store.list('')) {
    if (!/(^|\/)base\/[^/]+\/backup\.json$/.test(key) || known.has(key)) continue;
    const record = await readRecord(repository.store, key, signal);
    if (record && (repository.systemId ?? record.systemId) === record.systemId)
      unsigned.push({ ...record, signed: false });
  }
  return [...signed, ...unsigned].toSorted((one, two) => (one.label < two.label ? 1 : -1));
}

/**
 * One backup by its label, or the newest that is signed. One that is not must be asked for by its name.
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
  if (unsigned) throw notSigned(url, unsigned);
  throw new VectabaseError('BACKUP_MISSING', {
    message: label === undefined ? `${url} holds no backup` : `there is no backup ${label}`,
    hint: label === undefined ? 'Run vectabase backup create.' : 'Run vectabase backup list to see which there are.',
    details: { store: url },
  });
}

function signedEntries({ systemId, documents, store }: Catalogue): BackupEntry[] {
  const gone = prunedFrom(documents, store);
  const epochs = new Map(entriesOf(documents, 'epoch').map(({ entry }) => [entry.id, entry.keySha256]));
  return documents.flatMap(({ entry }) => {
    if (entry.kind !== 'base' || gone.has(`base/${entry.label}`)) return [];
    const { kind: _, epoch, parent: __, ...facts } = entry;
    const keySha256 = epochs.get(epoch ?? '');
    return [{ version: 2 as const, systemId, signed: true, keySha256, ...facts }];
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

function notSigned(url: string, { label, finishedAt }: BackupEntry): VectabaseError {
  return new VectabaseError('BACKUP_UNSIGNED', {
    message: `backup ${label} in ${url} stands in no catalogue that this machine's key signed`,
    hint: [
      'Your recovery key’s public half is no secret: whoever can write there could have made it.',
      `If you know it to be yours (finished ${finishedAt}), name it and add --unsigned.`,
    ].join('\n'),
    details: { store: url, label },
  });
}
