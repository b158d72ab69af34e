import { literal } from '../../../foundation/postgres/sql.ts';

export type Setting = readonly [name: string, value: string];

/** Transaction-local settings in one statement. Which names occur is its text, so texts stay few; none is a client's. */
export function settingsStatement(settings: readonly Setting[]): { text: string; values: string[] } {
  const calls = settings.map(([name], at) => `set_config(${literal(name)}, $${at + 1}, true)`);
  return { text: `select ${calls.join(', ')}`, values: settings.map(([, value]) => value) };
}
