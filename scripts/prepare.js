/**
 * npm runs this after `npm ci`, and `npx vectabase` runs it again the first time a user starts it from a clone, also
 * where that user may only read. So: build when the sources are newer than the build, else leave all as it is.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

if (isBehind() && mayBuild()) await import('./build.js');

function isBehind() {
  const built = modified('dist/cli/main.js');
  const sources = readdirSync(path.join(root, 'src'), { recursive: true }).map((file) => path.join('src', file));
  return ['package.json', 'tsconfig.json', 'tsconfig.build.json', ...sources].some((file) => modified(file) > built);
}

function modified(file) {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Not an error here: the launcher says what to do when the build is missing. */
function mayBuild() {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
