import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { VectabaseError } from '../core/errors.ts';
import { DEFINITIONS, type Definition, type Settings } from './definitions.ts';
import { environment } from './environment.ts';

export type Source = 'default' | 'file' | 'environment' | 'flag';

/** One line about a setting, for `config show` and for the documentation. */
export interface SettingInfo {
  /** Path in `vectabase.yml`: `api.port`. */
  readonly key: string;
  /** Its environment variable: `VECTABASE_API_PORT`. */
  readonly variable: string;
  readonly initial: unknown;
  readonly accepts: string;
  readonly doc: string;
  readonly secret: boolean;
}

export interface LoadedSettings {
  /** Deeply frozen. */
  readonly settings: Settings;
  /** Where each value came from, by key. */
  readonly sources: Readonly<Record<string, Source>>;
}

interface LoadOptions {
  readonly dir: string;
  /** By key; `undefined` means that the flag was not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/** A value met in one place, and what to call that place in an error. */
interface Given {
  readonly key: string;
  readonly value: unknown;
  readonly source: Source;
  readonly where: string;
}

/** Variables of the same prefix that are not settings. */
export const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  VECTABASE_DIR: 'Directory of the installation, as --dir.',
  VECTABASE_TARGET_URL: 'Connection string of another database than the one of the installation, as --target-file.',
  VECTABASE_REASON: 'Why secrets are accessed, as --reason; it goes into the log of accesses.',
  VECTABASE_RECOVERY_KEY_FILE: 'File with the recovery key of backups, as --key.',
  VECTABASE_MASTER_KEY: 'Master key of the installation, 64 hexadecimal digits, instead of its file. Never printed.',
};

export const SETTINGS_FILE = 'vectabase.yml';

/**
 * The settings of the installation in `dir`: defaults, then `vectabase.yml`, then the environment, then flags.
 * Every value is checked where it was given, also one that a later place overrides.
 *
 * @throws VectabaseError CONFIG_INVALID, naming the path or the variable and never the value
 */
export function loadSettings({ dir, flags = {} }: LoadOptions): LoadedSettings {
  const values = new Map<string, unknown>([...KNOWN].map(([key, { initial }]) => [key, initial]));
  const sources = new Map<string, Source>([...KNOWN.keys()].map((key) => [key, 'default']));
  const file = path.join(dir, SETTINGS_FILE);
  for (const given of [...fromText(readText(file), file), ...fromEnvironment(), ...fromFlags(flags)]) {
    values.set(given.key, checked(given));
    sources.set(given.key, given.source);
  }
  return { settings: nested(values), sources: Object.freeze(Object.fromEntries(sources)) };
}

/**
 * Would a settings file with this text be accepted?
 *
 * @throws VectabaseError CONFIG_INVALID as `loadSettings`
 */
export function checkSettingsText(text: string, file: string): void {
  for (const given of fromText(text, file)) checked(given);
}

/** A value as the environment or a command line writes it, checked. @throws VectabaseError CONFIG_INVALID */
export function parseSetting(key: string, text: string, where: string): unknown {
  const definition = KNOWN.get(key);
  if (definition === undefined) throw unknownKey(key, where, [...KNOWN.keys()]);
  return checked({ key, value: definition.fromText(text), source: 'flag', where });
}

/** All settings in the order of the file. */
export function describeSettings(): SettingInfo[] {
  return [...KNOWN].map(([key, { initial, accepts, doc, secret }]) => {
    return { key, variable: variableOf(key), initial, accepts, doc, secret };
  });
}

const KNOWN: ReadonlyMap<string, Definition<unknown>> = new Map(
  Object.entries(DEFINITIONS).flatMap(([section, names]) =>
    Object.entries<Definition<unknown>>(names).map(([name, definition]) => [`${section}.${name}`, definition] as const),
  ),
);

const PREFIX = 'VECTABASE_';

function variableOf(key: string): string {
  return PREFIX + key.replaceAll('.', '_').replaceAll(/[A-Z]/g, '_$&').toUpperCase();
}

function fromText(text: string, file: string): Given[] {
  const root = parseYaml(text, file);
  return Object.entries(asMapping(root, file, 'the file')).flatMap(([section, names]) => {
    if (!Object.hasOwn(DEFINITIONS, section)) throw unknownKey(section, file, Object.keys(DEFINITIONS));
    return Object.entries(asMapping(names, file, section)).map(([name, value]): Given => {
      const key = `${section}.${name}`;
      if (!KNOWN.has(key)) throw unknownKey(key, file, [...KNOWN.keys()]);
      return { key, value, source: 'file', where: `${file}: ${key}` };
    });
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw invalid(`${file} cannot be read`, { file }, error);
  }
}

function parseYaml(text: string, file: string): unknown {
  const document = parseDocument(text);
  const [first] = document.errors;
  // The parser's message quotes the line; a secret may stand in it. Position and code are enough to find it.
  if (first) throw invalid(`${file} is not YAML: ${first.code} at line ${lineOf(text, first.pos[0])}`, { file });
  try {
    return document.toJS();
  } catch (error) {
    throw invalid(`${file} cannot be expanded: too many aliases`, { file }, error);
  }
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** An empty file or section reads as null: nothing is set there. */
function asMapping(value: unknown, file: string, what: string): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(`${file}: ${what} should hold names and values`, { file, key: what });
  }
  return value as Record<string, unknown>;
}

/** A variable that is set to nothing counts as not set. A misspelt one would be obeyed by nobody, so it is refused. */
function fromEnvironment(): Given[] {
  const byVariable = new Map([...KNOWN.keys()].map((key) => [variableOf(key), key]));
  return Object.entries(environment()).flatMap(([variable, raw]): Given[] => {
    if (!variable.startsWith(PREFIX) || raw === undefined || raw === '' || Object.hasOwn(OTHER_VARIABLES, variable)) {
      return [];
    }
    const key = byVariable.get(variable);
    const definition = key === undefined ? undefined : KNOWN.get(key);
    if (key === undefined || definition === undefined) {
      throw unknownKey(variable, 'the environment', [...byVariable.keys(), ...Object.keys(OTHER_VARIABLES)]);
    }
    return [{ key, value: definition.fromText(raw), source: 'environment', where: variable }];
  });
}

function fromFlags(flags: Readonly<Record<string, unknown>>): Given[] {
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, value, source: 'flag', where: `the flag for ${key}` }));
}

function checked({ key, value, where }: Given): unknown {
  const result = KNOWN.get(key)?.schema.safeParse(value);
  if (result === undefined) throw new Error(`${where}: no such setting`);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = issue?.path.length ? ` (item ${issue.path.join('.')})` : '';
  throw invalid(`${where}${at}: ${(issue?.message ?? 'not accepted').replace(/^Invalid/, 'invalid')}`, { key });
}

function nested(values: ReadonlyMap<string, unknown>): Settings {
  const sections = Object.entries(DEFINITIONS).map(([section, names]) => {
    const entries = Object.keys(names).map((name) => [name, freezeList(values.get(`${section}.${name}`))]);
    return [section, Object.freeze(Object.fromEntries(entries))];
  });
  return Object.freeze(Object.fromEntries(sections)) as Settings;
}

function freezeList(value: unknown): unknown {
  return Array.isArray(value) ? Object.freeze([...value]) : value;
}

function unknownKey(key: string, where: string, known: readonly string[]): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', {
    message: `${where}: ${key} is not a setting`,
    hint: `Use one of ${known.join(', ')}. vectabase config show prints them with their values.`,
    details: { key },
  });
}

function invalid(message: string, details: Record<string, string>, cause?: unknown): VectabaseError {
  const hint =
    'Run vectabase config show --sources to see each setting, what it accepts and where its value comes from.';
  return new VectabaseError('CONFIG_INVALID', { message, hint, details, cause });
}
