import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../foundation/config/directory.ts';
import { effectOf, insteadOf, type Effect } from '../../foundation/config/effects.ts';
import {
  checkSettingsText,
  describeSettings,
  loadSettings,
  parseSetting,
  SETTINGS_FILE,
  type SettingInfo,
} from '../../foundation/config/settings.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import { callEditor } from '../../foundation/process/editor.ts';
import { editSettings, readSettingsText, replaceSettings } from '../../foundation/process/settings-file.ts';

export interface SettingChange {
  readonly key: string;
  readonly changed: boolean;
  readonly effect: Effect;
  /** A variable that is set, and hides what was written. */
  readonly hiddenBy: string | null;
}

/** @throws VectabaseError CONFIG_INVALID when there is no such setting */
export function describeSetting(key: string): SettingInfo {
  const info = describeSettings().find((each) => each.key === key);
  // The parser knows how to say what there is.
  if (info === undefined) parseSetting(key, '', 'vectabase.yml');
  return info as SettingInfo;
}

/**
 * Writes one setting into vectabase.yml, or takes it out again.
 *
 * @param text as the environment would hold it: lists with commas; undefined for the default
 * @throws VectabaseError CONFIG_INVALID; USAGE for one that nothing obeys there
 */
export async function changeSetting(dir: string, key: string, text: string | undefined): Promise<SettingChange> {
  const { variable } = describeSetting(key);
  const instead = insteadOf(key, path.resolve(dir));
  if (instead !== undefined) throw notHere(key, instead);
  const value = text === undefined ? undefined : parseSetting(key, text, key);
  const place = key.split('.');
  const changed = await editSettings(dir, (document) => {
    // A plain value goes into the node that is there, and its comment stays.
    if (value !== undefined) document.setIn(place, value instanceof Object ? document.createNode(value) : value);
    else if (document.hasIn(place)) document.deleteIn(place);
  });
  const hidden = loadSettings({ dir }).sources[key] === 'environment';
  return { key, changed, effect: effectOf(key), hiddenBy: hidden ? variable : null };
}

export interface EditResult {
  /** Settings whose value in force is another one now. */
  readonly changes: ReadonlyArray<Pick<SettingChange, 'key' | 'effect'>>;
}

/**
 * Opens vectabase.yml in the person's editor, as a copy: what would not be accepted never takes its place. The copy stays
 * then, and the next edit goes on with it.
 *
 * @throws VectabaseError CONFIG_INVALID, CANCELLED, PRECONDITION_FAILED when somebody else changed the file meanwhile
 */
export async function editSettingsFile(dir: string): Promise<EditResult> {
  const again = `vectabase config edit${targetWords({ dir })}`;
  const copy = path.join(path.resolve(dir), `${SETTINGS_FILE}.edit`);
  const before = await readSettingsText(dir);
  const left = await readFile(copy, 'utf8').catch(() => undefined);
  if (left === undefined) await writeDurably(copy, before);
  await callEditor(copy, { again });
  const edited = await readFile(copy, 'utf8');
  try {
    checkSettingsText(edited, copy);
  } catch (error) {
    if (!(error instanceof VectabaseError)) throw error;
    throw new VectabaseError('CONFIG_INVALID', {
      message: error.message,
      hint: `Run ${again} to go on with the text, which is kept in ${copy}; without that file it begins anew.`,
      details: error.details,
    });
  }
  const values = valuesOf(dir);
  await replaceSettings(dir, (now) => {
    if (now !== before) throw changedMeanwhile(copy);
    return edited;
  });
  await rm(copy, { force: true });
  const after = valuesOf(dir);
  const keys = [...after.keys()].filter((key) => after.get(key) !== values.get(key));
  return { changes: keys.map((key) => ({ key, effect: effectOf(key) })) };
}

/** What to do for the changes to count; undefined when the next command reads them by itself. */
export function howToApply(effects: readonly Effect[], dir: string): string | undefined {
  if (effects.every((effect) => effect === 'next command')) return undefined;
  // An installed machine's servers read what install makes of the file; it restarts whom it concerns.
  if (path.resolve(dir) === INSTALLED.configuration) return 'Run vectabase install for the servers to take it.';
  const what = effects.includes('postgres restart') ? 'Postgres' : 'the daemon';
  return `It counts once ${what} is started with it: stop vectabase up, and run vectabase up${targetWords({ dir })} again.`;
}

/** None where the file is not accepted: an edit may be what mends it. */
function valuesOf(dir: string): Map<string, string> {
  let settings: object;
  try {
    ({ settings } = loadSettings({ dir }));
  } catch {
    return new Map();
  }
  const sections = Object.entries(settings) as Array<[string, object]>;
  return new Map(
    sections.flatMap(([section, values]) =>
      Object.entries(values).map(([name, value]) => [`${section}.${name}`, JSON.stringify(value) ?? ''] as const),
    ),
  );
}

function notHere(key: string, instead: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `${key} is a setting of vectabase up; an installed machine goes by ${instead}`,
    hint: `Run vectabase config set ${instead} VALUE, then vectabase install.`,
  });
}

function changedMeanwhile(copy: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'vectabase.yml was changed by somebody else while it was edited',
    hint: `Nothing was overwritten. Your text is in ${copy}: compare the two (diff), and put into vectabase.yml what you want.`,
  });
}
