import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRuntimeFile, writeRuntimeFile, type RuntimeConfig } from '../../../src/foundation/config/runtime-file.ts';

const CONFIG: RuntimeConfig = {
  api: { host: '127.0.0.1', port: 0, publicUrl: undefined, cors: ['*'] },
  database: { host: '/run/sockets', port: 5432, user: 'authenticator', password: 'hunter2', database: 'postgres' },
  log: { level: 'info' },
  runAs: { uid: 1000, gid: 1000 },
  keysFile: '/etc/vectabase/keys.json',
};

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'vt-runtime-'));
  file = path.join(dir, 'daemon.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

test('what is written is read back, and nobody else can read it', async () => {
  await writeRuntimeFile(file, CONFIG);
  await writeRuntimeFile(file, CONFIG);
  expect(readRuntimeFile(file)).toEqual(CONFIG);
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  expect(readdirSync(dir)).toEqual(['daemon.json']);
});

test('a file that others can read is refused', async () => {
  await writeRuntimeFile(file, CONFIG);
  chmodSync(file, 0o644);
  expect(() => readRuntimeFile(file)).toThrow('can be read by others');
});

test.runIf(process.getuid?.() === 0)('one of root may be for the group of the daemon', async () => {
  await writeRuntimeFile(file, CONFIG);
  chmodSync(file, 0o640);
  expect(readRuntimeFile(file)).toMatchObject({ log: CONFIG.log });
  chmodSync(file, 0o660);
  expect(() => readRuntimeFile(file)).toThrow('can be read by others');
});

test.each([
  ['api: {', 'cannot be read: BAD_INDENT'],
  ['{}', 'database: '],
  [JSON.stringify({ ...CONFIG, extra: 1 }), 'Unrecognized key'],
  [JSON.stringify({ ...CONFIG, runAs: { uid: 0, gid: 0 } }), 'runAs.uid: '],
  [JSON.stringify({ ...CONFIG, database: { ...CONFIG.database, port: 'hunter2' } }), 'database.port: '],
])('%s is refused', (text, message) => {
  writeFileSync(file, text, { mode: 0o600 });
  expect(() => readRuntimeFile(file)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string }) as Error,
  );
  expect(() => readRuntimeFile(file)).not.toThrow('hunter2');
});

test('a file that is not there is named', () => {
  expect(() => readRuntimeFile(file)).toThrow(`${file} cannot be read: ENOENT`);
});
