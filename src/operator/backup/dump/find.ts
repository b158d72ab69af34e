import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { AgeIdentity } from '../../../foundation/crypto/age-keys.ts';
import { entriesOf, prunedFrom } from '../catalog/view.ts';
import { openSealed } from '../container.ts';
import { openIn } from '../opener.ts';
import { storeKey } from '../names.ts';
import { isTrusted, notSigned, readCatalogues, type Repository } from '../repository.ts';
import type { DumpEntry } from './create.ts';

/** A dump that a catalogue names. */
export interface FoundDump extends DumpEntry {
  /** SHA-256 of the key that sealed it. */
  readonly keySha256: string | undefined;
  /** The key of that catalogue, where nobody vouched for it: the dump may be anybody's. */
  readonly unknownKey: string | undefined;
}

/** Newest first. */
export async function listDumps(repository: Repository, signal: AbortSignal): Promise<FoundDump[]> {
  const catalogues = await readCatalogues(repository, signal);
  const dumps = catalogues.flatMap(({ systemId, documents, store, proof }) => {
    const gone = prunedFrom(documents, store);
    const unknownKey = isTrusted(proof) ? undefined : proof.publicKey;
    const epochs = new Map(entriesOf(documents, 'epoch').map(({ entry }) => [entry.id, entry.keySha256]));
    return entriesOf(documents, 'dump')
      .filter(({ entry }) => !gone.has(`dump/${entry.label}`))
      .map(({ entry }) => ({ ...entry, systemId, keySha256: epochs.get(entry.epoch ?? ''), unknownKey }));
  });
  return dumps.toSorted((one, two) => (one.label < two.label ? 1 : -1));
}

/**
 * @param options.unsigned whether a dump may be used that nobody signed for
 * @throws VectabaseError BACKUP_MISSING, BACKUP_UNSIGNED
 */
export async function findDump(
  repository: Repository,
  label: string | undefined,
  signal: AbortSignal,
  options: { readonly unsigned?: boolean | undefined } = {},
): Promise<FoundDump> {
  const dumps = await listDumps(repository, signal);
  const found = label === undefined || label === 'newest' ? dumps[0] : dumps.find((each) => each.label === label);
  if (found?.unknownKey !== undefined && options.unsigned !== true) throw notSigned(repository.store, found);
  if (found) return found;
  throw new VectabaseError('BACKUP_MISSING', {
    message:
      label === undefined
        ? `${repository.store.url} holds no dump`
        : `there is no dump ${label} in ${repository.store.url}`,
    hint: 'Run vectabase backup create --kind dump.',
    details: { store: repository.store.url },
  });
}

/**
 * Opens a part of a dump: `postgres.dump`, `globals.sql`. It is believed at its end alone, when it also is what was
 * catalogued.
 *
 * @throws VectabaseError BACKUP_DAMAGED, BACKUP_MISSING
 */
export async function openDumpPart(
  repository: Repository,
  entry: DumpEntry & { readonly keySha256?: string | undefined },
  { part, identities, signal }: { part: string; identities: readonly AgeIdentity[]; signal: AbortSignal },
): Promise<(sink: (plain: Readable) => Promise<void>) => Promise<void>> {
  const object = `dump/${entry.label}/${part}`;
  const catalogued = entry.objects.find((each) => each.object === object);
  if (!catalogued) {
    throw new VectabaseError('BACKUP_MISSING', {
      message: `dump ${entry.label} has no ${part}: it holds ${entry.databases.join(', ')}`,
      hint: 'Name one of its databases: --database NAME.',
    });
  }
  const { store } = repository;
  const key = storeKey(entry.systemId, object);
  const name = `${store.url}/${key}`;
  const hash = createHash('sha256');
  const source = Readable.from(hashing(await store.get(key, { signal }), hash), { objectMode: false });
  const expect = { object, systemId: entry.systemId };
  const opened = await openSealed(source, { name, opener: openIn(repository, identities), expect });
  const stranger = (): VectabaseError =>
    new VectabaseError('BACKUP_DAMAGED', {
      message: `${name} opens, but is not the one that was catalogued: somebody else made it`,
      hint: 'Use another store, or an earlier dump: vectabase backup list.',
      details: { file: name },
    });
  if (entry.keySha256 !== undefined && opened.fingerprint !== entry.keySha256) {
    source.destroy();
    throw stranger();
  }
  return async (sink) => {
    await opened.read(sink);
    if (hash.digest('hex') !== catalogued.sealedSha256) throw stranger();
  };
}

async function* hashing(content: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}
