import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import type { AgeRecipient } from '../../../src/foundation/crypto/age-keys.ts';
import { serveArchive, type ArchiveServer } from '../../../src/operator/backup/archive/archive-server.ts';
import type { ArchiveObservation } from '../../../src/operator/backup/archive/observations.ts';
import { parseArchiveRequest, ProtocolError } from '../../../src/operator/backup/archive/protocol.ts';
import { Spool } from '../../../src/operator/backup/archive/spool.ts';
import { Uploader } from '../../../src/operator/backup/archive/upload.ts';
import type { WalEntry } from '../../../src/operator/backup/archive/wal-log.ts';
import { Epochs } from '../../../src/operator/backup/epochs.ts';
import { archiveLine, listening, newKeys, runCommandLine, segmentFile, talk } from '../../support/archive.ts';
import { memoryStore } from '../../support/memory-store.ts';

const MB = 1024 * 1024;
const CLUSTER = { systemId: '7000', postgres: '17.10', segmentBytes: MB };
/** `000000010000000000000003`: of 1 MB each. */
const name = (number: number): string => `0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}`;

/** Milliseconds. */
const HOUR = 3_600_000;

describe('the archive', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-spool-'));
  let recipients: AgeRecipient[];
  let directory: string;
  let spool: Spool;
  let server: ArchiveServer;
  let turn = 0;

  const open = async (): Promise<Spool> => {
    const epochs = new Epochs(async () => recipients, systemClock);
    return Spool.open({ directory: path.join(directory, 'spool'), cluster: CLUSTER, epochs, clock: systemClock });
  };
  const kept = (): string[] => spool.waiting.map(({ receipt }) => receipt.file);
  const socket = (): string => path.join(directory, 'archive.sock');
  const send = async (file: string, bytes: Buffer): Promise<string> =>
    talk(socket(), Buffer.concat([Buffer.from(await archiveLine(directory, file, bytes.length)), bytes]));
  /** As Postgres runs it. */
  const command = async (file: string, bytes: Buffer) => {
    const place = path.join(directory, 'pg_wal');
    await mkdir(place, { recursive: true });
    await writeFile(path.join(place, file), bytes);
    return runCommandLine(server.command, { cwd: directory, p: `pg_wal/${file}`, f: file });
  };

  beforeAll(async () => {
    ({ recipients } = await newKeys());
  });

  beforeEach(async () => {
    directory = path.join(home, `it's 100% ${turn++}`);
    spool = await open();
    server = await serveArchive({ directory, spool: () => spool, ...listening<ArchiveObservation>() });
    return async () => server.close();
  });

  afterAll(() => rmSync(home, { recursive: true }));

  test('takes segments, history, labels and partial segments by its client', async () => {
    const files: Array<[string, Buffer]> = [
      [name(3), segmentFile(name(3))],
      ['00000002.history', Buffer.from('1\t0/3000000\tno recovery target specified\n')],
      [`${name(3)}.00000028.backup`, Buffer.from('START WAL LOCATION: 0/3000028\n')],
      [`${name(4)}.partial`, segmentFile(name(4))],
    ];
    for (const [file, bytes] of files) expect(await command(file, bytes)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(kept()).toEqual(['00000002.history', name(3), `${name(3)}.00000028.backup`, `${name(4)}.partial`]);
  });

  test('takes the same file again, and no other one under its name, also after a restart', async () => {
    const [bytes, other] = [segmentFile(name(3)), segmentFile(name(3))];
    expect(await send(name(3), bytes)).toBe('ok\n');
    expect(await send(name(3), bytes)).toBe('same\n');
    expect(await send(name(3), other)).toMatch(/^no .*another content/);
    spool = await open();
    expect(kept()).toEqual([name(3)]);
    expect(await send(name(3), bytes)).toBe('same\n');
    expect((await command(name(3), other)).exitCode).toBe(1);
    const [waiting] = spool.waiting;
    if (waiting) await spool.release(waiting);
    spool = await open();
    expect(await send(name(3), bytes)).toBe('same\n');
    expect(kept()).toEqual([]);
  });

  test('refuses what is no WAL of this cluster', async () => {
    const page = (change: (bytes: Buffer) => void): Buffer => {
      const bytes = segmentFile(name(5));
      change(bytes);
      return bytes;
    };
    const odd: Array<[string, Buffer, RegExp]> = [
      ['postgresql.conf', segmentFile(name(5)), /no name of a WAL file/],
      ['..%2f..%2fetc%2fpasswd', segmentFile(name(5)), /no name of a WAL file/],
      [name(5), segmentFile(name(5), { systemId: '7001' }), /of cluster 7001/],
      [name(5), segmentFile(name(4)), /begins at 0\/400000, not at 0\/500000/],
      [name(5), segmentFile(name(5), { systemId: '7000', timeline: 2 }), /of timeline 2/],
      [name(5), Buffer.alloc(MB), /does not begin as WAL/],
      [name(5), page((bytes) => bytes.writeUInt32LE(16 * MB, 32)), /segments of 16777216 bytes/],
      [name(5), segmentFile(name(5)).subarray(0, MB - 1), /has 1048575 bytes/],
      [name(5), Buffer.concat([segmentFile(name(5)), Buffer.alloc(1)]), /has 1048577 bytes/],
      [name(5), Buffer.alloc(0), /has 0 bytes/],
      ['00000002.history', Buffer.alloc(0), /is empty/],
      ['00000002.history', Buffer.alloc(MB + 1, 'x'), /too long/],
    ];
    for (const [file, bytes, why] of odd) expect(await send(file, bytes)).toMatch(why);
    expect(kept()).toEqual([]);
    expect(await leftovers(directory)).toEqual([]);
    // The first segment of a timeline begins as the old one's.
    expect(await send(name(5).replace('00000001', '00000002'), segmentFile(name(5)))).toBe('ok\n');
  });

  test('keeps nothing of a connection that says too little, too much or nonsense', async () => {
    const whole = segmentFile(name(6));
    const line = await archiveLine(directory, name(6), MB);
    const [, token = ''] = line.split(' ');
    const odd = [
      '',
      '\n',
      'x'.repeat(2000),
      'GET / HTTP/1.1\r\n\r\n',
      line,
      line.trimEnd(),
      line.replace('VTA1', 'VTA2'),
      line.replace(token, 'f'.repeat(64)),
      line.replace(token, ''),
      line.replace(`${MB}`, '-1'),
      line.replace(`${MB}`, '1e6'),
      line.replace(`${MB}`, '99999999999'),
      line.replace(`${MB}`, `${MB} more`),
    ].map((text) => Buffer.from(text));
    odd.push(Buffer.concat([Buffer.from(line), whole.subarray(0, MB - 1)]));
    odd.push(Buffer.concat([Buffer.from(line), whole, Buffer.alloc(100_000)]));
    odd.push(Buffer.concat([Buffer.from(line.replace(`${MB}`, `${MB - 1}`)), whole]));
    for (const bytes of odd) expect(await talk(socket(), bytes)).toMatch(/^(no [\x20-\x7e]+\n)?$/);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4000 }), fc.integer({ min: 1, max: 700 }), async (bytes, pieces) => {
        const answer = await talk(socket(), Buffer.concat([Buffer.from(bytes)]), { pieces });
        expect(answer).toMatch(/^no [\x20-\x7e]+\n$/);
      }),
      { numRuns: 50 },
    );
    expect(kept()).toEqual([]);
    expect(await leftovers(directory)).toEqual([]);
    expect(await talk(socket(), Buffer.concat([Buffer.from(line), whole]), { pieces: 1000 })).toBe('ok\n');
  });

  test('gives one of two clients with one name the right, however they mix', async () => {
    const contents = Array.from({ length: 8 }, () => segmentFile(name(7)));
    const answers = await Promise.all(contents.map(async (bytes) => send(name(7), bytes)));
    expect(answers.filter((answer) => answer === 'ok\n')).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith('no '))).toHaveLength(7);
    const winner = contents[answers.indexOf('ok\n')];
    expect(winner && (await send(name(7), winner))).toBe('same\n');
  });

  test('takes many at once', async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => index + 16);
    const answers = await Promise.all(numbers.map(async (number) => send(name(number), segmentFile(name(number)))));
    expect(new Set(answers)).toEqual(new Set(['ok\n']));
    expect(kept()).toEqual(numbers.map(name));
  });

  test('counts a file as kept by its receipt alone', async () => {
    expect(await send(name(8), segmentFile(name(8)))).toBe('ok\n');
    const book = path.join(directory, 'spool/receipts/7000/wal/00000001/00000000.ndjson');
    const [sealed] = spool.waiting;
    // Killed before the receipt: the sealed file is there, another name's receipt is cut.
    await copyFile(sealed?.path ?? '', (sealed?.path ?? '').replace(name(8), name(9)));
    await appendFile(book, `\n{"file":"${name(9)}","bytes":10485`);
    await writeFile(`${sealed?.path}.new-0123456789ab`, 'half');
    spool = await open();
    expect(kept()).toEqual([name(8)]);
    expect(await leftovers(directory)).toEqual([]);
    const bytes = segmentFile(name(9));
    expect(await send(name(9), bytes)).toBe('ok\n');
    spool = await open();
    expect(kept()).toEqual([name(8), name(9)]);
    expect(await send(name(9), bytes)).toBe('same\n');
  });

  test('its client ends with 1 and says why when nobody listens or the file is gone', async () => {
    const place = { cwd: directory, p: 'absent', f: name(1) };
    expect(await runCommandLine(server.command, place)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/absent: No such file/) as string,
    });
    await server.close();
    expect(await command(name(1), segmentFile(name(1)))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/the daemon does not answer/) as string,
    });
    rmSync(path.join(directory, 'archive-wal.pl'));
    expect((await command(name(1), segmentFile(name(1)))).exitCode).toBe(1);
    server = await serveArchive({ directory, spool: () => undefined, ...listening<ArchiveObservation>() });
    expect(await command(name(1), segmentFile(name(1)))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/Postgres has not answered/) as string,
    });
  });

  test('is refused a directory that everybody can enter, and a socket that somebody listens on', async () => {
    const input = { spool: () => spool, ...listening<ArchiveObservation>() };
    await expect(serveArchive({ ...input, directory })).rejects.toMatchObject({ code: 'LOCK_HELD' });
    expect(await send(name(2), segmentFile(name(2)))).toBe('ok\n');
    await expect(serveArchive({ ...input, directory: tmpdir() })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    });
  });

  describe('brings to a store', () => {
    test('all that waits, in order, and tells the catalogue of ranges without a hole', async () => {
      for (const number of [3, 4, 6]) await send(name(number), segmentFile(name(number)));
      const [store, entries] = [memoryStore(), [] as WalEntry[]];
      const uploader = uploaderTo(store, entries);
      uploader.mark({ timeline: 1, lsn: 0x4f0000n, time: 1_000 });
      uploader.mark({ timeline: 1, lsn: 0x6f0000n, time: 2_000 });
      expect(uploader.status).toMatchObject({ waitingFiles: 3 });
      await uploader.drain();
      expect(entries).toMatchObject([
        { kind: 'epoch', sealed: { recipients: recipients.map(({ text }) => text) } },
        { kind: 'wal', timeline: 1, start: '0/300000', end: '0/500000', lastCommitAt: '1970-01-01T00:00:01.000Z' },
        { kind: 'wal', timeline: 1, start: '0/600000', end: '0/700000', lastCommitAt: '1970-01-01T00:00:02.000Z' },
      ]);
      expect([...store.objects.keys()]).toEqual([3, 4, 6].map((n) => `7000/wal/00000001/00000000/${name(n)}.vbk`));
      expect(kept()).toEqual([]);
    });

    test('nothing that counts as kept there for long without the word of the catalogue', async () => {
      let now = Date.now();
      const append = async (entry: WalEntry): Promise<number> => {
        if (entry.kind === 'wal') throw new Error('the catalogue is broken');
        return 1;
      };
      const input = { spool, store: memoryStore(), catalogue: { append } };
      const uploader = new Uploader(input, {
        ...listening<ArchiveObservation>(),
        clock: { ...systemClock, now: () => now },
      });
      await send(name(3), segmentFile(name(3)));
      await expect(uploader.drain()).rejects.toThrow('the catalogue is broken');
      expect(uploader.status).toMatchObject({ waitingFiles: 0, oldestAt: undefined });
      now += 11 * 60_000;
      expect(uploader.status.oldestAt).toBe(spool.waiting[0]?.receipt.at);
    });

    test('a file that is there already, when it is the same', async () => {
      await send(name(3), segmentFile(name(3)));
      const [store, entries] = [memoryStore(), [] as WalEntry[]];
      const [waiting] = spool.waiting;
      if (!waiting) throw new Error('nothing waits');
      store.objects.set(waiting.key, await readFile(waiting.path));
      await uploaderTo(store, entries).drain();
      expect(entries).toMatchObject([{ kind: 'epoch' }, { kind: 'wal' }]);
      expect(kept()).toEqual([]);
    });

    test('nothing over another file, which is told and kept', async () => {
      await send(name(3), segmentFile(name(3)));
      const [store, entries] = [memoryStore(), [] as WalEntry[]];
      store.objects.set(`7000/wal/00000001/00000000/${name(3)}.vbk`, Buffer.from('of somebody else'));
      await expect(uploaderTo(store, entries).drain()).rejects.toMatchObject({ code: 'BACKUP_WAL_DIFFERS' });
      expect(kept()).toEqual([name(3)]);
    });

    test.each(['STORE_UNREACHABLE', 'DISK_FULL'] as const)('%s for a while: nothing is lost', async (trouble) => {
      const [store, entries] = [memoryStore(), [] as WalEntry[]];
      store.trouble = trouble;
      const ctx = listening<ArchiveObservation>();
      const uploader = new Uploader({ spool, store, catalogue: { append: async (entry) => entries.push(entry) } }, ctx);
      const running = uploader.run();
      for (const number of [3, 4]) expect(await send(name(number), segmentFile(name(number)))).toBe('ok\n');
      await until(() => ctx.told.some(({ event }) => event === 'archive.upload.failed'));
      expect(uploader.status).toMatchObject({ waitingFiles: 2, failure: { code: trouble } });
      store.trouble = undefined;
      await until(() => store.objects.size === 2 && uploader.status.failure === undefined);
      expect(uploader.status).toMatchObject({ waitingFiles: 0, oldestAt: undefined });
      ctx.stop.abort();
      await running;
    });

    test('tells of a segment that was dropped at once, though the store is away', async () => {
      const [store, entries] = [memoryStore(), [] as WalEntry[]];
      store.trouble = 'STORE_UNREACHABLE';
      const ctx = listening<ArchiveObservation>();
      const catalogue = { append: async (entry: WalEntry) => entries.push(entry) };
      const running = new Uploader({ spool, store, catalogue }, ctx, [HOUR, HOUR]).run();
      expect(await send(name(3), segmentFile(name(3)))).toBe('ok\n');
      await until(() => ctx.told.some(({ event }) => event === 'archive.upload.failed'));
      spool.dropping = true;
      expect(await send(name(4), segmentFile(name(4)))).toBe('ok\n');
      await until(() => entries.some(({ kind }) => kind === 'gap'));
      ctx.stop.abort();
      await running;
    });

    test('what waits when it is stopped, as long as there is time for a last word', async () => {
      await send(name(3), segmentFile(name(3)));
      const [store, entries] = [memoryStore(), [] as WalEntry[]];
      const catalogue = { append: async (entry: WalEntry) => entries.push(entry) };
      const ctx = listening<ArchiveObservation>();
      ctx.stop.abort();
      await new Uploader({ spool, store, catalogue, lastWord: AbortSignal.abort() }, ctx).run();
      expect(kept()).toEqual([name(3)]);
      await new Uploader({ spool, store, catalogue, lastWord: new AbortController().signal }, ctx).run();
      expect([kept(), entries.at(-1)]).toMatchObject([[], { kind: 'wal', start: '0/300000' }]);
    });

    function uploaderTo(store: ReturnType<typeof memoryStore>, entries: WalEntry[]): Uploader {
      return new Uploader(
        { spool, store, catalogue: { append: async (entry) => entries.push(entry) } },
        listening<ArchiveObservation>(),
      );
    }
  });
});

describe('the first line of a client', () => {
  test('is taken apart or refused, whatever it is', () => {
    const token = 'a'.repeat(64);
    expect(parseArchiveRequest(`VTA1 ${token} ${name(1)} 16777216`, token)).toEqual({ name: name(1), bytes: 16 * MB });
    const lines = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `VTA1 ${token} ${rest}`),
    );
    fc.assert(
      fc.property(lines, (line) => {
        const parsed = attempt(() => parseArchiveRequest(line, token));
        if (parsed instanceof Error) return parsed instanceof ProtocolError && !parsed.message.includes(token);
        return Number.isSafeInteger(parsed.bytes) && parsed.bytes >= 0 && parsed.bytes <= 2 ** 30;
      }),
    );
  });
});

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}

async function leftovers(directory: string): Promise<string[]> {
  const names = await readdir(path.join(directory, 'spool'), { recursive: true });
  return names.filter((each) => each.includes('.new-'));
}

/** At most 30 seconds. */
async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !done();) {
    if (Date.now() > end) throw new Error('it did not come to pass');
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}
