import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { environment } from './environment.ts';

/**
 * Where servers of root keep what their own system user must reach: `/root` and many clones are closed to it.
 */
export const ROOT_STATE = '/var/lib/vectabase';

/**
 * Directories that may hold a private copy of the Postgres binaries, best first. All versions share one of them.
 * The last one works for a user without a home.
 */
export function binaryCaches(): string[] {
  const uid = process.getuid?.() ?? 0;
  const temporary = path.join(tmpdir(), `vectabase-${uid}`);
  if (uid === 0) return [ROOT_STATE, temporary].map((directory) => path.join(directory, 'binaries'));
  const cache = environment().XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  return [path.join(cache, 'vectabase'), temporary].map((directory) => path.join(directory, 'binaries'));
}
