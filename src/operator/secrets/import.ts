import { assertSecret, secretOf, withSecrets, type SecretsDocument } from './document.ts';
import { isSecretName } from './dotenv.ts';
import { PROVIDED_NAMES } from './known-names.ts';
import type { SecretStore } from './store.ts';

/** What came of each name. */
export interface ImportResult {
  readonly environment: string;
  readonly added: readonly string[];
  readonly replaced: readonly string[];
  readonly equal: readonly string[];
  /** Had another value here, which stayed. */
  readonly kept: readonly string[];
  /** Not taken: given by the platform itself, empty, or no name for a variable. */
  readonly skipped: readonly string[];
}

/**
 * Takes in values from elsewhere, all in one write. A value that is here already stays unless `overwrite`.
 *
 * @throws VectabaseError SECRET_INVALID; nothing is written then
 */
export async function importValues(
  store: SecretStore,
  values: ReadonlyMap<string, string>,
  options: { overwrite: boolean; dryRun: boolean; from: string },
): Promise<ImportResult> {
  const usable = new Map([...values].filter(([name, value]) => isUsable(name, value)));
  for (const [name, value] of usable) assertSecret(name, value);
  let sorted: Sorted | undefined;
  const sort = (document: SecretsDocument): Sorted => (sorted = sortByState(document, usable, options.overwrite));
  const taken = (document: SecretsDocument): string[] => {
    const { added, replaced } = sorted ?? sort(document);
    return [...added, ...replaced];
  };
  const access = { operation: 'import', names: taken, to: options.from } as const;
  if (options.dryRun) await store.read({ ...access, names: (document) => (sort(document), []) });
  else {
    await store.change(access, (document) => {
      const { added, replaced } = sort(document);
      const fresh = [...usable].filter(([name]) => added.includes(name) || replaced.includes(name));
      return withSecrets(document, new Map(fresh), store.now());
    });
  }
  const skipped = [...values.keys()].filter((name) => !usable.has(name));
  const { added = [], replaced = [], equal = [], kept = [] } = sorted ?? {};
  return { environment: store.environment, added, replaced, equal, kept, skipped };
}

function isUsable(name: string, value: string): boolean {
  return isSecretName(name) && value !== '' && !PROVIDED_NAMES.has(name);
}

type Sorted = Pick<ImportResult, 'added' | 'replaced' | 'equal' | 'kept'>;

function sortByState(document: SecretsDocument, values: ReadonlyMap<string, string>, overwrite: boolean): Sorted {
  const [added, replaced, equal, kept]: string[][] = [[], [], [], []];
  for (const [name, value] of values) {
    const present = secretOf(document, name)?.value;
    if (present === undefined) added?.push(name);
    else if (present === value) equal?.push(name);
    else (overwrite ? replaced : kept)?.push(name);
  }
  return { added: added ?? [], replaced: replaced ?? [], equal: equal ?? [], kept: kept ?? [] };
}
