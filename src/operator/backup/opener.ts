import { VectabaseError } from '../../foundation/core/errors.ts';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import { epochKeys, type EpochKey } from './catalog/epoch-keys.ts';
import { fingerprintOf, openWith, unwrapKey, type KeyOpener } from './epochs.ts';
import { readCatalogues, type Repository } from './repository.ts';

/**
 * Opens files of a store with recovery keys: as their headers have it, and, for a key that came after them, as the
 * catalogue of the store has it. That is proved and only then read, and what it gives must be the very key that was
 * told of when the epoch began.
 *
 * @param repository asked for when it is needed, where it is a function: a file and its key need none
 * @throws VectabaseError SECRETS_KEY_WRONG when neither opens; BACKUP_DAMAGED for another key; as `readCatalogues`
 */
export function openIn(
  repository: Repository | (() => Promise<Repository>),
  identities: readonly AgeIdentity[],
): KeyOpener {
  const fromHeader = openWith(identities);
  const known = new Map<string, Promise<Buffer | undefined>>();
  let catalogued: Promise<Map<string, EpochKey>> | undefined;
  return async (header, name) => {
    try {
      return await fromHeader(header, name);
    } catch (error) {
      if (!isWrongKey(error)) throw error;
    }
    catalogued ??= readKeys(typeof repository === 'function' ? await repository() : repository);
    const id = idOf(header.systemId, header.epoch ?? '');
    const key = known.get(id) ?? openAny((await catalogued).get(id), identities, name);
    known.set(id, key);
    const found = await key;
    if (found) return found;
    throw notSealedFor(name);
  };
}

/** Clusters of one store may begin an epoch in the same second. */
async function readKeys(repository: Repository): Promise<Map<string, EpochKey>> {
  const catalogues = await readCatalogues(repository, new AbortController().signal);
  return new Map(
    catalogues.flatMap(({ systemId, documents }) =>
      [...epochKeys(documents)].map(([epoch, key]): [string, EpochKey] => [idOf(systemId, epoch), key]),
    ),
  );
}

function idOf(systemId: string, epoch: string): string {
  return `${systemId} ${epoch}`;
}

/**
 * The key of an epoch, by any of the ways in which the catalogue has it.
 *
 * @returns undefined when none of them is for one of the identities
 * @throws VectabaseError BACKUP_DAMAGED when it is another key than the epoch began with
 */
export async function openAny(
  epoch: EpochKey | undefined,
  identities: readonly AgeIdentity[],
  name: string,
): Promise<Buffer | undefined> {
  for (const wrapped of epoch?.wrapped ?? []) {
    const key = await unwrapKey(wrapped, identities, name).catch((error: unknown) => {
      if (isWrongKey(error)) return undefined;
      throw error;
    });
    if (!key) continue;
    if (epoch?.fingerprints.has(fingerprintOf(key))) return key;
    throw new VectabaseError('BACKUP_DAMAGED', {
      message: `the catalogue has another key for epoch ${epoch?.id ?? ''} than the one that it began with`,
      hint: 'Use another store, or an earlier backup: vectabase backup list.',
      details: { file: name },
    });
  }
  return undefined;
}

function isWrongKey(error: unknown): boolean {
  return error instanceof VectabaseError && error.code === 'SECRETS_KEY_WRONG';
}

function notSealedFor(name: string): VectabaseError {
  return new VectabaseError('SECRETS_KEY_WRONG', {
    message: `that recovery key does not open ${name}`,
    hint: [
      'Name another one: --key FILE. vectabase backup keys list shows whom backups are sealed for.',
      'A key that came later opens it by the catalogue of its store alone: --from STORE.',
    ].join('\n'),
    details: { file: name },
  });
}
