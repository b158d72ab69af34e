import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newIdentityFile, parseIdentities, parseRecipient } from '../../../src/foundation/crypto/age-keys.ts';
import type { AgeIdentity, AgeRecipient } from '../../../src/foundation/crypto/age-keys.ts';
import { sealStream } from '../../../src/foundation/crypto/sealed-stream.ts';
import { openFile, openSealed, sealFile, type OpenOptions } from '../../../src/operator/backup/container.ts';
import { newKeys } from '../../support/archive.ts';
import { Epochs, newEpoch, openWith, openWithEpoch, type Epoch } from '../../../src/operator/backup/epochs.ts';

const OBJECT = 'wal/00000001/00000000/000000010000000000000003';
const FACTS = {
  kind: 'wal',
  object: OBJECT,
  systemId: '74',
  timeline: 1,
  postgres: '17.10',
  createdAt: 'now',
} as const;

describe('a container', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-container-'));
  const file = path.join(home, 'one.vbk');
  const plain = Buffer.concat([randomBytes(2_500_000), Buffer.alloc(1_000_000)]);
  let recipients: AgeRecipient[];
  let identities: AgeIdentity[];
  let epoch: Epoch;

  beforeAll(async () => {
    identities = (await parseIdentities(await newIdentityFile(0))) ?? [];
    recipients = identities.flatMap(({ recipient }) => parseRecipient(recipient) ?? []);
    epoch = await newEpoch(recipients, Date.now());
    await seal(plain);
  });
  afterAll(() => rmSync(home, { recursive: true }));

  const seal = async (bytes: Buffer, to = file) =>
    sealFile(to, Readable.from([bytes]), { facts: FACTS, epoch }, { signal: new AbortController().signal });
  const read = async (source: Buffer | Buffer[], options: Partial<OpenOptions> = {}): Promise<Buffer> => {
    const stream = Readable.from(Array.isArray(source) ? source : [source], { objectMode: false });
    const { read: hand } = await openSealed(stream, { name: 'it', opener: openWith(identities), ...options });
    let bytes = Buffer.alloc(0);
    await hand(async (content) => {
      bytes = await buffer(content);
    });
    return bytes;
  };

  test('opens with the recovery key and with its epoch', async () => {
    const sealed = await readFile(file);
    expect((await read(sealed)).equals(plain)).toBe(true);
    expect((await read(sealed, { opener: openWithEpoch(epoch) })).equals(plain)).toBe(true);
    const opened = await openFile(file, { opener: openWith(identities) });
    expect(opened).toMatchObject({ fingerprint: epoch.fingerprint, header: { ...FACTS, version: 2, epoch: epoch.id } });
    await opened.read(async (content) => expect((await buffer(content)).equals(plain)).toBe(true));
  });

  test('opens in whatever pieces it comes', async () => {
    await seal(Buffer.from('a few bytes'), path.join(home, 'small.vbk'));
    const sealed = await readFile(path.join(home, 'small.vbk'));
    for (let size = 1; size < sealed.length + 1; size += 7) {
      const pieces = Array.from({ length: Math.ceil(sealed.length / size) }, (_, at) =>
        sealed.subarray(at * size, (at + 1) * size),
      );
      expect((await read(pieces)).toString()).toBe('a few bytes');
    }
  });

  test('of nothing is one, too', async () => {
    await seal(Buffer.alloc(0), path.join(home, 'empty.vbk'));
    expect((await read(await readFile(path.join(home, 'empty.vbk')))).length).toBe(0);
  });

  test('is another than was expected: refused before it is opened', async () => {
    const sealed = await readFile(file);
    for (const wanted of [
      { object: `${OBJECT}.partial`, systemId: '74' },
      { object: OBJECT, systemId: '75' },
    ]) {
      await expect(read(sealed, { expect: wanted })).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    }
  });

  test('of another epoch does not open with this one', async () => {
    const other = await newEpoch(recipients, Date.now());
    await expect(read(await readFile(file), { opener: openWithEpoch(other) })).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
  });

  test('of version 1, compressed with gzip, stays readable', async () => {
    const header = Buffer.from(
      JSON.stringify({
        object: 'base/20261122T030000Z/base.tar',
        systemId: '74',
        createdAt: 'then',
        postgres: '17.10',
        compression: 'gzip',
        key: epoch.wrapped,
      }),
    );
    const start = Buffer.from('VTBACKUP\x01\0\0\0\0', 'latin1');
    start.writeUInt32BE(header.length, 9);
    const preamble = Buffer.concat([start, header]);
    const body = Readable.from([plain])
      .pipe(createGzip())
      .pipe(sealStream(epoch.key, createHash('sha256').update(preamble).digest()));
    expect((await read(Buffer.concat([preamble, await buffer(body)]))).equals(plain)).toBe(true);
  });

  test('of three segments is refused with any byte before them changed, and bytes all over them', async () => {
    const sealed = await readFile(file);
    const start = 13 + sealed.readUInt32BE(9);
    // All of what each segment begins and ends with, and some of what is between (every byte: sealed-stream.test.ts).
    const edges = [start, start + 2 ** 20, start + 2 ** 21, sealed.length].flatMap((edge) =>
      Array.from({ length: 20 }, (_, at) => edge - 10 + at),
    );
    const some = Array.from({ length: 40 }, () => Math.floor(Math.random() * sealed.length));
    const inside = (places: number[]): number[] => [...places, ...edges, ...some].filter((at) => at < sealed.length);
    // Whoever has the key all the same: what stands before the payload is bound to it.
    const opener = async (): Promise<Buffer> => epoch.key;
    for (const at of inside([...Array.from({ length: start }).keys()])) {
      sealed[at] = (sealed[at] ?? 0) ^ 0x10;
      await expect(read(sealed, { opener })).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
      sealed[at] = (sealed[at] ?? 0) ^ 0x10;
    }
    for (const end of inside([...Array.from({ length: start + 48 }).keys()])) {
      await expect(read(sealed.subarray(0, end), { opener })).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    }
  }, 60_000);

  test('that is no container, or half of one, is refused', async () => {
    const sealed = await readFile(file);
    const odd = [Buffer.alloc(0), Buffer.from('VTBACKUP'), sealed.subarray(0, 200), randomBytes(5000)];
    odd.push(Buffer.concat([Buffer.from('VTBACKUP\x03'), sealed.subarray(9)]));
    odd.push(Buffer.concat([Buffer.from('VTBACKUP\x02\xff\xff\xff\xff', 'latin1'), sealed]));
    for (const bytes of odd) await expect(read(bytes)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await writeFile(path.join(home, 'odd.vbk'), 'no');
    await expect(openFile(path.join(home, 'odd.vbk'), { opener: openWith(identities) })).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
    await expect(openFile(path.join(home, 'absent.vbk'), { opener: openWith(identities) })).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
  });
});

describe('epochs', () => {
  const HOUR = 3_600_000;

  test('last a day, end when told, and begin again when the clock was set back', async () => {
    let now = Date.parse('2026-11-22T03:00:00Z');
    const [identity] = (await parseIdentities(await newIdentityFile(0))) ?? [];
    const recipient = parseRecipient(identity?.recipient ?? '');
    const epochs = new Epochs(async () => (recipient ? [recipient] : []), { now: () => now });
    const [first, same] = await Promise.all([epochs.current(), epochs.current()]);
    expect(same).toBe(first);
    expect(first.id).toMatch(/^20261122T030000Z-[0-9a-f]{8}$/);
    now += 23 * HOUR;
    expect(await epochs.current()).toBe(first);
    now += HOUR;
    const second = await epochs.current();
    expect(second.fingerprint).not.toBe(first.fingerprint);
    epochs.end();
    const third = await epochs.current();
    expect(third.id).not.toBe(second.id);
    now -= HOUR;
    expect((await epochs.current()).id).not.toBe(third.id);
  });

  test('end for a new recovery key, and not for keys that cannot be read for a while', async () => {
    let keys: AgeRecipient[] | undefined = (await newKeys()).recipients;
    const asked = async (): Promise<AgeRecipient[]> => {
      if (keys) return keys;
      throw new Error('the disk is away');
    };
    const epochs = new Epochs(asked, { now: () => 0 });
    const first = await epochs.current();
    keys = undefined;
    expect(await epochs.current()).toBe(first);
    keys = (await newKeys()).recipients;
    const second = await epochs.current();
    expect(second.recipients).toEqual(keys.map(({ text }) => text));
    expect(await epochs.current()).toBe(second);
  });

  test('that could not begin are tried again', async () => {
    let keys: AgeRecipient[] = [];
    const epochs = new Epochs(async () => keys, { now: () => 0 });
    await expect(epochs.current()).rejects.toThrow('nobody to seal for');
    const [identity] = (await parseIdentities(await newIdentityFile(0))) ?? [];
    keys = [parseRecipient(identity?.recipient ?? '')].filter((key) => key !== undefined);
    expect(await epochs.current()).toBeDefined();
  });
});
