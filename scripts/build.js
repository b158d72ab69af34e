/**
 * Compiles `src/` beside `dist/` and swaps the result in, so that a running command never sees half a build.
 * Then writes `oclif.manifest.json`, which spares every start the reading of all commands.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const fresh = mkdtempSync(path.join(root, '.dist-'));
chmodSync(fresh, 0o755); // mkdtemp makes 0700: other users of a shared clone could not run it
try {
  compile();
  const manifest = await describeCommands();
  swapIn(fresh, path.join(root, 'dist'));
  writeAtomically(path.join(root, 'oclif.manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function compile() {
  const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const project = path.join(root, 'tsconfig.build.json');
  const compiled = spawnSync(process.execPath, [tsc, '-p', project, '--outDir', fresh], { stdio: ['ignore', 2, 2] });
  if (compiled.status === 0) return;
  rmSync(fresh, { recursive: true, force: true });
  process.exit(compiled.status ?? 1);
}

/** The manifest of the fresh build. A command that cannot be loaded stops the build here, not the operator later. */
async function describeCommands() {
  const { Plugin } = await import('@oclif/core');
  const pjson = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const commands = path.join(fresh, 'commands');
  const plugin = new Plugin({
    root,
    isRoot: true,
    pjson: { ...pjson, oclif: { ...pjson.oclif, commands: `./${path.relative(root, commands)}` } },
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  for (const command of Object.values(plugin.manifest.commands)) {
    if (command.relativePath) command.relativePath[0] = 'dist';
  }
  return plugin.manifest;
}

/** A directory cannot be replaced in one step; two builds at once (two first starts) may cross each other here. */
function swapIn(from, to) {
  for (let attempt = 1; ; attempt += 1) {
    const old = `${from}-old-${attempt}`;
    try {
      renameSync(to, old);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    try {
      renameSync(from, to);
      return;
    } catch (error) {
      if (attempt === 5 || !['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

function writeAtomically(file, text) {
  const temporary = `${fresh}-manifest`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}
