import { access, constants, readFile } from 'node:fs/promises';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import {
  newIdentityFile,
  parseIdentities,
  parseRecipient,
  type AgeIdentity,
} from '../../foundation/crypto/age-keys.ts';
import { run } from '../../foundation/process/run.ts';
import { childEnvironment } from '../../foundation/config/child-environment.ts';
import { assertSecret, secretOf, withSecrets } from './document.ts';
import { SecretStore, type Change } from './store.ts';

export interface RotateResult {
  readonly environment: string;
  readonly name: string;
  readonly change: Change;
  /** Where the old value is kept; null when it is not. */
  readonly previous: string | null;
  /** How the program for dependants ended; null when there is none. */
  readonly hook: { readonly file: string; readonly exitCode: number } | null;
}

/**
 * A new value for a secret that is there, and the word to whoever depends on it: `secrets/on-rotated NAME ENVIRONMENT`
 * is run when it is there, after the file is written. The daemon notices by itself.
 *
 * @throws VectabaseError SECRET_MISSING, SECRET_INVALID
 */
export async function rotateSecret(
  store: SecretStore,
  name: string,
  value: string,
  options: { keepPrevious: boolean },
): Promise<RotateResult> {
  assertSecret(name, value);
  const previous = options.keepPrevious ? `${name}_PREVIOUS` : null;
  const change = await store.change({ operation: 'rotate', names: [name] }, (document) => {
    const old = secretOf(document, name);
    if (old === undefined) throw nothingToRotate(store);
    if (old.value === value) throw sameValue(name);
    const values = new Map([[name, value]]);
    if (previous !== null) values.set(previous, old.value);
    return withSecrets(document, values, store.now());
  });
  return { environment: store.environment, name, change, previous, hook: await tellDependants(store, name) };
}

/**
 * Replaces the private key of this machine: seals all files for a new one in place of the old. Killed at any point,
 * every file can be opened, as the old key stays beside the new one until nothing needs it; running it again goes on.
 *
 * @throws VectabaseError PRECONDITION_FAILED when the key is not the one in the directory of the secrets
 */
export async function rotateIdentity(store: SecretStore): Promise<{ recipient: string; sealed: readonly string[] }> {
  const { identity: file } = store.paths;
  const text = await readFile(file, 'utf8').catch(() => '');
  const present = await parseIdentities(text);
  if (present?.[0]?.recipient !== store.identities[0].recipient || !text.includes('AGE-SECRET-KEY-'))
    throw notOurs(store);
  // Two keys: an earlier run was stopped. The first one is the new one.
  const both = present.length > 1 ? text : `${await newIdentityFile(store.now())}${text}`;
  const [fresh, ...old] = (await parseIdentities(both)) ?? [];
  const key = parseRecipient(fresh?.recipient ?? '');
  if (fresh === undefined || key === undefined) throw new Error('a new identity cannot be read');
  await writeDurably(file, both);
  const gone = new Set(old.map(({ recipient }) => recipient));
  const results = await reopened(store, fresh, old).rewrap({ operation: 'rotate', to: 'identity' }, (known) => {
    const name = known.find(({ age }) => gone.has(age.text))?.name;
    return [...known.filter(({ age }) => !gone.has(age.text) && age.text !== key.text), { name, age: key }];
  });
  await writeDurably(file, firstKeyOf(both));
  return { recipient: key.text, sealed: results.map(({ environment }) => environment) };
}

function reopened(store: SecretStore, fresh: AgeIdentity, old: readonly AgeIdentity[]): SecretStore {
  return new SecretStore(store.paths, store.environment, [fresh, ...old], { now: store.now });
}

/** Up to its first key: comments above it included. */
function firstKeyOf(text: string): string {
  return text.slice(0, text.indexOf('\n', text.indexOf('AGE-SECRET-KEY-')) + 1);
}

async function tellDependants(store: SecretStore, name: string): Promise<RotateResult['hook']> {
  const file = store.paths.rotated;
  const executable = await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!executable) return null;
  const { exitCode } = await run([file, name, store.environment], { env: childEnvironment(), timeout: 300_000 });
  return { file, exitCode };
}

function nothingToRotate({ environment }: SecretStore): VectabaseError {
  return new VectabaseError('SECRET_MISSING', {
    message: `${environment} has no secret of that name to replace`,
    hint: `Run vectabase secrets list --environment ${environment} for the names, or vectabase secrets set NAME for a new one.`,
    details: { environment },
  });
}

function sameValue(name: string): VectabaseError {
  return new VectabaseError('SECRET_INVALID', {
    message: `that is the value that ${name} has already`,
    hint: 'Have a new one made where it comes from, or let one be made up here with --generate.',
    details: { name },
  });
}

function notOurs({ paths }: SecretStore): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `only the key in ${paths.identity} can be replaced, and another one is in use`,
    hint: 'Make a new key with its own tool, add it with vectabase secrets recipients add, and remove the old one.',
  });
}
