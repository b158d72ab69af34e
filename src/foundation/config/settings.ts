import { readFileSync } from 'node:fs';
import path from 'node:path';
import { VectabaseError } from '../core/errors.ts';
import { targetWords } from '../core/shell-words.ts';
import { DEFINITIONS, type Definition, type Settings } from './definitions.ts';
import { environment } from './environment.ts';
import { placeIn, readYaml, type Position } from './yaml-text.ts';

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

/** Settings of which some may not be accepted. */
export interface ReadSettings extends LoadedSettings {
  /** Each CONFIG_INVALID: first those of the file, which name its line and column. */
  readonly mistakes: readonly VectabaseError[];
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
  /** Of the file. */
  readonly at?: Position & { readonly file: string };
  readonly hint: string;
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
export function loadSettings(options: LoadOptions): LoadedSettings {
  const { mistakes, ...loaded } = readSettings(options);
  const [first] = mistakes;
  if (first !== undefined) throw first;
  return loaded;
}

/**
 * The same, as far as it is accepted: for who looks at an installation, or comes in to mend it, and must not be kept out
 * by a slip in a line that does not concern them. What is not accepted is as if it had not been said.
 */
export function readSettings({ dir, flags = {} }: LoadOptions): ReadSettings {
  const values = new Map<string, unknown>([...KNOWN].map(([key, { initial }]) => [key, initial]));
  const sources = new Map<string, Source>([...KNOWN.keys()].map((key) => [key, 'default']));
  const mistakes: VectabaseError[] = [];
  for (const given of [...fromFile(path.join(dir, SETTINGS_FILE)), ...fromEnvironment(), ...fromFlags(flags)]) {
    const taken = given instanceof VectabaseError ? given : accepted(given);
    if (taken instanceof VectabaseError) mistakes.push(taken);
    else {
      values.set(taken.key, taken.value);
      sources.set(taken.key, taken.source);
    }
  }
  return { settings: nested(values), sources: Object.freeze(Object.fromEntries(sources)), mistakes };
}

/**
 * Would a settings file with this text be accepted?
 *
 * @throws VectabaseError CONFIG_INVALID as `loadSettings`
 */
export function checkSettingsText(text: string, file: string): void {
  for (const given of fromText(text, file)) {
    const taken = given instanceof VectabaseError ? given : accepted(given);
    if (taken instanceof VectabaseError) throw taken;
  }
}

/** A value as the environment or a command line writes it, checked. @throws VectabaseError CONFIG_INVALID */
export function parseSetting(key: string, text: string, where: string): unknown {
  const definition = KNOWN.get(key);
  if (definition === undefined) throw unknownKey(key, { where, hint: SHOW });
  const taken = accepted({ key, value: definition.fromText(text), source: 'flag', where, hint: SHOW });
  if (taken instanceof VectabaseError) throw taken;
  return taken.value;
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

/** What each place says, or why it says nothing. */
type Said = Given | VectabaseError;

const SHOW = 'vectabase config show --sources prints each setting, and where its value comes from.';

function fromFile(file: string): Said[] {
  try {
    return fromText(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    const message = `${file} cannot be read`;
    return [new VectabaseError('CONFIG_INVALID', { message, hint: howToMend(file), details: { file }, cause: error })];
  }
}

function fromText(text: string, file: string): Said[] {
  const hint = howToMend(file);
  const { value: root, document, mistake, position } = readYaml(text);
  const said = [
    ...entriesOf(root).flatMap(([section, names]): Said[] => {
      const at = { file, ...position(placeIn(document, [section])) };
      const where = `${file}:${at.line}:${at.column}`;
      if (!Object.hasOwn(DEFINITIONS, section)) return [unknownKey(section, { where, at, hint })];
      if (!holdsNames(names)) return [notNames(section, { where, at, hint })];
      return entriesOf(names).map(([name, value]): Said => {
        const key = `${section}.${name}`;
        const own = { file, ...position(placeIn(document, [section, name])) };
        const place = { where: `${file}:${own.line}:${own.column}`, at: own, hint };
        if (!KNOWN.has(key)) return unknownKey(key, place);
        return { ...place, key, value, source: 'file', where: `${place.where}: ${key}` };
      });
    }),
    ...(holdsNames(root) ? [] : [notNames('the file', { where: file, at: { file, line: 1, column: 1 }, hint })]),
  ];
  if (mistake === undefined) return said;
  // What a parser makes of the rest is good for a look, and its own complaints about that would lead astray.
  const { line, column } = mistake.at;
  const message = `${file}:${line}:${column}: not YAML, ${mistake.reason}`;
  const understood = said.filter(
    (each) => !(each instanceof VectabaseError) && !(accepted(each) instanceof VectabaseError),
  );
  return [new VectabaseError('CONFIG_INVALID', { message, hint, details: { file, line, column } }), ...understood];
}

function howToMend(file: string): string {
  const where = targetWords({ dir: path.dirname(file) });
  return `Correct it with vectabase config edit${where}; vectabase config check${where} lists all that is not accepted.`;
}

/** An empty file or section reads as null: nothing is set there. */
function holdsNames(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'object' && !Array.isArray(value));
}

function entriesOf(value: unknown): Array<[string, unknown]> {
  return holdsNames(value) ? Object.entries(value ?? {}) : [];
}

/** A variable that is set to nothing counts as not set. A misspelt one would be obeyed by nobody, so it is refused. */
function fromEnvironment(): Said[] {
  const byVariable = new Map([...KNOWN.keys()].map((key) => [variableOf(key), key]));
  return Object.entries(environment()).flatMap(([variable, raw]): Said[] => {
    if (!variable.startsWith(PREFIX) || raw === undefined || raw === '' || Object.hasOwn(OTHER_VARIABLES, variable)) {
      return [];
    }
    const key = byVariable.get(variable);
    const definition = key === undefined ? undefined : KNOWN.get(key);
    const hint = `Correct or unset the variable ${variable}; ${SHOW}`;
    if (key === undefined || definition === undefined) {
      return [unknownKey(variable, { where: 'the environment', hint })];
    }
    return [{ key, value: definition.fromText(raw), source: 'environment', where: variable, hint }];
  });
}

function fromFlags(flags: Readonly<Record<string, unknown>>): Given[] {
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, value, source: 'flag', where: `the flag for ${key}`, hint: SHOW }));
}

function accepted(given: Given): Given | VectabaseError {
  const { key, value, where, at, hint } = given;
  const result = KNOWN.get(key)?.schema.safeParse(value);
  if (result === undefined) throw new Error(`${where}: no such setting`);
  if (result.success) return { ...given, value: result.data };
  const [issue] = result.error.issues;
  const item = issue?.path.length ? ` (item ${issue.path.join('.')})` : '';
  const message = `${where}${item}: ${(issue?.message ?? 'not accepted').replace(/^Invalid/, 'invalid')}`;
  return new VectabaseError('CONFIG_INVALID', { message, hint, details: { key, ...at } });
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

type Place = Pick<Given, 'where' | 'at' | 'hint'>;

function unknownKey(key: string, { where, at, hint }: Place): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', {
    message: `${where}: ${key} is not a setting`,
    hint: `${likeOf(key)}. ${hint}`,
    details: { key, ...at },
  });
}

/** Its section's other settings, or the sections: a hundred names help nobody. */
function likeOf(key: string): string {
  const known = [...KNOWN.keys()];
  const [section = ''] = key.split('.');
  const near = key.startsWith(PREFIX)
    ? known.map(variableOf).filter((name) => name.startsWith(key.split('_').slice(0, 2).join('_')))
    : known.filter((name) => name.startsWith(`${section}.`));
  return near.length > 0 ? `There are ${near.join(', ')}` : `Sections are ${Object.keys(DEFINITIONS).join(', ')}`;
}

function notNames(what: string, { where, at, hint }: Place): VectabaseError {
  const message = `${where}: ${what} should hold names and values`;
  return new VectabaseError('CONFIG_INVALID', { message, hint, details: { key: what, ...at } });
}
