import { VectabaseError } from '../../foundation/core/errors.ts';
import {
  assertSecret,
  assertSecretName,
  secretOf,
  secretsOf,
  withoutSecrets,
  withSecrets,
  type SecretsDocument,
} from './document.ts';
import type { Change, SecretStore } from './store.ts';

export interface SetResult {
  readonly environment: string;
  readonly name: string;
  readonly file: string;
  readonly change: Change;
}

/** @throws VectabaseError SECRET_INVALID */
export async function setSecret(store: SecretStore, name: string, value: string): Promise<SetResult> {
  assertSecret(name, value);
  if (value === '') {
    throw new VectabaseError('SECRET_INVALID', {
      message: `the value of ${name} is empty`,
      hint: `Pipe the value in, or name a file: vectabase secrets set ${name} --from-file FILE`,
      details: { name },
    });
  }
  const access = { operation: 'set', names: [name] } as const;
  const change = await store.change(access, (document) => withSecrets(document, new Map([[name, value]]), store.now()));
  return { environment: store.environment, name, file: store.file, change };
}

/** @throws VectabaseError SECRET_MISSING */
export async function getSecret(store: SecretStore, name: string): Promise<string> {
  assertSecretName(name);
  // A name that is not there may be a value that slipped: neither log nor error repeats it.
  const names = (read: SecretsDocument): string[] => (secretOf(read, name) === undefined ? [] : [name]);
  const secret = secretOf(await store.read({ operation: 'get', names }), name);
  if (secret === undefined) throw missing(store, 1);
  return secret.value;
}

/** @throws VectabaseError SECRET_MISSING */
export async function unsetSecrets(store: SecretStore, names: readonly string[]): Promise<Change> {
  for (const name of names) assertSecretName(name);
  return store.change({ operation: 'unset', names }, (document) => {
    const absent = names.filter((name) => secretOf(document, name) === undefined).length;
    if (absent > 0) throw missing(store, absent);
    return withoutSecrets(document, new Set(names));
  });
}

/**
 * Values for a program or a file: all of them, or those named.
 *
 * @throws VectabaseError SECRET_MISSING for a name that is not there
 */
export async function takeSecrets(
  store: SecretStore,
  only: readonly string[] | undefined,
  access: { operation: 'export' | 'exec' | 'load'; to?: string | undefined },
): Promise<Map<string, string>> {
  const wanted = only && new Set(only);
  const document = await store.read({
    ...access,
    names: (read) => secretsOf(read).flatMap(({ name }) => (wanted?.has(name) === false ? [] : [name])),
  });
  const found = secretsOf(document).filter(({ name }) => wanted?.has(name) !== false);
  const absent = (wanted?.size ?? found.length) - found.length;
  if (absent > 0) throw missing(store, absent);
  return new Map(found.map(({ name, value }) => [name, value]));
}

function missing({ environment }: SecretStore, count: number): VectabaseError {
  return new VectabaseError('SECRET_MISSING', {
    message: count === 1 ? `${environment} has no secret of that name` : `${environment} lacks ${count} of these names`,
    hint: `Run vectabase secrets list --environment ${environment} for the names, or vectabase secrets set NAME.`,
    details: { environment },
  });
}
