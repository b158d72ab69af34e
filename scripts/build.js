/** Compiles `src/` to `dist/` beside it and swaps the result in, so that a running command never sees half a build. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const fresh = mkdtempSync(path.join(root, '.dist-'));
chmodSync(fresh, 0o755); // mkdtemp makes 0700: other users of a shared clone could not run it
const compiled = spawnSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.build.json'), '--outDir', fresh], {
  stdio: ['ignore', 2, 2],
});
if (compiled.status !== 0) {
  rmSync(fresh, { recursive: true, force: true });
  process.exit(compiled.status ?? 1);
}
const old = `${fresh}-old`;
try {
  renameSync(path.join(root, 'dist'), old);
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
renameSync(fresh, path.join(root, 'dist'));
rmSync(old, { recursive: true, force: true });
