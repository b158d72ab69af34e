import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAes } from '../../../src/foundation/volume/aes.ts';
import { readBlockDevice, readNamedDevice, type BlockLooker } from '../../../src/foundation/volume/block-device.ts';
import { mountOf, parseMounts } from '../../../src/foundation/volume/mounts.ts';

describe('a block device', () => {
  let sys: string;
  let looker: BlockLooker;

  beforeAll(async () => {
    sys = await mkdtemp(path.join(tmpdir(), 'vb-sys-'));
    looker = {
      sys,
      groundOf: async (file) =>
        file === '/srv/disk.img' ? { fileSystem: 'ext4', fscrypt: 'none', devices: [] } : undefined,
      cipherOf: async (device) => `cipher of ${device}`,
    };
    await makeDevice('vda', '254:0');
    await makeDevice('vda/vda1', '254:1', { partition: '1' });
    await makeDevice('vdb', '254:16');
    await makeDevice('dm-0', '253:0', { 'dm/uuid': 'CRYPT-LUKS2-0a-data' }, ['vda/vda1']);
    await makeDevice('dm-1', '253:1', { 'dm/uuid': 'LVM-xyz' }, ['dm-0', 'vdb']);
    await makeDevice('loop0', '7:0', { 'loop/backing_file': '/srv/disk.img' });
    await makeDevice('loop1', '7:1', { 'loop/backing_file': '/srv/disk.img (deleted)' });
  });
  afterAll(async () => rm(sys, { recursive: true }));

  /** As the kernel lays it out: devices under /devices, links to them everywhere else. */
  async function makeDevice(
    place: string,
    number: string,
    files: Readonly<Record<string, string>> = {},
    slaves: readonly string[] = [],
  ): Promise<void> {
    const directory = path.join(sys, 'devices', place);
    for (const [name, text] of Object.entries({ dev: number, ...files })) {
      await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
      await writeFile(path.join(directory, name), `${text}\n`);
    }
    await mkdir(path.join(directory, 'slaves'), { recursive: true });
    for (const slave of slaves) {
      await symlink(path.join(sys, 'devices', slave), path.join(directory, 'slaves', path.basename(slave)));
    }
    for (const [kind, name] of [
      ['dev/block', number],
      ['class/block', path.basename(place)],
    ] as const) {
      await mkdir(path.join(sys, kind), { recursive: true });
      await symlink(directory, path.join(sys, kind, name));
    }
  }

  it('is told down to the disks', async () => {
    expect(await readBlockDevice('253:1', looker)).toMatchObject({
      name: 'dm-1',
      dmUuid: 'LVM-xyz',
      below: [
        {
          name: 'dm-0',
          dmUuid: 'CRYPT-LUKS2-0a-data',
          cipher: 'cipher of 253:0',
          below: [{ name: 'vda1', below: [{ name: 'vda', below: [] }] }],
        },
        { name: 'vdb', below: [] },
      ],
    });
  });
  it('of a loop tells where its file lies, or that it is gone', async () => {
    expect(await readNamedDevice('loop0', looker)).toMatchObject({ name: 'loop0', backing: { fileSystem: 'ext4' } });
    expect(await readNamedDevice('loop1', looker)).toMatchObject({ name: 'loop1', backing: 'unknown' });
  });
  it('that nobody knows is none', async () => {
    expect(await readBlockDevice('9:9', looker)).toBeUndefined();
    expect(await readNamedDevice('sdz', looker)).toBeUndefined();
  });
});

describe('mounts', () => {
  const mounts = parseMounts(
    [
      '22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw',
      '40 22 253:0 / /var/lib/data rw - ext4 /dev/mapper/data rw',
      '41 40 0:40 / /var/lib/data rw shared:3 master:1 - tmpfs none rw',
      '42 22 0:41 / /mnt/with\\040space rw - zfs tank/a\\040b rw',
      '',
    ].join('\n'),
  );
  it.each([
    ['/etc/passwd', 'ext4'],
    ['/var/lib/data', 'tmpfs'], // the later one hides the earlier
    ['/var/lib/data/x', 'tmpfs'],
    ['/var/lib/database', 'ext4'],
    ['/mnt/with space/x', 'zfs'],
  ])('%s lies on %s', (file, fileSystem) => {
    expect(mountOf(mounts, file)?.fileSystem).toBe(fileSystem);
  });
  it('name what is mounted', () => {
    expect(mountOf(mounts, '/mnt/with space')).toEqual({
      device: '0:41',
      point: '/mnt/with space',
      fileSystem: 'zfs',
      source: 'tank/a b',
    });
  });
});

describe('AES', () => {
  const block = (name: string, driver: string, priority: number): string =>
    `name         : ${name}\ndriver       : ${driver}\nmodule       : kernel\npriority     : ${priority}`;
  it.each([
    ['the processor', [block('xts(aes)', 'xts-aes-aesni', 401), block('aes', 'aes-generic', 100)], 'hardware'],
    ['an ARM processor', [block('xts(aes)', 'xts-aes-ce', 300)], 'hardware'],
    ['software', [block('xts(aes)', 'xts(ecb(aes-fixed-time))', 101), block('aes', 'aes-aesni', 300)], 'software'],
    ['software, until XTS is used', [block('aes', 'aes-generic', 100)], 'software'],
    ['the better of two', [block('aes', 'aes-generic', 100), block('aes', 'aes-aesni', 300)], 'hardware'],
    ['nobody knows what', [], 'unknown'],
  ])('by %s', (_, blocks, expected) => {
    expect(parseAes(blocks.join('\n\n'))).toBe(expected);
  });
});
