import { lstat, readFile, readdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../process/run.ts';
import { readAes } from './aes.ts';
import { readBlockDevice, readNamedDevice, type BlockLooker } from './block-device.ts';
import { fscryptPolicy } from './fscrypt-policy.ts';
import { isWithin, mountOf, readMounts, type Mount } from './mounts.ts';
import type { BlockDevice, Ground, KeyKind, PathFacts, ServiceFacts, SwapFacts, VolumeFacts } from './proof.ts';

/** What has to be encrypted on a machine. */
export interface Guarded {
  /** Directories; what their links lead to and what is mounted below them is looked at as well. */
  readonly paths: readonly string[];
  /** Data directories of Postgres clusters. */
  readonly clusters: readonly string[];
  /** systemd units that hold row data in memory. */
  readonly units: readonly string[];
  readonly key: KeyKind | undefined;
  readonly recovery: boolean | undefined;
}

/** Looks at the machine that we run on. Needs root: PGDATA is closed to everybody else. */
export async function readVolumeFacts({ paths, clusters, units, ...rest }: Guarded): Promise<VolumeFacts> {
  const mounts = await readMounts();
  const looker = newLooker(mounts);
  const linked = await Promise.all(clusters.map(linksOfCluster));
  const asked = [...new Set([...paths, ...clusters, ...linked.flat()])];
  const real = await Promise.all(asked.map(nearest));
  const mounted = mounts.map(({ point }) => point).filter((point) => real.some((above) => below(point, above)));
  const all = [...asked, ...mounted.filter((point) => !asked.includes(point))];
  const corePattern = (await textOf('/proc/sys/kernel/core_pattern')).trim();
  const [pathFacts, swap, services, aes, coreDirectory] = await Promise.all([
    Promise.all(all.map((each) => pathFactsOf(each, looker))),
    readSwap(mounts, looker),
    Promise.all(units.map(readService)),
    readAes(),
    corePattern.startsWith('/') ? looker.groundOf(path.dirname(corePattern)) : undefined,
  ]);
  return { paths: pathFacts, swap, services: services.flat(), aes, corePattern, coreDirectory, ...rest };
}

/** Postgres follows these links out of PGDATA: WAL elsewhere, tablespaces. */
async function linksOfCluster(data: string): Promise<string[]> {
  const spaces = path.join(data, 'pg_tblspc');
  const names = await readdir(spaces).catch(() => []);
  const candidates = [path.join(data, 'pg_wal'), ...names.map((name) => path.join(spaces, name))];
  const isLink = await Promise.all(
    candidates.map(async (each) => (await lstat(each).catch(() => undefined))?.isSymbolicLink() ?? false),
  );
  return candidates.filter((_, index) => isLink[index]);
}

function below(point: string, above: string): boolean {
  return point !== above && isWithin(point, above);
}

async function pathFactsOf(asked: string, looker: BlockLooker): Promise<PathFacts> {
  const real = await nearest(asked);
  const ground = (await looker.groundOf(real)) ?? { fileSystem: 'nothing mounted', fscrypt: 'none', devices: [] };
  return { path: asked, real, ground };
}

/** Where a path really is. What does not exist yet will be made in the directory that does, or where a link leads. */
async function nearest(asked: string): Promise<string> {
  try {
    return await realpath(asked);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // In a locked directory names cannot be looked up.
    if (asked === '/' || !['ENOENT', 'ENOKEY', 'ENOTDIR'].includes(code ?? '')) throw error;
    const link = await readlink(asked).catch(() => undefined);
    return nearest(link === undefined ? path.dirname(asked) : path.resolve(path.dirname(asked), link));
  }
}

function newLooker(mounts: readonly Mount[]): BlockLooker {
  const looker: BlockLooker = {
    sys: '/sys',
    cipherOf,
    groundOf: async (file) => {
      const real = await realpath(file).catch(() => undefined);
      return real === undefined ? undefined : groundOf(real, mounts, looker);
    },
  };
  return looker;
}

async function groundOf(real: string, mounts: readonly Mount[], looker: BlockLooker): Promise<Ground | undefined> {
  const mount = mountOf(mounts, real);
  if (mount === undefined) return undefined;
  const isDirectory = (await lstat(real)).isDirectory();
  const policy = await fscryptPolicy(isDirectory ? real : path.dirname(real));
  const key = policy?.key === 'present' ? 'unlocked' : 'locked';
  return {
    fileSystem: mount.fileSystem,
    fscrypt: policy === undefined ? 'none' : key,
    zfs: mount.fileSystem === 'zfs' ? await zfsEncryption(mount.source) : undefined,
    devices: mount.fileSystem === 'btrfs' ? await btrfsDevices(mount, looker) : await devicesOf(mount, looker),
  };
}

async function devicesOf({ device }: Mount, looker: BlockLooker): Promise<BlockDevice[]> {
  const found = await readBlockDevice(device, looker);
  return found === undefined ? [] : [found];
}

/** btrfs spreads over devices, of which mountinfo names one; sysfs lists them all, by the UUID of the file system. */
async function btrfsDevices({ source }: Mount, looker: BlockLooker): Promise<BlockDevice[]> {
  const name = path.basename(await realpath(source).catch(() => source));
  const root = path.join(looker.sys, 'fs/btrfs');
  for (const uuid of await readdir(root).catch(() => [])) {
    const names = await readdir(path.join(root, uuid, 'devices')).catch((): string[] => []);
    if (!names.includes(name)) continue;
    const found = await Promise.all(names.map((each) => readNamedDevice(each, looker)));
    return found.map((each, index) => each ?? { name: names[index] ?? name, below: [] });
  }
  return [];
}

async function zfsEncryption(dataset: string): Promise<string | undefined> {
  const { exitCode, stdout } = await run(['zfs', 'get', '-H', '-o', 'value', 'encryption', dataset]);
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** The table holds the key as zeros unless one asks for it, and we do not. */
async function cipherOf(device: string): Promise<string | undefined> {
  const [major = '', minor = ''] = device.split(':');
  const { exitCode, stdout } = await run(['dmsetup', 'table', '--major', major, '--minor', minor]);
  return exitCode === 0 ? /\bcrypt (\S+)/.exec(stdout)?.[1] : undefined;
}

async function readSwap(mounts: readonly Mount[], looker: BlockLooker): Promise<SwapFacts[]> {
  const lines = (await textOf('/proc/swaps')).split('\n').slice(1);
  const names = lines.flatMap((line) => line.split(/\s+/)[0] || []);
  return Promise.all(
    names.map(async (name): Promise<SwapFacts> => {
      const real = await realpath(name).catch(() => name);
      const device = await readNamedDevice(path.basename(real), looker);
      const on = device ?? (await groundOf(real, mounts, looker).catch(() => undefined));
      return { name, on: on ?? { name: path.basename(name), below: [] } };
    }),
  );
}

async function readService(unit: string): Promise<ServiceFacts[]> {
  const { stdout } = await run(['systemctl', 'show', '-p', 'LoadState,MemorySwapMax,LimitCORE', unit]);
  const facts = new Map(stdout.split('\n').map((line) => line.split('=') as [string, string]));
  if (facts.get('LoadState') !== 'loaded') return [];
  return [{ unit, neverSwaps: facts.get('MemorySwapMax') === '0', neverDumps: facts.get('LimitCORE') === '0' }];
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
