import { existsSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
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

export async function versionOf(root: string): Promise<string> {
  return (JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
