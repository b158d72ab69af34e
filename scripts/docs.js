/**
 * Writes the pages of `docs/` that the code can tell by itself: errors, commands, config.
 * With `--check` it writes nothing, names the pages that are behind and exits 1. Needs a build.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { commandsPage } from './docs/commands.js';
import { configPage } from './docs/config.js';
import { errorsPage } from './docs/errors.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const load = (file) => import(pathToFileURL(path.join(root, 'dist', file)).href);

const { ERROR_CATALOGUE } = await load('foundation/core/error-catalogue.js');
const { EXIT_CODES } = await load('foundation/core/exit-codes.js');
const manifest = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8'));
const pages = {
  'docs/errors.md': errorsPage(ERROR_CATALOGUE, EXIT_CODES),
  'docs/commands.md': commandsPage(manifest, EXIT_CODES),
};
if (existsSync(path.join(root, 'dist/foundation/config/settings.js'))) {
  pages['docs/config.md'] = configPage(await load('foundation/config/settings.js'));
}

const behind = Object.entries(pages).filter(([file, text]) => text !== read(file));
if (process.argv.includes('--check')) {
  for (const [file] of behind) process.stderr.write(`${file} is behind the code: run npm run docs\n`);
  process.exitCode = behind.length === 0 ? 0 : 1;
} else {
  for (const [file, text] of behind) writeFileSync(path.join(root, file), text);
}

function read(file) {
  const at = path.join(root, file);
  return existsSync(at) ? readFileSync(at, 'utf8') : undefined;
}
