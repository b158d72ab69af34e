import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/foundation/core/observe.ts';
import type { AgeIdentity } from '../../../src/foundation/crypto/age-keys.ts';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import type { ObjectStore } from '../../../src/foundation/objects/store.ts';
import { documentKey } from '../../../src/operator/backup/catalog/document.ts';
import { liveEpochKeys, lockedEpochs } from '../../../src/operator/backup/catalog/epoch-keys.ts';
import { readTrustedKeys } from '../../../src/operator/backup/catalog/home.ts';
import { entriesOf } from '../../../src/operator/backup/catalog/view.ts';
import { sealFile } from '../../../src/operator/backup/container.ts';
import { copyStore } from '../../../src/operator/backup/copy/run.ts';
import { decryptFile } from '../../../src/operator/backup/decrypt.ts';
import { findDump, openDumpPart } from '../../../src/operator/backup/dump/find.ts';
import { epochEntry, newEpoch, openWith, wrapKey, type Epoch } from '../../../src/operator/backup/epochs.ts';
import { listKeys } from '../../../src/operator/backup/keys.ts';
import { storeKey } from '../../../src/operator/backup/names.ts';
import { openIn } from '../../../src/operator/backup/opener.ts';
import {
  addRecipient,
  makeRecoveryKey,
  readRecipients,
  readRecoveryKey,
} from '../../../src/operator/backup/recovery-key.ts';
import { readCatalogues, type Repository } from '../../../src/operator/backup/repository.ts';
import { addRecoveryKey, removeRecoveryKey } from '../../../src/operator/backup/rewrap.ts';
import { newKeys } from '../../support/archive.ts';
import { BackupFixture, quietContext, SYSTEM } from '../../support/backup-fixture.ts';

const { signal } = new AbortController();
const clock = systemClock;
let root: string;
let fixture: BackupFixture;
let repository: Repository;
/** Whose key the backups were made for, and one that came later. */
let old: AgeIdentity[];
let later: AgeIdentity[];
let recipient: string;

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'vt-rewrap-'));
  fixture = new BackupFixture(root);
  const file = path.join(root, 'old.key');
  await makeRecoveryKey(fixture.home, file, Date.now());
  old = await readRecoveryKey(file);
  later = (await newKeys()).identities;
  recipient = later[0]?.recipient ?? '';
  const { store, home } = fixture;
  repository = { store, home, staging: root, trustedKeys: await readTrustedKeys(home) };
});
afterEach(() => rmSync(root, { recursive: true }));

const AT = '2026-01-01T00:00:00.000Z';
const objectOf = (label: string): string => `dump/${label}/globals.sql`;

/** A dump with one part, whose content is its label. */
async function dump(label: string, told: 'sealed' | 'bare' = 'sealed'): Promise<Epoch> {
  const epoch = await newEpoch(await readRecipients(fixture.home), Date.now());
  const object = objectOf(label);
  const facts = { kind: 'dump' as const, object, systemId: SYSTEM, postgres: '17.10', createdAt: AT };
  const file = path.join(root, `${label}.vbk`);
  const sealed = await sealFile(file, Readable.from([Buffer.from(label)]), { facts, epoch }, { signal });
  const { sealed: _, ...bare } = epochEntry(epoch);
  await fixture.add(told === 'sealed' ? epochEntry(epoch) : bare);
  const entry = { label, postgres: '17.10', startedAt: AT, finishedAt: AT, databases: ['shop'], epoch: epoch.id };
  await fixture.add({ kind: 'dump', ...entry, objects: [sealed] }, [await readFile(file)]);
  return epoch;
}

async function read(label: string, identities: readonly AgeIdentity[], from = repository): Promise<string> {
  let content = '';
  const part = await openDumpPart(from, await findDump(from, label, signal), {
    part: 'globals.sql',
    identities,
    signal,
  });
  await part(async (plain) => {
    content = await text(plain);
  });
  return content;
}

async function add(identities = old, to = repository) {
  return addRecoveryKey({ repository: to, recipient, identities, clock, signal });
}

async function documents() {
  const [catalogue] = await readCatalogues(repository, signal);
  return catalogue?.documents ?? [];
}

async function locked(): Promise<ReturnType<typeof lockedEpochs>> {
  const keys = (await readCatalogues(repository, signal)).flatMap(liveEpochKeys);
  return lockedEpochs(
    keys,
    (await readRecipients(fixture.home)).map((each) => each.text),
  );
}

describe('a recovery key that came later', () => {
  test('opens nothing that is there, and then all of it, whose files are as they were', async () => {
    const epochs = [await dump('a'), await dump('b', 'bare')];
    const bytes = await readFile(path.join(root, 'store', storeKey(SYSTEM, objectOf('a'))));
    await addRecipient(fixture.home, recipient);
    expect(await locked()).toEqual([{ recipient, epochs: [epochs[0]?.id] }]); // of the other nobody knows
    await expect(read('a', later)).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });

    expect(await add()).toEqual({ recipient, rewrapped: 2, unopened: [] });
    for (const label of ['a', 'b']) {
      expect(await read(label, later)).toBe(label);
      expect(await read(label, old)).toBe(label);
    }
    expect(await readFile(path.join(root, 'store', storeKey(SYSTEM, objectOf('a'))))).toEqual(bytes);
    expect(await locked()).toEqual([]);
    const count = (await documents()).length;
    expect(await add()).toMatchObject({ rewrapped: 0 });
    expect(await documents()).toHaveLength(count);
  });

  test('opens one file alone, with its store named', async () => {
    await dump('a');
    const file = path.join(root, 'a.vbk');
    const [bare, out] = [path.join(root, 'bare'), path.join(root, 'out')];
    await add();
    await expect(decryptFile({ file, opener: openWith(later), sink: bare }, signal)).rejects.toMatchObject({
      code: 'SECRETS_KEY_WRONG',
    });
    await decryptFile({ file, opener: openIn(repository, later), sink: out }, signal);
    expect(await readFile(out, 'utf8')).toBe('a');
  });

  test('opens a copy in another place, on a machine that knows the catalogue key alone', async () => {
    await dump('a');
    await add();
    const away = directoryStore(path.join(root, 'away'));
    const { store, home } = fixture;
    const { trustedKeys } = repository;
    await copyStore({ systemId: SYSTEM, from: store, to: away, home, trustedKeys }, quietContext());
    const elsewhere = { store: away, home: { directory: path.join(root, 'new') }, staging: root, trustedKeys };
    expect(await read('a', later, elsewhere)).toBe('a');
  });

  test('is said to be lacking where the keys at hand do not open what is there', async () => {
    const { id } = await dump('a');
    expect(await add((await newKeys()).identities)).toEqual({ recipient, rewrapped: 0, unopened: [id] });
    expect(await locked()).toEqual([{ recipient, epochs: [id] }]);
  });

  test('is added to what only another key opens, by that one', async () => {
    await dump('a');
    await add();
    await removeRecoveryKey({ repository, recipient: old[0]?.recipient ?? '', force: false, clock, signal });
    await dump('b');
    const third = await newKeys();
    const input = { repository, recipient: third.identities[0]?.recipient ?? '', clock, signal };
    expect(await addRecoveryKey({ ...input, identities: later })).toMatchObject({ rewrapped: 2, unopened: [] });
    expect(await read('a', third.identities)).toBe('a');
    expect(await read('b', third.identities)).toBe('b');
    await expect(read('b', old)).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });
    expect(await read('a', old)).toBe('a'); // nobody can take that away
  });

  test('is added from where it was, killed before or after any write', { timeout: 60_000 }, async () => {
    for (let each = 0; each < 3; each++) await dump(`d${each}`);
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.boolean(), async (writes, before) => {
        later = (await newKeys()).identities;
        recipient = later[0]?.recipient ?? '';
        let left = writes;
        const { store } = fixture;
        const dying: ObjectStore = {
          ...store,
          put: async (...args) => {
            if (left === 0 && before) throw new Error('killed');
            await store.put(...args);
            if (left-- === 0) throw new Error('killed');
          },
        };
        await add(old, { ...repository, store: dying }).catch(() => undefined);
        await add();
        for (let each = 0; each < 3; each++) expect(await read(`d${each}`, later)).toBe(`d${each}`);
        expect(await add()).toMatchObject({ rewrapped: 0, unopened: [] });
      }),
      { numRuns: 8 },
    );
  });
});

describe('a stranger who can write to the store', () => {
  test('cannot wrap a key of his for the owner: what nobody signed is not believed', async () => {
    const epoch = await dump('a');
    const number = (await documents()).length + 1;
    const stranger = new BackupFixture(path.join(root, 'stranger'));
    const mine = { epoch: epoch.id, wrapped: (await newEpoch(await readRecipients(fixture.home), 0)).wrapped };
    for (let each = 1; each < number; each++) await stranger.add(epochEntry(epoch));
    await stranger.add({ kind: 'rewrapped', recipients: [recipient], keys: [mine] });
    const forged = await readFile(path.join(root, 'stranger', 'store', documentKey(SYSTEM, number)));
    await fixture.store.put(documentKey(SYSTEM, number), forged, { signal });
    await expect(read('a', old)).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN' });
  });

  test('cannot bring back an older wrapping in the place of a newer one', async () => {
    await dump('a');
    await add();
    const at = entriesOf(await documents(), 'rewrapped')[0]?.number ?? 0;
    const store = path.join(root, 'store');
    const bytes = await readFile(path.join(store, documentKey(SYSTEM, at)));
    await dump('b');
    const last = (await documents()).length;
    await rm(path.join(store, documentKey(SYSTEM, last)));
    await writeFile(path.join(store, documentKey(SYSTEM, last)), bytes);
    await expect(read('a', later)).rejects.toMatchObject({ code: 'CATALOGUE_BROKEN' });
  });

  test('cannot make the owner wrap another key than the one that was signed for', async () => {
    const epoch = await dump('a', 'bare');
    const file = path.join(root, 'store', storeKey(SYSTEM, objectOf('a')));
    const genuine = await readFile(file);
    // The same epoch by its name, another key, sealed for the owner.
    const own = { ...(await newEpoch(await readRecipients(fixture.home), 0)), id: epoch.id };
    const facts = { kind: 'dump' as const, object: objectOf('a'), systemId: SYSTEM, postgres: '17', createdAt: AT };
    await rm(file);
    await sealFile(file, Readable.from([Buffer.from('his')]), { facts, epoch: own }, { signal });
    expect(await add()).toMatchObject({ rewrapped: 0, unopened: [epoch.id] });
    await expect(read('a', old)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await writeFile(file, genuine);
    expect(await add()).toMatchObject({ rewrapped: 1, unopened: [] });
    expect(await read('a', later)).toBe('a');
  });

  test('would gain nothing by keys that changed places', async () => {
    const [one, two] = [await dump('a'), await dump('b')];
    const { identities, recipients } = await newKeys();
    const keys = [{ epoch: one.id, wrapped: await wrapKey(two.key, recipients) }];
    await fixture.add({ kind: 'rewrapped', recipients: recipients.map((each) => each.text), keys });
    const message = expect.stringContaining(`another key for epoch ${one.id}`) as string;
    await expect(read('a', identities)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message });
    expect(await read('a', old)).toBe('a');
  });
});

describe('a recovery key that is removed', () => {
  const remove = async (whom = old[0]?.recipient ?? '', force = false) =>
    removeRecoveryKey({ repository, recipient: whom, force, clock, signal });

  test('seals nothing new, and goes on opening what is there', async () => {
    await dump('a');
    await add();
    expect(await remove()).toEqual({ recipient: old[0]?.recipient, opens: 1, left: [recipient], shown: false });
    await dump('b');
    await expect(read('b', old)).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });
    expect(await read('b', later)).toBe('b');
    expect(await listKeys(repository, signal)).toMatchObject({
      recovery: [{ recipient, locked: 0 }],
      removed: [{ recipient: old[0]?.recipient, opens: 1 }],
    });
    expect(entriesOf(await documents(), 'recipients').at(-1)?.entry.recipients).toEqual([recipient]);
  });

  test('is not, while it is the only one, or the only one that opens what is kept', async () => {
    const { id } = await dump('a');
    await expect(remove(recipient)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(remove()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    await addRecipient(fixture.home, recipient);
    await expect(remove()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', details: { epochs: [id] } });
    expect(await readRecipients(fixture.home)).toHaveLength(2);
    expect(await remove(undefined, true)).toMatchObject({ left: [recipient] });
  });

  test('is forgotten with the last file that it opens', async () => {
    await dump('a');
    await addRecipient(fixture.home, recipient);
    const reason = 'window 30 days';
    await fixture.add({ kind: 'pruned', store: fixture.store.url, objects: ['dump/a'], reason });
    expect(await locked()).toEqual([]);
    expect(await remove()).toMatchObject({ opens: 0 });
    expect((await listKeys(repository, signal)).removed).toEqual([]);
  });
});
