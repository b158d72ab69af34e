/** `node bench/run.js NAME …`: compiles bench/NAME.ts (Node 20 runs no TypeScript) and runs it with the rest. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const compiled = spawnSync(process.execPath, [tsc, '-p', path.join(here, 'tsconfig.json')], {
  stdio: ['ignore', 2, 2],
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
const [name = 'migrate', ...rest] = process.argv.slice(2);
process.argv.splice(2, Infinity, ...rest);
await import(path.join(here, '.build/bench', `${name}.js`));
