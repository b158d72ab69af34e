import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFromAge, sealForAge } from '../../../src/foundation/crypto/age.ts';
import {
  newIdentityFile,
  parseIdentities,
  parseRecipient,
  type AgeIdentity,
  type AgeRecipient,
} from '../../../src/foundation/crypto/age-keys.ts';
import { getSecret, setSecret } from '../../../src/operator/secrets/values.ts';
import { openTestStore, scratch } from '../../support/secrets.ts';

/** The stock tool: Debian's package age. */
const missing = ['age', 'ssh-keygen'].find((tool) => spawnSync(tool, ['--help']).error !== undefined);
if (missing !== undefined)
  process.stderr.write(`skipped: ${missing} is not installed (apt-get install age openssh-client)\n`);

describe.skipIf(missing !== undefined)('the stock age tool', () => {
  test('opens what we sealed, edits it, and we read it again', async () => {
    const store = await openTestStore();
    const { identity, recipients } = store.paths;
    await setSecret(store, 'KEY', `first "line"\nit's $5`);
    const plain = age(['-d', '-i', identity, store.file]);
    expect(plain).toContain('# set ');
    const edited = plain.replace('first', 'second').concat("ADDED='by hand'\n");
    age(['-a', '-R', recipients, '-o', store.file], edited);
    expect(await getSecret(store, 'KEY')).toBe(`second "line"\nit's $5`);
    expect(await getSecret(store, 'ADDED')).toBe('by hand');
    age(['-R', recipients, '-o', store.file], edited); // not armored
    expect(await getSecret(store, 'ADDED')).toBe('by hand');
    expect(await setSecret(store, 'ADDED', 'by us')).toMatchObject({ change: 'written' });
    expect(age(['-d', '-i', identity, store.file])).toContain("ADDED='by us'");
  });

  test('and its keys: age-keygen, and SSH keys both ways', async () => {
    const directory = scratch();
    const [native, ssh] = [path.join(directory, 'native'), path.join(directory, 'ssh')];
    spawnSync('age-keygen', ['-o', native]);
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ann@desk', '-f', ssh]);
    for (const file of [native, ssh]) {
      const { identity, recipient } = await keysOf(file);
      const ours = path.join(directory, 'ours.age');
      writeFileSync(ours, await sealForAge('from us', [recipient]));
      expect(age(['-d', '-i', file, ours])).toBe('from us');
      const theirs = Buffer.from(age(['-a', '-r', identity.recipient], 'from them'));
      expect((await openFromAge(theirs, [identity], 'theirs')).toString()).toBe('from them');
    }
    expect(parseRecipient(readFileSync(`${ssh}.pub`, 'utf8'))?.text).toMatch(/^ssh-ed25519 \S+$/);
  });

  test('opens a file of several recipients with each of their keys, and with no other', async () => {
    const directory = scratch();
    const files = await Promise.all(
      [0, 1, 2].map(async (index) => {
        const file = path.join(directory, `key-${index}`);
        writeFileSync(file, await newIdentityFile(0));
        return { file, recipient: (await keysOf(file)).recipient };
      }),
    );
    const sealed = path.join(directory, 'sealed');
    writeFileSync(
      sealed,
      await sealForAge(
        'for two',
        files.slice(0, 2).map(({ recipient }) => recipient),
      ),
    );
    const opened = files.map(({ file }) => spawnSync('age', ['-d', '-i', file, sealed]).stdout.toString());
    expect(opened).toEqual(['for two', 'for two', '']);
  });
});

async function keysOf(file: string): Promise<{ identity: AgeIdentity; recipient: AgeRecipient }> {
  const [identity] = (await parseIdentities(readFileSync(file, 'utf8'))) ?? [];
  const recipient = parseRecipient(identity?.recipient ?? '');
  if (identity === undefined || recipient === undefined) throw new Error(`no keys in ${file}`);
  return { identity, recipient };
}

function age(args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync('age', args, { input });
  if (status !== 0) throw new Error(stderr.toString());
  return stdout.toString();
}
