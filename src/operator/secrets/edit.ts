import { VectabaseError } from '../../foundation/core/errors.ts';
import { assertSecret, readDocument, secretsOf, type SecretsDocument, type StoredSecret } from './document.ts';
import { printDotenv, type TextLine } from './dotenv.ts';
import { editText } from './editor.ts';
import type { SecretStore } from './store.ts';

export interface EditResult {
  readonly environment: string;
  readonly set: readonly string[];
  readonly unset: readonly string[];
}

interface EditOptions {
  /** After an edit that cannot be read: shows what is wrong, and asks whether to open the editor again. */
  readonly again: (error: VectabaseError) => Promise<boolean>;
}

/**
 * Opens the secrets in the editor of the person, in memory only: a file of mode 0600 on a tmpfs, which is gone however
 * this ends. After a kill -9 the next edit takes it away. What others set meanwhile is kept.
 *
 * @throws VectabaseError PRECONDITION_FAILED without a tmpfs, SECRETS_FILE_INVALID, CANCELLED
 */
export async function editSecrets(store: SecretStore, options: EditOptions): Promise<EditResult> {
  const names = (document: SecretsDocument): string[] => secretsOf(document).map(({ name }) => name);
  const before = await store.read({ operation: 'edit', names });
  const text = await editText(plainText(before), `${store.environment}.env`, async (edited) => {
    try {
      check(readDocument(edited, 'the edited text'));
      return false;
    } catch (error) {
      if (!(error instanceof VectabaseError)) throw error;
      if (await options.again(error)) return true;
      throw error;
    }
  });
  const changes = compare(before, readDocument(text, 'the edited text'));
  const touched = [...changes.set.keys(), ...changes.unset];
  await store.change({ operation: 'edit', names: touched }, (now) => merge(before, now, text, changes, store.now()));
  return { environment: store.environment, set: [...changes.set.keys()], unset: [...changes.unset] };
}

interface Changes {
  readonly set: ReadonlyMap<string, string>;
  readonly unset: ReadonlySet<string>;
}

function compare(before: SecretsDocument, after: SecretsDocument): Changes {
  const [old, edited] = [before, after].map((each) => new Map(secretsOf(each).map(({ name, value }) => [name, value])));
  return {
    set: new Map([...(edited ?? [])].filter(([name, value]) => old?.get(name) !== value)),
    unset: new Set([...(old?.keys() ?? [])].filter((name) => edited?.has(name) !== true)),
  };
}

/** The edited text as it is, comments and order too, with what somebody else changed since it was opened. */
function merge(
  before: SecretsDocument,
  now: SecretsDocument,
  text: string,
  mine: Changes,
  at: number,
): SecretsDocument {
  const theirs = compare(before, now);
  const stored = new Map(secretsOf(now).map((secret) => [secret.name, secret]));
  const setAt = new Date(at).toISOString();
  const edited = readDocument(text, 'the edited text').items.flatMap((item): Array<StoredSecret | TextLine> => {
    if (item.kind === 'text') return [item];
    if (mine.set.has(item.name)) return [{ ...item, setAt }];
    const current = stored.get(item.name);
    return current === undefined ? [] : [current];
  });
  const present = new Set(edited.flatMap((item) => (item.kind === 'secret' ? [item.name] : [])));
  const added = secretsOf(now).filter(
    ({ name }) => theirs.set.has(name) && !present.has(name) && !mine.unset.has(name),
  );
  return { sealedFor: now.sealedFor, items: [...edited, ...added] };
}

function check(document: SecretsDocument): void {
  for (const { name, value } of secretsOf(document)) assertSecret(name, value);
}

function plainText({ items }: SecretsDocument): string {
  if (items.length > 0) return printDotenv(items);
  return "# NAME='value', one a line. A value of several lines stands in single quotes as well.\n\n";
}
