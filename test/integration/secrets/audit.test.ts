import { readFileSync, rmSync, writeFileSync, appendFileSync, truncateSync, statSync, mkdirSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { auditKey, sealLine, readLine, type AuditKey } from '../../../src/operator/secrets/audit-line.ts';
import { appendAudit, auditFiles, type AuditFiles } from '../../../src/operator/secrets/audit-log.ts';
import { verifyAudit, type AuditReport } from '../../../src/operator/secrets/audit-verify.ts';
import { getSecret, setSecret } from '../../../src/operator/secrets/values.ts';
import type { SecretStore } from '../../../src/operator/secrets/store.ts';
import { openTestStore } from '../../support/secrets.ts';

let store: SecretStore;
let files: AuditFiles;
let key: AuditKey;

/** Six accesses: set and get of three secrets. */
beforeEach(async () => {
  store = await openTestStore();
  files = auditFiles(store.paths);
  key = auditKey(store.identities[0]);
  for (const name of ['A', 'B', 'C']) {
    await setSecret(store, name, `value of ${name}`);
    await getSecret(store, name);
  }
});

const verify = async (known?: { count: number; hash: string }): Promise<AuditReport> =>
  verifyAudit(files, new Map([[key.id, key]]), { known });
const kinds = async (): Promise<string[]> => (await verify()).findings.map(({ kind }) => kind);
const linesOf = (): string[] => readFileSync(files.log, 'utf8').trimEnd().split('\n');
const write = (lines: readonly string[]): void => writeFileSync(files.log, lines.map((line) => `${line}\n`).join(''));

test('a log that nobody touched has no findings, and says who, when, what', async () => {
  expect(await verify()).toMatchObject({ lines: 6, checked: 6, findings: [] });
  expect(JSON.parse(linesOf()[1] ?? '')).toMatchObject({
    n: 2,
    operation: 'get',
    environment: 'production',
    names: ['A'],
    who: { uid: process.getuid?.(), pid: process.pid, parentPid: process.ppid },
  });
});

test('why is told with it, on one line whatever it holds', async () => {
  const asked = await openTestStore(store.paths.directory.replace(/\/secrets$/, ''), { reason: 'a\n{"n":7}"' });
  await getSecret(asked, 'A');
  expect(JSON.parse(linesOf()[6] ?? '')).toMatchObject({ n: 7, reason: 'a\n{"n":7}"' });
  expect(await kinds()).toEqual([]);
});

describe('tampering is shown', () => {
  test('a changed byte, wherever it is', async () => {
    const [good] = [readFileSync(files.log)];
    const step = Math.ceil(good.length / 150);
    for (let at = 0; at < good.length; at += step) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 1;
      writeFileSync(files.log, bad);
      expect((await verify()).findings, `byte ${at}`).not.toEqual([]);
    }
  });

  test('a deleted line, first, middle and last', async () => {
    const lines = linesOf();
    write(lines.toSpliced(2, 1));
    expect(await kinds()).toContain('deleted');
    write(lines.slice(1));
    expect(await kinds()).toContain('deleted');
    write(lines.slice(0, -1));
    expect(await kinds()).toEqual(['truncated']);
    write([]);
    expect(await kinds()).toEqual(['gone']);
  });

  test('two lines in another order', async () => {
    const [a = '', b = '', c = '', ...rest] = linesOf();
    write([a, c, b, ...rest]);
    const found = await kinds();
    expect(found).toContain('reordered');
    expect(found).not.toContain('deleted');
  });

  test('an edited line with a chain made anew by somebody without the key', async () => {
    const outsider: AuditKey = { id: key.id, mac: () => 'ab'.repeat(32) };
    let prev = '0'.repeat(64);
    const records = linesOf().flatMap((line) => readLine(line)?.record ?? []);
    const forged = records.map((record) => {
      const sealed = sealLine({ ...record, prev, names: record.n === 3 ? ['X'] : record.names }, outsider);
      prev = sealed.hash;
      return sealed.text.trimEnd();
    });
    write(forged);
    const found = await kinds();
    expect(found.filter((kind) => kind === 'forged')).toHaveLength(6);
    expect(found).toContain('edited');
  });

  test('the last line cut short', async () => {
    truncateSync(files.log, statSync(files.log).size - 20);
    expect(await kinds()).toEqual(['truncated']);
  });

  test('head and log gone, or a head that nobody sealed', async () => {
    const head = readFileSync(files.head, 'utf8');
    write(linesOf().slice(0, 4));
    writeFileSync(files.head, head.replace('"count":6', '"count":4'));
    expect(await kinds()).toEqual(['head']);
    rmSync(files.head);
    expect(await kinds()).toEqual(['head']);
    rmSync(files.log);
    writeFileSync(files.head, head);
    expect(await kinds()).toEqual(['gone']);
  });

  test('an older log with its older head, against a head that was noted down', async () => {
    const [log, head] = [readFileSync(files.log), readFileSync(files.head)];
    await getSecret(store, 'A');
    const [count, hash = ''] = (await verify()).head.split(':');
    expect((await verify({ count: Number(count), hash })).findings).toEqual([]);
    writeFileSync(files.log, log);
    writeFileSync(files.head, head);
    expect((await verify()).findings).toEqual([]); // alone it cannot be known
    expect((await verify({ count: Number(count), hash })).findings).toMatchObject([{ kind: 'truncated' }]);
  });

  test('and stays shown when the log goes on', async () => {
    write(linesOf().slice(0, 3));
    await getSecret(store, 'A');
    const { findings } = await verify();
    expect(findings).toContainEqual({ line: 4, kind: 'damage', what: 'was added when the log ended before line 6' });
    await getSecret(store, 'B');
    expect((await verify()).findings).toEqual(findings);
    expect(JSON.parse(linesOf().at(-1) ?? '')).toMatchObject({ n: 8 });
  });
});

describe('a crash', () => {
  test('between line and head leaves a good log', async () => {
    const head = readFileSync(files.head);
    await getSecret(store, 'A');
    writeFileSync(files.head, head);
    expect(await verify()).toMatchObject({ lines: 7, findings: [] });
    await getSecret(store, 'B');
    expect(await verify()).toMatchObject({ lines: 8, findings: [] });
  });

  test('within a line leaves half of it, which the next access takes away', async () => {
    appendFileSync(files.log, '{"n":7,"at":"20');
    expect(await verify()).toMatchObject({ lines: 6, findings: [] });
    await getSecret(store, 'B');
    expect(await verify()).toMatchObject({ lines: 7, findings: [] });
  });
});

test('lines of another identity are vouched for by the next one of ours', async () => {
  const other = auditKey((await openTestStore()).identities[0]);
  const entry = { operation: 'get', environment: 'production', names: ['A'] } as const;
  await appendAudit(files, other, entry, 0);
  await getSecret(store, 'B');
  expect(await verify()).toMatchObject({ lines: 8, checked: 7, findings: [] });
  const lines = linesOf();
  write(lines.with(6, lines[6]?.replace('"A"', '"Z"') ?? ''));
  expect(await kinds()).toContain('edited');
});

test('what cannot be logged is refused', async () => {
  rmSync(files.log);
  mkdirSync(files.log);
  await expect(getSecret(store, 'A')).rejects.toMatchObject({ code: 'SECRETS_AUDIT_FAILED', exitCode: 5 });
  await expect(setSecret(store, 'A', 'new')).rejects.toMatchObject({ code: 'SECRETS_AUDIT_FAILED' });
  rmSync(files.log, { recursive: true });
  expect(await getSecret(store, 'A')).toBe('value of A');
});

test('forty accesses at once make forty lines in one chain', async () => {
  await Promise.all(Array.from({ length: 40 }, () => getSecret(store, 'B')));
  expect(await verify()).toMatchObject({ lines: 46, checked: 46, findings: [] });
});
