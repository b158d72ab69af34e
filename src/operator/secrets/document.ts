import { createHash } from 'node:crypto';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { isSecretName, parseDotenv, printDotenv, type Assignment, type TextLine } from './dotenv.ts';

/** A secret as it is kept: with the time of its last change, when it is known. */
export interface StoredSecret extends Assignment {
  /** ISO 8601; undefined when somebody wrote it with other tools. */
  readonly setAt: string | undefined;
}

/**
 * The plaintext of one environment. Comments and the order of a person's own edits are kept. What is known about a value
 * stands above it (`# set 2026-01-31T…`), so that it travels with the file.
 */
export interface SecretsDocument {
  /** Which recipients the file was sealed for, as `recipientsTag` says it; undefined in a file of other tools. */
  readonly sealedFor: string | undefined;
  readonly items: ReadonlyArray<StoredSecret | TextLine>;
}

export const EMPTY_DOCUMENT: SecretsDocument = { sealedFor: undefined, items: [] };

const HEADER = /^# vectabase secrets, sealed for ([0-9a-f]{16})$/;
const SET_AT = /^# set (\d{4}-\d\d-\d\dT[\d:.]+Z)$/;

/** @throws VectabaseError SECRETS_FILE_INVALID */
export function readDocument(text: string, file: string): SecretsDocument {
  const items: Array<StoredSecret | TextLine> = [];
  let sealedFor: string | undefined;
  for (const item of parseDotenv(text, file).items) {
    const header = item.kind === 'text' && items.length === 0 ? HEADER.exec(item.text)?.[1] : undefined;
    if (header !== undefined) {
      sealedFor = header;
      continue;
    }
    if (item.kind === 'text') {
      items.push(item);
      continue;
    }
    const above = items.at(-1);
    const setAt = above?.kind === 'text' ? SET_AT.exec(above.text)?.[1] : undefined;
    if (setAt !== undefined) items.pop();
    // Of two with one name the later counts, as in a shell.
    const earlier = items.findIndex((each) => each.kind === 'secret' && each.name === item.name);
    if (earlier !== -1) items.splice(earlier, 1);
    items.push({ ...item, setAt });
  }
  return { sealedFor, items };
}

export function printDocument({ items }: SecretsDocument, sealedFor: string): string {
  const lines = items.flatMap((item): Array<Assignment | TextLine> => {
    const stamped = item.kind === 'secret' && item.setAt !== undefined;
    return stamped ? [{ kind: 'text', text: `# set ${item.setAt}` }, item] : [item];
  });
  return printDotenv([{ kind: 'text', text: `# vectabase secrets, sealed for ${sealedFor}` }, ...lines]);
}

/** Says for whom a file was sealed; the same for the same keys in any order. */
export function recipientsTag(keys: readonly string[]): string {
  return createHash('sha256')
    .update([...keys].toSorted().join('\n'))
    .digest('hex')
    .slice(0, 16);
}

export function secretsOf({ items }: SecretsDocument): StoredSecret[] {
  return items.filter((item) => item.kind === 'secret');
}

export function secretOf(document: SecretsDocument, name: string): StoredSecret | undefined {
  return secretsOf(document).find((secret) => secret.name === name);
}

/** The document with new values in place of old ones, and new names at the end. An equal value changes nothing. */
export function withSecrets(
  document: SecretsDocument,
  values: ReadonlyMap<string, string>,
  now: number,
): SecretsDocument {
  const setAt = new Date(now).toISOString();
  for (const [name, value] of values) assertSecret(name, value);
  const known = new Set(secretsOf(document).map(({ name }) => name));
  const items = document.items.map((item) => {
    const value = item.kind === 'secret' ? values.get(item.name) : undefined;
    return item.kind === 'text' || value === undefined || value === item.value ? item : { ...item, value, setAt };
  });
  const added = [...values].filter(([name]) => !known.has(name));
  return {
    ...document,
    items: [...items, ...added.map(([name, value]) => ({ kind: 'secret', name, value, setAt }) as const)],
  };
}

export function withoutSecrets(document: SecretsDocument, names: ReadonlySet<string>): SecretsDocument {
  return { ...document, items: document.items.filter((item) => item.kind === 'text' || !names.has(item.name)) };
}

/** What execve takes for one `NAME=value`, its end included (MAX_ARG_STRLEN). */
const MAX_BYTES = 131_071;

/** @throws VectabaseError SECRET_INVALID, without the value */
export function assertSecret(name: string, value: string): void {
  assertSecretName(name);
  const bytes = Buffer.from(value);
  const wrong = value.includes('\0')
    ? 'holds a zero byte'
    : bytes.toString() !== value
      ? 'is no valid text'
      : Buffer.byteLength(name) + 1 + bytes.length > MAX_BYTES
        ? 'is longer than 128 KiB'
        : undefined;
  if (wrong === undefined) return;
  throw new VectabaseError('SECRET_INVALID', {
    message: `the value of ${name} ${wrong}, which no environment variable can hold`,
    hint: 'Encode it first: base64 -w0 FILE | vectabase secrets set NAME',
    details: { name },
  });
}

/** @throws VectabaseError SECRET_INVALID; a name that is none is not repeated: it may be a value that slipped */
export function assertSecretName(name: string): void {
  if (!isSecretName(name) || KEY.test(name)) {
    throw new VectabaseError('SECRET_INVALID', {
      message: 'the name of a secret has letters, digits and underscores, and begins with no digit',
      hint: 'Run vectabase secrets set NAME; the value comes from stdin, --from-file or a prompt.',
    });
  }
  if (!LOADERS.test(name)) return;
  throw new VectabaseError('SECRET_INVALID', {
    message: `${name} changes how programs are started, so it cannot be a secret`,
    hint: 'Choose another name. Whoever may write the file could run code in place of yours with it.',
    details: { name },
  });
}

/** Keys that would pass for names, by the prefixes that their makers give them. */
const KEY = /^(sk|rk|pk|whsec|re|sbp|sb|ghp|gho|github_pat|xox[a-z])_\w*\d\w{7,}$/;

/** Everybody can seal a file for public keys, so a value must not be able to turn a program into another one. */
const LOADERS =
  /^(PATH|HOME|SHELL|IFS|ENV|BASH_ENV|LD_.*|DYLD_.*|NODE_OPTIONS|NODE_PATH|PYTHONPATH|PERL5LIB|PERL5OPT|RUBYOPT|GIT_SSH_COMMAND)$/;
