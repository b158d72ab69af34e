import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

/** Below this floor the packages fail one by one with words that tell nobody what to do. */
export function ensureNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail('USAGE', 2, `vectabase needs Node 20.19 or newer, this is ${process.versions.node}`, [
    'Install a newer Node (Debian 13: apt-get install nodejs npm) and run the command again.',
  ]);
}

/**
 * A published package ships `dist/`. A fresh clone builds it in npm's `prepare` step; where scripts are
 * switched off (`ignore-scripts`), the first start does it instead, about a second once.
 */
export function ensureBuilt() {
  if (existsSync(at('dist/cli/main.js'))) return;
  const root = at('');
  if (!has('typescript/package.json') || !has('@oclif/core')) {
    fail('NOT_BUILT', 5, 'this copy is not built, and the packages to build it are not installed', [
      `Run npm ci in ${root}`,
    ]);
  }
  if (!isWritable(root)) {
    fail('NOT_BUILT', 5, `this copy is not built, and ${os.userInfo().username} may not write to ${root}`, [
      'Run npm run build there as the owner of the directory, once.',
    ]);
  }
  const built = spawnSync(process.execPath, [at('scripts/build.js')], { stdio: ['ignore', 2, 2] });
  if (built.status !== 0) {
    fail('NOT_BUILT', 5, 'the build failed; its output is above', [`Run npm ci in ${root}, then the command again.`]);
  }
}

const at = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

function has(specifier) {
  try {
    createRequire(import.meta.url).resolve(specifier);
    return true;
  } catch {
    return false;
  }
}

function isWritable(directory) {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The shape that `src/cli/main.ts` gives every error, for the moment before it can be loaded. */
function fail(code, exitCode, message, hints) {
  if (process.argv.includes('--json')) {
    const error = { code, message, hint: hints.join('\n'), details: {}, exitCode };
    process.stdout.write(`${JSON.stringify({ error })}\n`);
  } else {
    process.stderr.write(
      [`error ${message}`, ...hints.map((hint) => `  ${hint}`), `  ${code} · exit ${exitCode}`, ''].join('\n'),
    );
  }
  process.exit(exitCode);
}
