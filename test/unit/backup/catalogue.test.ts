import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import { newSigningPem, openSigner } from '../../../src/foundation/crypto/signatures.ts';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';
import { openWriter } from '../../../src/operator/backup/catalog/append.ts';
import { documentKey, encodeDocument, sha256Of } from '../../../src/operator/backup/catalog/document.ts';
import type { CatalogueEntry } from '../../../src/operator/backup/catalog/entries.ts';
import { readHead, readTrustedKeys, rotateSigner } from '../../../src/operator/backup/catalog/home.ts';
import { readCatalogue } from '../../../src/operator/backup/catalog/read.ts';
import { adoptCatalogue, rotateCatalogueKey } from '../../../src/operator/backup/keys.ts';
import { makeRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository } from '../../../src/operator/backup/repository.ts';

const SYSTEM = '7512345678901234567';
const signal = new AbortController().signal;

describe('a catalogue', () => {
  let root: string;
  let store: ObjectStore;
  const home = (): { directory: string } => ({ directory: path.join(root, 'home') });
  const file = (number: number): string => path.join(root, 'store', documentKey(SYSTEM, number));
  const writer = (at = store) => openWriter({ store: at, systemId: SYSTEM, home: home(), clock: systemClock, signal });
  /** As this machine reads it, as a new one with the public key does, and as one that knows nothing. */
  const read = async (who: 'machine' | 'kit' | 'nobody' = 'machine') =>
    readCatalogue(
      store,
      SYSTEM,
      {
        keys: who === 'nobody' ? [] : await readTrustedKeys(home()),
        head: who === 'machine' ? await readHead(home(), SYSTEM, store) : undefined,
      },
      signal,
    );
  const expectBroken = async (who: 'machine' | 'kit' | 'nobody', reason: string, number?: number): Promise<void> => {
    const details = number === undefined ? { reason } : { reason, number };
    await expect(read(who)).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN', exitCode: 6, details });
  };

  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'vt-catalogue-'));
    store = directoryStore(path.join(root, 'store'));
    const { append } = writer();
    for (let number = 1; number <= 5; number++) await append(epoch(number));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('is read back whole and in order, by whom it concerns', async () => {
    const { documents, proof } = await read();
    expect(documents.map(({ number, entry }) => [number, entry])).toEqual(
      [1, 2, 3, 4, 5].map((number) => [number, epoch(number)]),
    );
    expect(proof).toEqual({ trust: 'remembered', publicKey: (await readTrustedKeys(home()))[0] });
    expect((await read('kit')).proof.trust).toBe('signed');
    expect((await read('nobody')).proof.trust).toBe('first-use');
  });

  test('is signed by a key that nobody else can read', async () => {
    expect((await stat(path.join(root, 'home', 'catalogue.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(root, 'home', 'catalogue.pub'))).mode & 0o777).toBe(0o644);
  });

  test('loses nothing to writers at the same time', async () => {
    const writers = [writer(), writer(), writer()];
    const numbers = await Promise.all(
      writers.flatMap(({ append }, which) =>
        Array.from({ length: 10 }, async (_, each) => append(epoch(100 * (which + 1) + each))),
      ),
    );
    expect(numbers.toSorted((one, two) => one - two)).toEqual(Array.from({ length: 30 }, (_, at) => at + 6));
    const { documents } = await read();
    expect(documents).toHaveLength(35);
    expect(new Set(documents.map(({ entry }) => JSON.stringify(entry))).size).toBe(35);
  });

  describe('whose key was rotated', () => {
    const repository = async () => openRepository({ directory: path.join(root, 'store'), home: home() });
    const rotate = async (): Promise<string> => rotateCatalogueKey(await repository(), { clock: systemClock, signal });
    beforeEach(async () => {
      await makeRecoveryKey(home(), path.join(root, 'recovery.key'), Date.now());
    });

    test('is believed by those who know the old key, and those who know the new one', async () => {
      const [old = ''] = await readTrustedKeys(home());
      const publicKey = await rotate();
      await writer().append(epoch(9));
      for (const keys of [[old], [publicKey]]) {
        const { documents, proof } = await readCatalogue(store, SYSTEM, { keys }, signal);
        expect(documents).toHaveLength(8);
        expect(proof.publicKey).toBe(publicKey);
      }
    });

    test('and killed on the way goes on with the key that the catalogue was told of', async () => {
      const stopping = openWriter({ store, systemId: SYSTEM, home: home(), clock: systemClock, signal });
      await expect(
        rotateSigner(home(), async (next) => {
          await stopping.append({ kind: 'key-rotated', publicKey: next });
          throw new Error('killed');
        }),
      ).rejects.toThrow('killed');
      await writer().append(epoch(9));
      expect((await read('kit')).documents).toHaveLength(7);
    });

    test('and killed before that goes on with the old key', async () => {
      await expect(rotateSigner(home(), async () => Promise.reject(new Error('killed')))).rejects.toThrow('killed');
      await writer().append(epoch(9));
      expect((await read('kit')).documents).toHaveLength(6);
      await rotate();
      expect((await read('kit')).documents).toHaveLength(8);
    });

    test('goes on under the key of a new machine, and readers with the old key alone are told', async () => {
      const known = await readTrustedKeys(home());
      const fresh = { directory: path.join(root, 'fresh-home') };
      const moved = await openRepository({ directory: path.join(root, 'store'), home: fresh });
      const publicKey = await adoptCatalogue(moved, known, { clock: systemClock, signal });
      expect((await readCatalogue(store, SYSTEM, { keys: [publicKey] }, signal)).documents).toHaveLength(6);
      await expectBroken('kit', 'foreign', 6);
    });
  });

  describe('tells that', () => {
    test.each([1, 2, 4])('document %i was taken away', async (number) => {
      await rm(file(number));
      for (const who of ['machine', 'kit', 'nobody'] as const) await expectBroken(who, 'missing', number);
    });

    test('its tail was taken away: a machine that saw it knows, a new one cannot', async () => {
      await rm(file(5));
      await expectBroken('machine', 'rolled-back', 5);
      expect((await read('kit')).documents).toHaveLength(4);
      await expect(writer().append(epoch(9))).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN' });
    });

    test('all of it was taken away', async () => {
      rmSync(path.join(root, 'store'), { recursive: true });
      await expectBroken('machine', 'rolled-back', 1);
    });

    test('an older state was brought back and gone on with', async () => {
      cpSync(path.join(root, 'store'), path.join(root, 'old'), { recursive: true });
      await writer().append(epoch(6));
      await writer().append(epoch(7));
      rmSync(path.join(root, 'store'), { recursive: true });
      cpSync(path.join(root, 'old'), path.join(root, 'store'), { recursive: true });
      await expectBroken('machine', 'rolled-back', 6);
      await expect(writer().append(epoch(8))).rejects.toMatchObject({ details: { reason: 'rolled-back' } });
      expect(await readdir(path.dirname(file(1)))).toHaveLength(5);
    });

    test('documents were exchanged', async () => {
      await rename(file(2), `${file(2)}.x`);
      await rename(file(3), file(2));
      await rename(`${file(2)}.x`, file(3));
      for (const who of ['machine', 'kit', 'nobody'] as const) await expectBroken(who, 'changed', 2);
    });

    test('any byte of it was changed', async () => {
      const bytes = await readFile(file(3));
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await writeFile(file(3), changed);
        await expect(read('kit'), `byte ${at}`).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN' });
      }
    });

    test('any end of it was cut', async () => {
      const bytes = await readFile(file(5));
      for (let length = 0; length < bytes.length; length += 7) {
        await writeFile(file(5), bytes.subarray(0, length));
        await expectBroken('kit', 'changed', 5);
      }
      await writeFile(file(5), Buffer.concat([bytes, Buffer.from(' ')]));
      await expectBroken('kit', 'changed', 5);
    });

    test('a stranger added to it', async () => {
      await writeFile(file(6), await strangers(6, sha256Of(await readFile(file(5)))));
      await expectBroken('machine', 'foreign', 6);
      await expectBroken('kit', 'foreign', 6);
      await expect(writer().append(epoch(9))).rejects.toMatchObject({ details: { reason: 'foreign' } });
    });

    test('a stranger wrote all of it', async () => {
      let previous = '0'.repeat(64);
      for (let number = 1; number <= 5; number++) {
        const bytes = await strangers(number, previous);
        await writeFile(file(number), bytes);
        previous = sha256Of(bytes);
      }
      await expectBroken('kit', 'foreign', 1);
      expect((await read('nobody')).proof.trust).toBe('first-use');
    });

    test('it is the catalogue of another cluster', async () => {
      const other = '7500000000000000000';
      const { append } = openWriter({ store, systemId: other, home: home(), clock: systemClock, signal });
      await append(epoch(1));
      await writeFile(file(1), await readFile(path.join(root, 'store', documentKey(other, 1))));
      await expectBroken('kit', 'foreign', 1);
    });
  });
});

function epoch(number: number): CatalogueEntry {
  return { kind: 'epoch', id: `epoch-${number}`, keySha256: sha256Of(Buffer.from(String(number))) };
}

/** Without a flaw, but for who signed it. */
async function strangers(number: number, previous: string): Promise<Buffer> {
  const signer = openSigner(newSigningPem());
  if (!signer) throw new Error('no signer');
  return encodeDocument(
    { number, previous, systemId: SYSTEM, at: new Date().toISOString(), entry: epoch(number) },
    signer,
  );
}
