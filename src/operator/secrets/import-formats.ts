import { VectabaseError } from '../../foundation/core/errors.ts';
import { isSecretName, parseDotenv, type ParseNote } from './dotenv.ts';

export const IMPORT_FORMATS = ['dotenv', 'json', 'names'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** A secret that a hosted project has and does not give back: its name, and the SHA-256 of its value where it tells it. */
export interface HostedName {
  readonly name: string;
  readonly digest: string | undefined;
}

export type Incoming =
  | { readonly kind: 'values'; readonly values: ReadonlyMap<string, string>; readonly notes: readonly ParseNote[] }
  | { readonly kind: 'names'; readonly names: readonly HostedName[] };

/**
 * Reads what somebody else wrote: a dotenv file (the Supabase CLI's `--env-file` is one), a JSON object of names and
 * values, the answer of `supabase secrets list --output json` (names and digests), or bare names, one a line.
 *
 * @param format undefined: told by the text
 * @throws VectabaseError SECRETS_FILE_INVALID, naming lines and names, never values
 */
export function parseImport(text: string, file: string, format: ImportFormat | undefined): Incoming {
  switch (format ?? sniff(text)) {
    case 'json':
      return fromJson(text, file);
    case 'names':
      return { kind: 'names', names: bareNames(text, file) };
    case 'dotenv': {
      const { items, notes } = parseDotenv(text, file);
      const pairs = items.flatMap((item) => (item.kind === 'secret' ? [[item.name, item.value] as const] : []));
      return { kind: 'values', values: new Map(pairs), notes };
    }
  }
}

function sniff(text: string): ImportFormat {
  const start = text.trimStart();
  if (start.startsWith('{') || start.startsWith('[')) return 'json';
  const lines = text.split('\n').map((line) => line.trim());
  const content = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return content.length > 0 && content.every(isSecretName) ? 'names' : 'dotenv';
}

function bareNames(text: string, file: string): HostedName[] {
  return text.split('\n').flatMap((line, index): HostedName[] => {
    const name = line.trim();
    if (name === '' || name.startsWith('#')) return [];
    if (!isSecretName(name)) throw invalid(file, `line ${index + 1} is no name`);
    return [{ name, digest: undefined }];
  });
}

function fromJson(text: string, file: string): Incoming {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid(file, 'is no JSON'); // the parser's own words quote the text
  }
  if (Array.isArray(parsed)) return fromList(parsed, file);
  if (typeof parsed !== 'object' || parsed === null) throw invalid(file, 'holds no names and values');
  const values = Object.entries(parsed).map(
    ([name, value]: [string, unknown]) => [name, asText(value, name, file)] as const,
  );
  return { kind: 'values', values: new Map(values), notes: [] };
}

/** `[{name, value}]`: digests when every value is one, else values. */
function fromList(list: readonly unknown[], file: string): Incoming {
  const entries = list.map((each, index) => {
    const { name, value } = (each ?? {}) as { name?: unknown; value?: unknown };
    if (typeof name !== 'string') throw invalid(file, `entry ${index + 1} has no name`);
    return { name, value: value === undefined ? undefined : asText(value, name, file) };
  });
  if (entries.every(({ value }) => value === undefined || /^[0-9a-f]{64}$/.test(value))) {
    return { kind: 'names', names: entries.map(({ name, value }) => ({ name, digest: value })) };
  }
  const values = new Map(entries.map(({ name, value }) => [name, value ?? '']));
  return { kind: 'values', values, notes: [] };
}

function asText(value: unknown, name: string, file: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw invalid(file, `${isSecretName(name) ? name : 'an entry'} holds no text`);
}

function invalid(file: string, what: string): VectabaseError {
  return new VectabaseError('SECRETS_FILE_INVALID', {
    message: `${file} ${what}`,
    hint: 'Give a dotenv file, a JSON object {"NAME": "value"}, or the answer of supabase secrets list --output json.',
    details: { file },
  });
}
