import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TrixieTree } from './trixie-tree.ts';
import { runOrFail } from '../../src/foundation/process/run-or-fail.ts';

/** A disk in a file: a block device that nothing else uses. */
export interface LoopDisk {
  /** `/dev/loop3` */
  readonly device: string;
  /** The file that holds what is written to it. */
  readonly image: string;
  release(): Promise<void>;
}

/** @param mkfs arguments of mkfs.ext4; without them the disk stays blank */
export async function loopDisk(megabytes: number, mkfs?: readonly string[]): Promise<LoopDisk> {
  const directory = await mkdtemp('/var/tmp/vb-disk-');
  const image = path.join(directory, 'image');
  await writeFile(image, '');
  await truncate(image, megabytes * 2 ** 20);
  if (mkfs) await runOrFail(['mkfs.ext4', '-q', ...mkfs, image]);
  const device = (await runOrFail(['losetup', '--find', '--show', image])).trim();
  return {
    device,
    image,
    release: async () => {
      await runOrFail(['losetup', '--detach', device]);
      await rm(directory, { recursive: true });
    },
  };
}

/**
 * Mounts a disk where `install` puts data, also after a reboot: what the file system of a tree lies on is the host's, and
 * nothing for a test to encrypt. A line of fstab would wait for udev, which no container has.
 */
export async function mountForData(tree: TrixieTree, { device }: LoopDisk): Promise<void> {
  const unit = `[Unit]
DefaultDependencies=no
Before=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount ${device} /var/lib/vectabase
[Install]
WantedBy=local-fs.target
`;
  await tree.run(['mkdir', '-p', '/var/lib/vectabase']);
  await tree.run(['tee', '/etc/systemd/system/disk.service'], { input: unit });
  await tree.run(['systemctl', 'enable', '--now', 'disk.service']);
  await tree.run(['rmdir', '/var/lib/vectabase/lost+found']);
}
