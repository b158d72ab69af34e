import { VectabaseError } from '../../foundation/core/errors.ts';
import { parseDotenv } from './dotenv.ts';
import { secretsOf } from './document.ts';
import type { SecretStore } from './store.ts';

/** Names of two sides. Values are compared and never told. */
export interface SecretsDiff {
  readonly left: string;
  readonly right: string;
  readonly onlyLeft: readonly string[];
  readonly onlyRight: readonly string[];
  readonly differing: readonly string[];
  readonly equal: readonly string[];
}

export async function diffEnvironments(store: SecretStore, other: string): Promise<SecretsDiff> {
  const right = store.of(other);
  const known = await store.environments();
  if (!known.includes(other)) throw noEnvironment(other, known);
  return diff(
    { name: store.environment, values: await valuesOf(store, other) },
    { name: other, values: await valuesOf(right, store.environment) },
  );
}

/** @param file its name; `text` is what it holds, in dotenv form */
export async function diffFile(store: SecretStore, file: string, text: string): Promise<SecretsDiff> {
  const entries = parseDotenv(text, file).items.flatMap((item) =>
    item.kind === 'secret' ? [[item.name, item.value] as const] : [],
  );
  return diff(
    { name: store.environment, values: await valuesOf(store, file) },
    { name: file, values: new Map(entries) },
  );
}

export function differences(diffed: SecretsDiff): VectabaseError | undefined {
  const { left, right, onlyLeft, onlyRight, differing } = diffed;
  const count = onlyLeft.length + onlyRight.length + differing.length;
  if (count === 0) return undefined;
  return new VectabaseError('SECRETS_DIFFER', {
    message: `${left} and ${right} differ in ${count} ${count === 1 ? 'name' : 'names'}`,
    hint: `Set what is missing: vectabase secrets set NAME --environment ${right}`,
    details: { ...diffed },
  });
}

function noEnvironment(name: string, known: readonly string[]): VectabaseError {
  return new VectabaseError('SECRET_MISSING', {
    message: `there are no secrets of an environment ${name}`,
    hint: `Use one of: ${known.join(', ') || 'none is there yet'}. vectabase secrets set NAME -e ${name} begins a new one.`,
    details: { environment: name, known },
  });
}

interface Side {
  readonly name: string;
  readonly values: ReadonlyMap<string, string>;
}

async function valuesOf(store: SecretStore, to: string): Promise<Map<string, string>> {
  const document = await store.read({
    operation: 'diff',
    names: (read) => secretsOf(read).map(({ name }) => name),
    to,
  });
  return new Map(secretsOf(document).map(({ name, value }) => [name, value]));
}

function diff(left: Side, right: Side): SecretsDiff {
  const both = [...left.values.keys()].filter((name) => right.values.has(name)).toSorted();
  return {
    left: left.name,
    right: right.name,
    onlyLeft: [...left.values.keys()].filter((name) => !right.values.has(name)).toSorted(),
    onlyRight: [...right.values.keys()].filter((name) => !left.values.has(name)).toSorted(),
    differing: both.filter((name) => left.values.get(name) !== right.values.get(name)),
    equal: both.filter((name) => left.values.get(name) === right.values.get(name)),
  };
}
