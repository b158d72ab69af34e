import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { runOrFail } from '../../src/foundation/process/run-or-fail.ts';
import { copyRelease } from '../../src/operator/provision/install/package/copy-release.ts';
import { releaseFiles } from '../../src/operator/provision/install/package/release-files.ts';
import { trixieTree } from './trixie-cache.ts';

/** What a virtual machine starts from. */
export interface MachineImage {
  readonly kernel: string;
  readonly initrd: string;
  /** A whole disk with ext4, of a fresh Debian 13. Never written to. */
  readonly system: string;
  /** A disk with this package, which the system mounts at /vectabase. */
  readonly release: string;
  /** Takes the copy of this package away again. */
  forget(): Promise<void>;
}

/** Why no machine can be made here, or undefined when one can. */
function machineObstacle(): string | undefined {
  const needed = [
    '/usr/bin/qemu-system-x86_64',
    '/usr/bin/qemu-img',
    '/usr/bin/swtpm',
    '/usr/share/OVMF/OVMF_CODE_4M.fd',
  ];
  const missing = needed.filter((file) => !existsSync(file));
  return missing.length === 0
    ? undefined
    : `needs ${missing.join(', ')}: apt-get install qemu-system-x86 qemu-utils swtpm ovmf`;
}

/** Made once from the cached tree (20 s); this package anew each time (5 s). */
export async function machineImage(): Promise<MachineImage> {
  const obstacle = machineObstacle();
  if (obstacle !== undefined) throw new Error(`a virtual machine ${obstacle}`);
  const tree = await trixieTree('machine');
  const system = `${tree}.ext4`;
  if (!existsSync(system)) {
    const growing = `${system}.${process.pid}`;
    await runOrFail(['mke2fs', '-q', '-t', 'ext4', '-d', tree, growing, '5G'], { timeout: 600_000 });
    await rename(growing, system);
  }
  const directory = await mkdtemp('/var/tmp/vb-release-');
  const staging = path.join(directory, 'releases', 'package');
  await copyRelease(staging, await releaseFiles(assetPath()));
  await mkdir(path.join(staging, 'test'), { recursive: true });
  await cp(assetPath('test', 'support'), path.join(staging, 'test', 'support'), { recursive: true });
  const release = path.join(directory, 'release.ext4');
  await runOrFail(
    ['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-L', 'release', '-d', staging, release, '600M'],
    {
      timeout: 600_000,
    },
  );
  return {
    kernel: path.join(tree, 'vmlinuz'),
    initrd: path.join(tree, 'initrd.img'),
    system,
    release,
    forget: async () => rm(directory, { recursive: true }),
  };
}
