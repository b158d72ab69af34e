import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A published package ships `dist/`. A fresh clone builds it in npm's `prepare` step; where scripts are
 * switched off (`ignore-scripts`), the first start does it instead, about two seconds once.
 */
export function ensureBuilt() {
  const at = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
  if (existsSync(at('dist/cli/main.js'))) return;
  const built = spawnSync(process.execPath, [at('scripts/build.js')], { stdio: ['ignore', 2, 2] });
  if (built.status !== 0) process.exit(1);
}
