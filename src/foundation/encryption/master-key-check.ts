import { clusterHome, clusterPaths, installationPaths } from '../config/directory.ts';
import { writeDurably } from '../core/durable-file.ts';
import { isMasterKey, makeMasterKeyCheck, type MasterKeyCheck } from '../crypto/master-key.ts';
import { readJson } from '../postgres/installation.ts';

/** While one master key takes over from another, the installation starts with either. */
interface CheckFile extends MasterKeyCheck {
  readonly next?: MasterKeyCheck;
}

/** The file beside the cluster that tells the right master key from a wrong one. */
export async function masterKeyCheckFile(dir: string): Promise<string> {
  const { directory, pointer } = installationPaths(dir);
  const outside = await readJson<{ readonly home: string }>(pointer);
  return clusterPaths(outside?.home ?? clusterHome(directory, 'inside')).masterKeyCheck;
}

/** `undefined` when there is no such file yet. */
export async function passesCheck(file: string, key: Buffer): Promise<boolean | undefined> {
  const check = await readJson<CheckFile>(file);
  if (!check) return undefined;
  return (await isMasterKey(key, check)) || (check.next !== undefined && (await isMasterKey(key, check.next)));
}

export async function writeCheck(file: string, key: Buffer): Promise<void> {
  await writeDurably(file, `${JSON.stringify(await makeMasterKeyCheck(key))}\n`);
}

/** From now on either key starts the installation. */
export async function writeCheckOfBoth(file: string, oldKey: Buffer, newKey: Buffer): Promise<void> {
  const [old, next] = await Promise.all([makeMasterKeyCheck(oldKey), makeMasterKeyCheck(newKey)]);
  await writeDurably(file, `${JSON.stringify({ ...old, next } satisfies CheckFile)}\n`);
}
