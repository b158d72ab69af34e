import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { sealForAge } from '../../../src/foundation/crypto/age.ts';
import { Encrypter } from 'age-encryption';
import { editSecrets } from '../../../src/operator/secrets/edit.ts';
import { checkSecrets } from '../../../src/operator/secrets/check.ts';
import { addRecipients, listRecipients, removeRecipient } from '../../../src/operator/secrets/recipients.ts';
import { readRecipients } from '../../../src/operator/secrets/recipients-file.ts';
import { rotateIdentity, rotateSecret } from '../../../src/operator/secrets/rotate.ts';
import type { SecretStore } from '../../../src/operator/secrets/store.ts';
import { getSecret, setSecret, takeSecrets, unsetSecrets } from '../../../src/operator/secrets/values.ts';
import { canary } from '../../support/canary.ts';
import { openTestStore, scratch } from '../../support/secrets.ts';

const all = async (store: SecretStore): Promise<Record<string, string>> =>
  Object.fromEntries(await takeSecrets(store, undefined, { operation: 'export' }));
const dirOf = ({ paths }: SecretStore): string => path.dirname(paths.directory);

test('a file is written only when something changed: each change in git is a change', async () => {
  const store = await openTestStore();
  expect(await setSecret(store, 'A', '1')).toMatchObject({ change: 'written' });
  const before = readFileSync(store.file);
  expect(await setSecret(store, 'A', '1')).toMatchObject({ change: 'unchanged' });
  expect(await store.rewrap({ operation: 'rewrap' })).toEqual([{ environment: 'production', change: 'unchanged' }]);
  expect(readFileSync(store.file).equals(before)).toBe(true);
  await setSecret(store, 'A', '2');
  expect(readFileSync(store.file).equals(before)).toBe(false);
  expect([store.file, store.paths.identity].map((file) => (statSync(file).mode & 0o777).toString(8))).toEqual([
    '644',
    '600',
  ]);
});

test('writers in one process take turns: nothing is lost', async () => {
  const store = await openTestStore();
  const names = Array.from({ length: 12 }, (_, index) => `N${index}`);
  await Promise.all(names.map(async (name) => setSecret(store, name, `value of ${name}`)));
  expect(await all(store)).toEqual(Object.fromEntries(names.map((name) => [name, `value of ${name}`])));
});

test('git takes the sealed files and the public keys, and nothing else', async () => {
  const store = await openTestStore();
  await setSecret(store, 'A', '1');
  const dir = store.paths.directory;
  const git = (...words: string[]): string => spawnSync('git', ['-C', dir, ...words]).stdout.toString();
  git('init', '-q');
  git('add', '.');
  expect(git('ls-files').trim().split('\n').toSorted()).toEqual(['.gitignore', 'production.env.age', 'recipients']);
});

test.each([
  ['empty', '', /is empty/],
  ['with a zero byte', 'a\0b', /zero byte/],
  ['half of a letter', '\ud800', /no valid text/],
  ['longer than an environment takes', 'x'.repeat(131_072), /longer than 128 KiB/],
])('a value %s is refused, and not repeated', async (_, value, message) => {
  const store = await openTestStore();
  await expect(setSecret(store, 'NAME', value)).rejects.toMatchObject({
    code: 'SECRET_INVALID',
    message: expect.stringMatching(message) as string,
  });
});

test.each(['', '1A', 'A-B', 'A B', 'é', 'sk_live_51Habcdefgh', 'LD_PRELOAD', 'NODE_OPTIONS', 'PATH'])(
  'the name %j is refused',
  async (name) => {
    await expect(setSecret(await openTestStore(), name, 'x')).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  },
);

test('names that are not there are neither repeated nor logged: they may be values', async () => {
  const store = await openTestStore();
  await setSecret(store, 'A', '1');
  const slipped = canary();
  for (const attempt of [
    async () => getSecret(store, slipped),
    async () => unsetSecrets(store, [slipped]),
    async () => takeSecrets(store, [slipped], { operation: 'exec' }),
    async () => rotateSecret(store, slipped, 'x', { keepPrevious: false }),
  ]) {
    await expect(attempt()).rejects.toMatchObject({
      code: 'SECRET_MISSING',
      message: expect.not.stringContaining(slipped) as string,
    });
  }
});

describe('a damaged file', () => {
  test.each([
    ['cut', (file: Buffer) => file.subarray(0, file.length - 40), 'SECRETS_FILE_INVALID'],
    ['with another letter', (file: Buffer) => file.fill(file[300] === 65 ? 66 : 65, 300, 301), 'SECRETS_FILE_INVALID'],
    ['empty', () => Buffer.alloc(0), 'SECRETS_FILE_INVALID'],
    ['in clear', () => Buffer.from('A=1'), 'SECRETS_FILE_INVALID'],
  ])('%s is refused and stays as it is', async (_, damage, code) => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    writeFileSync(store.file, damage(readFileSync(store.file)));
    const bad = readFileSync(store.file);
    await expect(getSecret(store, 'A')).rejects.toMatchObject({ code });
    await expect(setSecret(store, 'A', '2')).rejects.toMatchObject({ code });
    expect(readFileSync(store.file).equals(bad)).toBe(true);
  });
});

describe('recipients', () => {
  test('a colleague with a clone gets in by a public key, and out again', async () => {
    const ann = await openTestStore();
    await setSecret(ann, 'A', '1');
    const bobs = path.join(scratch(), 'shop');
    const share = (): void => {
      mkdirSync(path.join(bobs, 'secrets'), { recursive: true });
      for (const name of ['recipients', 'production.env.age']) {
        writeFileSync(path.join(bobs, 'secrets', name), readFileSync(path.join(ann.paths.directory, name)));
      }
    };
    share();
    await expect(openTestStore(bobs)).rejects.toMatchObject({ code: 'SECRETS_KEY_MISSING' });
    expect(existsSync(path.join(bobs, 'secrets/identity'))).toBe(false); // no key is made by accident
    const bob = await openTestStore(bobs, { newcomer: true });
    const { own } = await listRecipients(bob);
    await expect(getSecret(bob, 'A')).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG', exitCode: 4 });
    expect(await addRecipients(ann, [own], 'bob')).toMatchObject({ sealed: ['production'] });
    share();
    expect(await getSecret(bob, 'A')).toBe('1');
    expect(await removeRecipient(ann, 'bob')).toMatchObject({ sealed: ['production'], known: ['A'] });
    share();
    await expect(getSecret(bob, 'A')).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });
    await expect(removeRecipient(ann, (await listRecipients(ann)).own)).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    });
  });

  test('let in at once by two people, both are in', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    const keys = await Promise.all([1, 2, 3].map(async () => (await openTestStore()).identities[0].recipient));
    await Promise.all(keys.map(async (key) => addRecipients(store, [key], undefined)));
    const { recipients } = await listRecipients(store);
    expect(recipients.map(({ key }) => key)).toEqual(expect.arrayContaining(keys));
  });

  test('whoever cannot open the files cannot change the list', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    const list = readFileSync(store.paths.recipients, 'utf8');
    rmSync(store.paths.identity);
    const stranger = await openTestStore(dirOf(store), { newcomer: true });
    const { own } = await listRecipients(stranger);
    await expect(addRecipients(stranger, [own], undefined)).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });
    expect(readFileSync(store.paths.recipients, 'utf8')).toBe(list);
  });

  test.each(['AGE-SECRET-KEY-1QQQ', 'age1nonsense', 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7', 'ann'])(
    '%s is no public key, and is not repeated',
    async (line) => {
      const attempt = addRecipients(await openTestStore(), [line], undefined);
      await expect(attempt).rejects.toMatchObject({
        code: 'SECRET_INVALID',
        message: expect.not.stringContaining(line) as string,
      });
    },
  );

  test('a list with a typing error, or gone, stops every write', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    const list = readFileSync(store.paths.recipients, 'utf8');
    writeFileSync(
      store.paths.recipients,
      list.replace(/.\n$/, 'q\n').replace(/q\n$/, list.endsWith('q\n') ? 'p\n' : 'q\n'),
    );
    await expect(setSecret(store, 'A', '2')).rejects.toMatchObject({ code: 'SECRETS_FILE_INVALID' });
    rmSync(store.paths.recipients);
    await expect(openTestStore(dirOf(store))).rejects.toMatchObject({ code: 'SECRETS_FILE_INVALID' });
  });
});

describe('the private key', () => {
  test('is replaced, and the old one opens nothing any more', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    await setSecret(store.of('staging'), 'A', '2');
    await rotateIdentity(store);
    await expect(getSecret(store, 'A')).rejects.toMatchObject({ code: 'SECRETS_KEY_WRONG' });
    const again = await openTestStore(dirOf(store), { environment: 'staging' });
    expect(await getSecret(again, 'A')).toBe('2');
    expect(await readRecipients(store.paths.recipients)).toHaveLength(1);
  });

  test('is replaced by the next run when one was stopped half-way: with both keys every file opens', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    const old = readFileSync(store.paths.identity, 'utf8');
    const fresh = await openTestStore();
    writeFileSync(store.paths.identity, readFileSync(fresh.paths.identity, 'utf8') + old, { mode: 0o600 });
    const halfway = await openTestStore(dirOf(store));
    expect(await getSecret(halfway, 'A')).toBe('1');
    expect(await rotateIdentity(halfway)).toMatchObject({ recipient: fresh.identities[0].recipient });
    expect(await getSecret(await openTestStore(dirOf(store)), 'A')).toBe('1');
    expect(readFileSync(store.paths.identity, 'utf8')).toBe(readFileSync(fresh.paths.identity, 'utf8'));
  });

  test('that others can read is refused; one from systemd, and one that is named, are taken', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    const { identity } = store.paths;
    chmodSync(identity, 0o640);
    await expect(openTestStore(dirOf(store))).rejects.toMatchObject({
      code: 'SECRETS_KEY_MISSING',
      hint: expect.stringContaining('chmod 600') as string,
    });
    const credentials = scratch();
    writeFileSync(path.join(credentials, 'vectabase-secrets-identity'), readFileSync(identity), { mode: 0o440 });
    vi.stubEnv('CREDENTIALS_DIRECTORY', credentials);
    expect(await getSecret(await openTestStore(dirOf(store)), 'A')).toBe('1');
    vi.stubEnv('VECTABASE_SECRETS_IDENTITY_FILE', '/nowhere');
    await expect(openTestStore(dirOf(store))).rejects.toMatchObject({ code: 'SECRETS_KEY_MISSING' });
    vi.unstubAllEnvs();
  });

  test('behind a passphrase is opened by who knows it, and by nobody else', async () => {
    const store = await openTestStore();
    await setSecret(store, 'A', '1');
    const encrypter = new Encrypter();
    encrypter.setScryptWorkFactor(10); // 18 is a second each
    encrypter.setPassphrase('correct horse');
    writeFileSync(store.paths.identity, await encrypter.encrypt(readFileSync(store.paths.identity)), { mode: 0o600 });
    const open = async (passphrase?: string): Promise<SecretStore> =>
      openTestStore(dirOf(store), passphrase === undefined ? {} : { askPassphrase: async () => passphrase });
    expect(await getSecret(await open('correct horse'), 'A')).toBe('1');
    await expect(open('battery staple')).rejects.toMatchObject({
      code: 'SECRETS_KEY_WRONG',
      message: expect.stringContaining('not the passphrase') as string,
    });
    await expect(open()).rejects.toMatchObject({ code: 'SECRETS_LOCKED', exitCode: 4 });
  });
});

test('rotate takes a new value, keeps the old one if asked, and tells dependants', async () => {
  const store = await openTestStore();
  await setSecret(store, 'HOOK', 'one');
  const told = path.join(dirOf(store), 'told');
  writeFileSync(store.paths.rotated, `#!/bin/sh\necho "$1 $2" > ${told}\nenv >> ${told}\nexit 3\n`, { mode: 0o755 });
  const result = await rotateSecret(store, 'HOOK', canary(), { keepPrevious: true });
  expect(result).toMatchObject({ change: 'written', previous: 'HOOK_PREVIOUS', hook: { exitCode: 3 } });
  expect(readFileSync(told, 'utf8')).toMatch(/^HOOK production\n/); // and no value: the directory is searched afterwards
  expect((await all(store))['HOOK_PREVIOUS']).toBe('one');
  await expect(
    rotateSecret(store, 'HOOK', (await all(store))['HOOK'] ?? '', { keepPrevious: false }),
  ).rejects.toMatchObject({ code: 'SECRET_INVALID' });
});

test('an edit keeps what another one changed meanwhile', async () => {
  const store = await openTestStore();
  for (const name of ['MINE', 'THEIRS', 'GONE', 'BOTH']) await setSecret(store, name, 'old');
  const text = `MINE=mine\nTHEIRS=old\nGONE=old\nBOTH=mine\n# a comment\nNEW_MINE=1\n`;
  const editor = path.join(dirOf(store), 'editor.sh');
  writeFileSync(
    editor,
    `#!/bin/sh\ncat > "$1" <<'END'\n${text}END\nwhile [ ! -e ${dirOf(store)}/go ]; do sleep 0.05; done\n`,
    { mode: 0o755 },
  );
  vi.stubEnv('VISUAL', editor);
  const edit = editSecrets(store, { again: async () => false });
  await vi.waitFor(() =>
    expect(readdirSync('/dev/shm').some((name) => name.startsWith(`vectabase-edit-${process.pid}-`))).toBe(true),
  );
  for (const [name, value] of [
    ['THEIRS', 'theirs'],
    ['BOTH', 'theirs'],
    ['NEW_THEIRS', '1'],
  ] as const)
    await setSecret(store, name, value);
  await unsetSecrets(store, ['GONE']);
  writeFileSync(path.join(dirOf(store), 'go'), '');
  expect(await edit).toEqual({ environment: 'production', set: ['MINE', 'BOTH', 'NEW_MINE'], unset: [] });
  vi.unstubAllEnvs();
  expect(await all(store)).toEqual({ MINE: 'mine', THEIRS: 'theirs', BOTH: 'mine', NEW_MINE: '1', NEW_THEIRS: '1' });
});

test('check tells what is missing, malformed, left over, swapped, or of the test mode', async () => {
  const store = await openTestStore();
  const values = {
    STRIPE_SECRET_KEY: 'whsec_abcdefghijklmnopqrst',
    STRIPE_WEBHOOK_SECRET: 'changeme',
    STRIPE_PRICE_PRO: 'price_1Nabcdefgh\u00a0',
    DISCORD_CLIENT_ID: '123456789012345678',
    SUPABASE_URL: 'https://old.example',
    OTHER: 'sk_test_abcdefghijkl',
  };
  for (const [name, value] of Object.entries(values)) await setSecret(store, name, value);
  const { findings, good } = await checkSecrets(store, ['stripe', 'discord']);
  const kinds = Object.fromEntries(findings.map(({ name, kind }) => [name, kind]));
  expect(kinds).toEqual({
    STRIPE_SECRET_KEY: 'malformed',
    STRIPE_WEBHOOK_SECRET: 'placeholder',
    STRIPE_PRICE_PRO: 'spaces',
    STRIPE_WEBHOOK_SECRET_API: 'missing',
    STRIPE_PRICE_PRO_PLUS: 'missing',
    STRIPE_PRICE_ENTERPRISE: 'missing',
    DISCORD_TOKEN: 'missing',
    DISCORD_CLIENT_SECRET: 'missing',
    DISCORD_BOT_TOKEN: 'missing',
    SUPABASE_URL: 'provided',
    OTHER: 'test-key',
  });
  expect(findings.find(({ name }) => name === 'STRIPE_SECRET_KEY')?.what).toContain('looks like STRIPE_WEBHOOK_SECRET');
  expect(good).toEqual(['DISCORD_CLIENT_ID', 'SUPABASE_URL']);
});

test('a file of other tools, without our marks, is read and kept', async () => {
  const store = await openTestStore();
  const [recipient] = await readRecipients(store.paths.recipients);
  writeFileSync(store.file, await sealForAge('# by hand\nA=1\n\nexport B="2"\nA=3\n', [recipient.age]));
  expect(await all(store)).toEqual({ A: '3', B: '2' });
  await setSecret(store, 'C', '4');
  expect(await all(store)).toEqual({ B: '2', A: '3', C: '4' });
});
