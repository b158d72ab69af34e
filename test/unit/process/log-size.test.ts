import { appendFile, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepLogsSmall } from '../../../src/foundation/process/log-size.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'vt-log-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('a log over its limit is put aside, and its writer goes on at the new end', async () => {
  const file = path.join(directory, 'a.log');
  const writer = await open(file, 'a');
  await writer.write('x'.repeat(100));
  await keepLogsSmall([file, path.join(directory, 'absent.log')], 100).stop();
  await writer.write('after');
  await writer.close();
  expect(await readFile(`${file}.1`, 'utf8')).toBe('x'.repeat(100));
  expect(await readFile(file, 'utf8')).toBe('after');
});

test('a log below its limit is left alone', async () => {
  const file = path.join(directory, 'b.log');
  await appendFile(file, 'x'.repeat(99));
  await keepLogsSmall([file], 100).stop();
  expect(await readFile(file, 'utf8')).toHaveLength(99);
  await expect(readFile(`${file}.1`)).rejects.toThrow('ENOENT');
});
