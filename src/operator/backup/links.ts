import { VectabaseError } from '../../foundation/core/errors.ts';
import { findEntry, listEntries, type BackupEntry, type Repository } from './repository.ts';

/** What a chain is made of. */
interface Link {
  readonly label: string;
  readonly systemId?: string;
  readonly parent?: string | undefined;
}

/**
 * The backups that one builds on, the full one first; none for a full one.
 *
 * @returns undefined where one of them is not among `all`: then the backup cannot be restored
 */
export function ancestorsOf<L extends Link>(of: L, all: readonly L[]): L[] | undefined {
  const found: L[] = [];
  for (let { parent } = of; parent !== undefined; parent = found[0]?.parent) {
    const label = parent;
    const above = all.find((each) => each.label === label && each.systemId === of.systemId);
    // Two that name each other were made by nobody who can be believed.
    if (above === undefined || above === of || found.includes(above)) return undefined;
    found.unshift(above);
  }
  return found;
}

/** A backup with all that it builds on. */
export interface LinkedEntry {
  readonly entry: BackupEntry;
  /** The full one first. */
  readonly ancestors: readonly BackupEntry[];
}

/**
 * As `findEntry`, with what the backup builds on.
 *
 * @throws VectabaseError BACKUP_MISSING when a part of it is not there
 */
export async function findLinked(
  repository: Repository,
  label: string | undefined,
  options: { readonly unsigned?: boolean | undefined } = {},
): Promise<LinkedEntry> {
  const entry = await findEntry(repository, label, options);
  if (entry.parent === undefined) return { entry, ancestors: [] };
  const all = (await listEntries(repository)).filter(({ signed }) => signed || options.unsigned === true);
  const ancestors = ancestorsOf(entry, all);
  if (ancestors) return { entry, ancestors };
  throw brokenChain(entry);
}

export function brokenChain({ label, parent }: Pick<BackupEntry, 'label' | 'parent'>): VectabaseError {
  return new VectabaseError('BACKUP_MISSING', {
    message: `backup ${label} is incremental, and what it builds on (${parent}) is not all there`,
    hint: 'Use another store, or an earlier backup: vectabase backup list.',
    details: { backup: label, parent: parent ?? null },
  });
}
