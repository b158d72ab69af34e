import { existsSync } from 'node:fs';

/** The configuration of a machine that `vectabase install` set up. */
export const MACHINE_DIRECTORY = '/etc/vectabase';

/** Where an installation is when nobody says: in the directory at hand, else what `install` made of this machine. */
export function defaultDirectory(): string {
  const here = '.vectabase';
  return existsSync(here) || !existsSync(MACHINE_DIRECTORY) ? here : MACHINE_DIRECTORY;
}
