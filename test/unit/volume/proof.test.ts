import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  proveVolume,
  type BlockDevice,
  type Finding,
  type Ground,
  type ServiceFacts,
  type VolumeFacts,
} from '../../../src/foundation/volume/proof.ts';

const disk = (name = 'vda1'): BlockDevice => ({ name, below: [] });
const mapped = (dmUuid: string, below: BlockDevice[], cipher = 'aes-xts-plain64'): BlockDevice => {
  return { name: 'dm-0', dmUuid, cipher, below };
};
const luks = (...below: BlockDevice[]): BlockDevice => mapped('CRYPT-LUKS2-0a1b-data', below);
const on = (...devices: BlockDevice[]): Ground => ({ fileSystem: 'ext4', fscrypt: 'none', devices });
const service = (more: Partial<ServiceFacts> = {}): ServiceFacts => {
  return { unit: 'postgresql@17-vectabase.service', neverSwaps: true, neverDumps: true, ...more };
};
const GOOD: VolumeFacts = {
  paths: [{ path: '/data', real: '/data', ground: on(luks(disk())) }],
  swap: [],
  corePattern: 'core',
  coreDirectory: undefined,
  services: [],
  aes: 'hardware',
  key: undefined,
  recovery: undefined,
};

function about(rule: Finding['rule'], facts: Partial<VolumeFacts>): [level: string, reason: string] {
  const finding = proveVolume({ ...GOOD, ...facts }).findings.find((each) => each.rule === rule);
  return [finding?.level ?? 'none', finding?.reason ?? ''];
}

const path = (ground: Ground): Partial<VolumeFacts> => ({ paths: [{ path: '/data', real: '/data', ground }] });

describe('a path', () => {
  it.each<[what: string, ground: Ground, level: string, reason: RegExp]>([
    ['a plain disk', on(disk()), 'refused', /nothing encrypts vda1/],
    ['LUKS', on(luks(disk())), 'proved', /LUKS2 on dm-0/],
    ['LVM on LUKS', on(mapped('LVM-abc', [luks(disk())])), 'proved', /LUKS2/],
    ['LUKS on LVM', on(luks(mapped('LVM-abc', [disk()]))), 'proved', /LUKS2/],
    ['LVM over an encrypted and a plain disk', on(mapped('LVM-abc', [luks(disk()), disk('vdb')])), 'refused', /vdb/],
    ['LVM alone', on(mapped('LVM-abc', [disk()])), 'refused', /vda1/],
    ['dm-verity, whose name begins alike', on(mapped('CRYPT-VERITY-ab-x', [disk()])), 'refused', /vda1/],
    ['dm-integrity', on(mapped('CRYPT-INTEGRITY-ab-x', [disk()])), 'refused', /vda1/],
    ['LUKS that hides nothing', on(mapped('CRYPT-LUKS2-ab-x', [disk()], 'cipher_null-ecb')), 'refused', /cipher_null/],
    ['fscrypt', { fileSystem: 'ext4', fscrypt: 'unlocked', devices: [disk()] }, 'proved', /fscrypt/],
    ['fscrypt, locked', { fileSystem: 'ext4', fscrypt: 'locked', devices: [disk()] }, 'refused', /locked/],
    ['a loop device on LUKS', on({ ...disk('loop0'), backing: on(luks(disk())) }), 'proved', /LUKS2.*loop0/],
    ['a loop device on a plain disk', on({ ...disk('loop0'), backing: on(disk()) }), 'refused', /vda1.*loop0/],
    ['a loop device whose file is gone', on({ ...disk('loop0'), backing: 'unknown' }), 'refused', /cannot be found/],
    ['two devices of btrfs, one plain', { ...on(luks(disk()), disk('vdb')), fileSystem: 'btrfs' }, 'refused', /vdb/],
    ['two devices of btrfs on LUKS', { ...on(luks(disk()), luks(disk('b'))), fileSystem: 'btrfs' }, 'proved', /LUKS2/],
    ['encrypted ZFS', { ...on(), fileSystem: 'zfs', zfs: 'aes-256-gcm' }, 'proved', /aes-256-gcm/],
    ['ZFS', { ...on(), fileSystem: 'zfs', zfs: 'off' }, 'refused', /encryption off/],
    ['ZFS that does not answer', { ...on(), fileSystem: 'zfs', zfs: undefined }, 'refused', /unknown/],
    ['ZFS, plain, on an encrypted disk it does not name', { ...on(), fileSystem: 'zfs', zfs: '' }, 'refused', /ZFS/],
    ['an overlay', { ...on(), fileSystem: 'overlay' }, 'refused', /overlay has no device/],
    ['a network', { ...on(), fileSystem: 'nfs4' }, 'refused', /nfs4/],
    ['memory', { ...on(), fileSystem: 'tmpfs' }, 'refused', /tmpfs/],
  ])('on %s', (_, ground, level, reason) => {
    const [found, why] = about('path', path(ground));
    expect([found, why]).toEqual([level, expect.stringMatching(reason)]);
  });

  it('tells where a link leads, and which key is missing', () => {
    const ground: Ground = { fileSystem: 'ext4', fscrypt: 'locked', devices: [] };
    const proof = proveVolume({ ...GOOD, paths: [{ path: '/data/pg_wal', real: '/mnt/wal', ground }] });
    expect(proof).toMatchObject({
      level: 'refused',
      findings: [{ subject: '/data/pg_wal', reason: '/mnt/wal: fscrypt, locked', locked: true }, {}, {}],
    });
  });

  it('is proved only when every way down to a disk passes an encrypting device', () => {
    const { tree } = fc.letrec<{ tree: BlockDevice; node: BlockDevice }>((tie) => ({
      tree: fc.oneof({ depthSize: 'small' }, fc.constant(disk()), tie('node')),
      node: fc.record({
        name: fc.constant('dm-1'),
        dmUuid: fc.constantFrom('CRYPT-LUKS2-a-b', 'CRYPT-PLAIN-b', 'CRYPT-VERITY-a-b', 'LVM-a', 'mpath-a', undefined),
        below: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      }),
    }));
    const hides = ({ dmUuid }: BlockDevice): boolean => /^CRYPT-(LUKS2|PLAIN)-/.test(dmUuid ?? '');
    const branches = (device: BlockDevice): BlockDevice[][] =>
      device.below.length === 0 ? [[device]] : device.below.flatMap(branches).map((branch) => [device, ...branch]);
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 3 }), (devices) => {
        const expected = devices.flatMap(branches).every((branch) => branch.some(hides));
        expect(proveVolume({ ...GOOD, ...path(on(...devices)) }).level).toBe(expected ? 'proved' : 'refused');
      }),
    );
  });
});

describe('swap', () => {
  const area = (device: BlockDevice | Ground): Partial<VolumeFacts> => {
    return { swap: [{ name: '/dev/x', on: device }], services: [service({ neverSwaps: false })] };
  };
  it.each<[what: string, facts: Partial<VolumeFacts>, level: string]>([
    ['none', {}, 'none'],
    ['a plain partition', area(disk()), 'refused'],
    ['an encrypted device', area(mapped('CRYPT-PLAIN-swap', [disk()])), 'proved'],
    ['a file on a plain disk', area(on(disk())), 'refused'],
    ['a file on LUKS', area(on(luks(disk()))), 'proved'],
    ['memory', area(disk('zram0')), 'proved'],
    ['a plain partition that our units cannot reach', { ...area(disk()), services: [service()] }, 'proved'],
    ['a plain partition, before there are units', { ...area(disk()), services: [] }, 'proved'],
    [
      'a plain partition that one of our units can reach',
      { ...area(disk()), services: [service(), service({ unit: 'vectabase.service', neverSwaps: false })] },
      'refused',
    ],
  ])('in %s', (_, facts, level) => {
    expect(about('swap', facts)[0]).toBe(level);
  });
});

describe('core dumps', () => {
  const services = [service({ neverDumps: false })];
  it.each<[what: string, facts: Partial<VolumeFacts>, level: string]>([
    ['beside the data', { corePattern: 'core.%p', services }, 'proved'],
    ['in a plain directory', { corePattern: '/var/crash/%p', coreDirectory: on(disk()), services }, 'noted'],
    [
      'in an encrypted directory',
      { corePattern: '/var/crash/%p', coreDirectory: on(luks(disk())), services },
      'proved',
    ],
    ['in a directory that is not there', { corePattern: '/nowhere/core', services }, 'noted'],
    ['to a program', { corePattern: '|/usr/lib/systemd/systemd-coredump %P', services }, 'noted'],
    ['to a program, of units that dump none', { corePattern: '|/bin/x', services: [service()] }, 'proved'],
    [
      'to a program, of units of which one dumps',
      { corePattern: '|/bin/x', services: [service(), service({ neverDumps: false })] },
      'noted',
    ],
  ])('%s', (_, facts, level) => {
    expect(about('core', facts)[0]).toBe(level);
  });
});

describe('the key', () => {
  it.each<[Partial<VolumeFacts>, key: string, recovery: string]>([
    [{}, 'none', 'none'],
    [{ key: 'tpm2', recovery: true }, 'proved', 'proved'],
    [{ key: 'passphrase', recovery: false }, 'proved', 'noted'],
    [{ key: 'credential', recovery: true }, 'noted', 'proved'],
  ])('%j', (facts, key, recovery) => {
    expect([about('key', facts)[0], about('recovery', facts)[0]]).toEqual([key, recovery]);
  });
});

describe('the whole', () => {
  it('is as good as its worst part, and AES in software only slow', () => {
    expect(proveVolume(GOOD).level).toBe('proved');
    expect(proveVolume({ ...GOOD, aes: 'software' }).level).toBe('noted');
    expect(proveVolume({ ...GOOD, aes: 'software', ...path(on(disk())) }).level).toBe('refused');
    const two = [...GOOD.paths, { path: '/wal', real: '/wal', ground: on(disk()) }];
    expect(proveVolume({ ...GOOD, paths: two }).level).toBe('refused');
  });
});
