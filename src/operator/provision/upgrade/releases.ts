import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { copyRelease } from '../install/package/copy-release.ts';
import { digestOf, releaseFiles } from '../install/package/release-files.ts';

/** The release that runs; undefined on a machine that has none. */
export async function currentRelease(): Promise<string | undefined> {
  const target = await readlink(INSTALLED.current).catch(() => undefined);
  return target !== undefined && existsSync(target) ? target : undefined;
}

/** Puts a package among the releases, under a name that tells its content. One that is there already stays as it is. */
export async function addRelease(root: string): Promise<string> {
  if (path.dirname(root) === INSTALLED.releases) return root;
  const files = await releaseFiles(root);
  const digest = await digestOf(files);
  const directory = path.join(INSTALLED.releases, `${await versionOf(root)}-${digest.slice(0, 8)}`);
  if (!existsSync(directory)) await copyRelease(directory, files);
  return directory;
}

/**
 * Takes away every release but these, and what a killed copy left beside them. Of Node's own copies those stay that a
 * release leads to.
 *
 * @returns the names of those that went
 */
export async function pruneReleases(keep: readonly string[], home: string = INSTALLED.releases): Promise<string[]> {
  const kept = new Set(keep.map((directory) => path.basename(directory)));
  const names = await readdir(home).catch((): string[] => []);
  const gone = names.filter((name) => !kept.has(name));
  for (const name of gone) await rm(path.join(home, name), { recursive: true, force: true });
  const nodes = await Promise.all(
    keep.map(async (directory) => readlink(path.join(directory, 'node')).catch(() => '')),
  );
  const copies = (await readdir(path.dirname(home))).filter((name) => name.startsWith('node-v'));
  for (const name of copies) {
    const file = path.join(path.dirname(home), name);
    if (!nodes.includes(file)) await rm(file, { force: true });
  }
  return gone.toSorted();
}

export async function versionOf(root: string): Promise<string> {
  return (JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
