import { createHash } from 'node:crypto';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { secretOf } from './document.ts';
import type { HostedName } from './import-formats.ts';
import { KNOWN_NAMES, PROVIDED_NAMES } from './known-names.ts';
import type { SecretStore } from './store.ts';
import { setSecret } from './values.ts';

export interface HostedResult {
  readonly environment: string;
  readonly set: readonly string[];
  /** Here already; `proved`: the hosted project's digest says that it is the same value. */
  readonly present: readonly string[];
  readonly proved: readonly string[];
  readonly missing: readonly string[];
}

export interface Question {
  readonly name: string;
  readonly position: number;
  readonly of: number;
  /** True when the value that was typed before is not the one that the hosted project has. */
  readonly differs: boolean;
}

/** A value, `undefined` to leave the name out. */
export type AskValue = (question: Question) => Promise<string | undefined>;

/** Names of the owner's functions, for who has no list: those that the hosted side kept as secrets of functions. */
export function shippedNames(): HostedName[] {
  const hosted = KNOWN_NAMES.filter(({ services, optional }) => services.includes('functions') && optional !== true);
  return hosted.map(({ name }) => ({ name, digest: undefined }));
}

/**
 * Asks for each value that a hosted project has and does not give back, and keeps each at once: whoever stops half-way
 * goes on there. Where the project told a digest, the value is compared with it.
 */
export async function importHosted(
  store: SecretStore,
  names: readonly HostedName[],
  ask: AskValue | undefined,
): Promise<HostedResult> {
  const document = await store.read({ operation: 'import', names: [], to: 'hosted' });
  const wanted = names.filter(({ name }) => !PROVIDED_NAMES.has(name));
  const state = wanted.map((hosted) => {
    const value = secretOf(document, hosted.name)?.value;
    const fit = value === undefined ? undefined : fits(hosted, value);
    return { hosted, present: value !== undefined && fit !== false, proved: fit === true };
  });
  const open = state.filter(({ present }) => !present).map(({ hosted }) => hosted);
  const [set, proved] = [
    new Set<string>(),
    new Set(state.filter((each) => each.proved).map(({ hosted }) => hosted.name)),
  ];
  for (const [index, hosted] of open.entries()) {
    const value = ask && (await askUntilRight(hosted, { position: index + 1, of: open.length }, ask));
    if (value === undefined) continue;
    await setSecret(store, hosted.name, value);
    set.add(hosted.name);
    if (fits(hosted, value) === true) proved.add(hosted.name);
  }
  return {
    environment: store.environment,
    set: [...set],
    present: state.filter(({ present }) => present).map(({ hosted }) => hosted.name),
    proved: [...proved],
    missing: open.map(({ name }) => name).filter((name) => !set.has(name)),
  };
}

export function stillMissing({ environment, missing }: HostedResult): VectabaseError | undefined {
  if (missing.length === 0) return undefined;
  return new VectabaseError('SECRETS_FINDINGS', {
    message: `${missing.length} of the hosted secrets are not here yet: ${missing.join(', ')}`,
    hint: `A hosted project does not give values back. Take each from where it was made, and run vectabase secrets set NAME -e ${environment}.`,
    details: { environment, missing },
  });
}

/** Two wrong values in a row are meant: it may have been changed at its source. */
async function askUntilRight(
  hosted: HostedName,
  place: Pick<Question, 'position' | 'of'>,
  ask: AskValue,
): Promise<string | undefined> {
  const first = await ask({ name: hosted.name, ...place, differs: false });
  if (first === undefined || fits(hosted, first) !== false) return first;
  return (await ask({ name: hosted.name, ...place, differs: true })) ?? first;
}

/** Undefined when there is no digest to compare with. The Management API tells SHA-256 in hexadecimal digits. */
function fits({ digest }: HostedName, value: string): boolean | undefined {
  return digest === undefined ? undefined : createHash('sha256').update(value).digest('hex') === digest;
}
