import { INSTALLED } from './directory.ts';
import type { Section } from './definitions.ts';

/** When a changed setting counts: with the next command that reads it, or once a server was started again with it. */
export type Effect = 'next command' | 'daemon restart' | 'postgres restart';

const EFFECTS: Readonly<Record<Section, Effect>> = {
  api: 'daemon restart',
  postgres: 'postgres restart',
  log: 'daemon restart',
  rest: 'daemon restart',
  jwt: 'daemon restart',
  auth: 'daemon restart',
  mail: 'daemon restart',
  limits: 'daemon restart',
  secrets: 'daemon restart',
  backup: 'daemon restart',
  // Read by commands alone.
  install: 'next command',
  advise: 'next command',
  encryption: 'next command',
  audit: 'next command',
  source: 'next command',
};

/** On an installed machine: settings of `vectabase up` alone, and what stands for them there. */
const ONLY_FOR_UP: ReadonlyMap<string, string> = new Map([['postgres.port', 'install.postgresPort']]);

/** The setting that is obeyed in `directory` (absolute) instead of this one; undefined where it is itself. */
export function insteadOf(key: string, directory: string): string | undefined {
  return directory === INSTALLED.configuration ? ONLY_FOR_UP.get(key) : undefined;
}

/** @param key `api.port`, one that is known */
export function effectOf(key: string): Effect {
  return EFFECTS[key.split('.')[0] as Section];
}
