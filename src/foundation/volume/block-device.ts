import { readFile, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { BlockDevice, Ground } from './proof.ts';

/** How to look at a device; other places than the kernel's are for tests. */
export interface BlockLooker {
  /** `/sys`. */
  readonly sys: string;
  /** What the file behind a loop device lies on. */
  readonly groundOf: (file: string) => Promise<Ground | undefined>;
  /** First word of dm-crypt's table. */
  readonly cipherOf: (device: string) => Promise<string | undefined>;
}

/**
 * A block device and all that it is made of, down to the disks, as sysfs tells: `slaves/` of the device mapper and of
 * arrays, the whole device of a partition, the file of a loop device. Undefined when the kernel knows none.
 *
 * @param device `254:1`
 */
export async function readBlockDevice(device: string, looker: BlockLooker): Promise<BlockDevice | undefined> {
  try {
    return await describe(await realpath(path.join(looker.sys, 'dev/block', device)), looker);
  } catch {
    return undefined;
  }
}

/** @param name `dm-0`, `vda1` */
export async function readNamedDevice(name: string, looker: BlockLooker): Promise<BlockDevice | undefined> {
  const number = await textOf(path.join(looker.sys, 'class/block', name, 'dev'));
  return number === undefined ? undefined : readBlockDevice(number, looker);
}

async function describe(directory: string, looker: BlockLooker): Promise<BlockDevice> {
  const name = path.basename(directory);
  const at = (file: string): Promise<string | undefined> => textOf(path.join(directory, file));
  const [dmUuid, number, partition, loopFile] = await Promise.all([
    at('dm/uuid'),
    at('dev'),
    at('partition'),
    at('loop/backing_file'),
  ]);
  const slaves = await readdir(path.join(directory, 'slaves')).catch(() => []);
  const parts = await Promise.all(slaves.map((slave) => realpath(path.join(directory, 'slaves', slave))));
  if (partition !== undefined) parts.push(path.dirname(directory));
  const cipher = dmUuid?.startsWith('CRYPT-') && number !== undefined ? await looker.cipherOf(number) : undefined;
  const below = await Promise.all(parts.map((part) => describe(part, looker)));
  const backing = loopFile === undefined ? undefined : ((await looker.groundOf(loopFile)) ?? 'unknown');
  return { name, dmUuid, cipher, below, backing };
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  }
}
