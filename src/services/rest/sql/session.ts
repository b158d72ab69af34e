import { Params } from './params.ts';

export type Setting = readonly [name: string, value: string];

/** Transaction-local settings in one statement. Which names occur is part of its text, so texts stay few. */
export function settingsStatement(settings: readonly Setting[]): { text: string; values: Array<string | null> } {
  const params = new Params();
  const calls = settings.map(([name, value]) => `set_config(${params.add(name)}, ${params.add(value)}, true)`);
  return { text: `select ${calls.join(', ')}`, values: params.values };
}
