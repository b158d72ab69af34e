import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDirectory, writeDurably } from '../../../src/foundation/core/durable-file.ts';
import { holdDirectory } from '../../../src/foundation/core/held-directory.ts';
import { directoryStore } from '../../../src/foundation/objects/directory-store.ts';
import { safePlace } from '../../../src/operator/backup/restore/scratch-home.ts';
import { openStaging } from '../../../src/operator/backup/staging.ts';

/** A user that is neither root nor any that runs tests. */
const STRANGER = 61_234;
const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;

let root: string;
const at = (...names: string[]): string => path.join(root, ...names);
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'vt-held-'));
  chmodSync(root, 0o755);
  mkdirSync(at('roots'));
  mkdirSync(at('theirs'));
  if (isRoot) chownSync(at('theirs'), STRANGER, STRANGER);
});
afterEach(() => rmSync(root, { recursive: true }));

test('makes what is not there, closed to others, of the user whose directory it is in', async () => {
  await makeDirectory(at('theirs', 'a', 'b'));
  for (const name of ['a', 'a/b']) {
    const { mode, uid } = statSync(at('theirs', name));
    expect({ mode, uid }).toEqual({ mode: 0o40700, uid: statSync(at('theirs')).uid });
  }
  await makeDirectory(at('theirs', 'a', 'b'));
  await expect(
    holdDirectory(at('theirs', 'c')).then(async (held) => held.close().then(() => readdirSync(held.path))),
  ).rejects.toThrow('ENOENT');
});

test('follows the links of whose directory nobody else may write to', async () => {
  symlinkSync(at('roots'), at('link'));
  await writeDurably(at('link', 'file'), 'x');
  expect(readdirSync(at('roots'))).toEqual(['file']);
});

describe.runIf(isRoot)('root, in a directory of another user’s,', () => {
  const refused = expect.objectContaining({ code: 'PRECONDITION_FAILED' }) as unknown;

  test('follows no link', async () => {
    symlinkSync(at('roots'), at('theirs', 'link'));
    const store = directoryStore(at('theirs'));
    for (const attempt of [
      async () => makeDirectory(at('theirs', 'link', 'made')),
      async () => writeDurably(at('theirs', 'link', 'file'), 'x'),
      async () => openStaging(at('theirs', 'link')),
      async () => openStaging(at('theirs', 'link', 'staging')),
      async () => store.put('link/x', Buffer.from('x'), { signal }),
    ]) {
      await expect(attempt()).rejects.toEqual(refused);
    }
    writeFileSync(at('roots', 'x'), 'of root');
    await expect(store.remove('link/x')).rejects.toEqual(refused);
    expect(readdirSync(at('roots'))).toEqual(['x']);
  });

  test('works where it was, whatever takes its name', async () => {
    const held = await holdDirectory(at('theirs', 'a'), { make: true });
    const staging = await openStaging(at('theirs', 'staging'));
    for (const name of ['a', 'staging']) {
      renameSync(at('theirs', name), at('theirs', `${name}-away`));
      symlinkSync(at('roots'), at('theirs', name));
    }
    await writeFile(path.join(held.path, 'file'), 'x');
    await held.close();
    await writeFile(staging.file('base.vbk'), 'x');
    expect(readdirSync(at('theirs', 'a-away'))).toEqual(['file']);
    const [own = ''] = readdirSync(at('theirs', 'staging-away'));
    expect(readdirSync(at('theirs', 'staging-away', own))).toEqual(['base.vbk']);
    await staging.remove();
    expect(existsSync(at('theirs', 'staging-away', own))).toBe(false);
    expect(readdirSync(at('roots'))).toEqual([]);
    expect(statSync(at('roots')).uid).toBe(0);
  });

  test('builds copies in the next one above it that is safe, or refuses', async () => {
    mkdirSync(at('theirs', 'below', 'below'), { recursive: true });
    expect(await safePlace(at('theirs', 'below', 'below'))).toBe(root);
    expect(await safePlace(at('roots'))).toBe(at('roots'));
    for (const [mode, place] of [
      [0o777, root],
      [0o1777, at('roots')],
      [0o775, root],
      [0o1771, at('roots')],
    ] as const) {
      chmodSync(at('roots'), mode);
      expect({ mode, place: await safePlace(at('roots')) }).toEqual({ mode, place });
    }
  });
});
