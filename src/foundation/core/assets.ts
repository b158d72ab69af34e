import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Absolute path of a file shipped beside the code (`templates/…`, `package.json`).
 * Works from `src/` under vitest and from `dist/` when installed, as both sit at the same depth.
 */
export function assetPath(...segments: string[]): string {
  return path.join(packageRoot(), ...segments);
}

function packageRoot(): string {
  let directory = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(directory, 'package.json'))) {
    const parent = path.dirname(directory);
    if (parent === directory) throw new Error('package root not found');
    directory = parent;
  }
  return directory;
}
