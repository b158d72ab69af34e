import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { lockDirectory } from '../../../src/foundation/process/directory-lock.ts';
import { startTime } from '../../../src/foundation/process/identity.ts';

let directory: string;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'vt-lock-'));
});
beforeEach(async () => {
  file = path.join(await mkdtemp(path.join(directory, 'x-')), 'lock');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const holder = (change: object): string =>
  JSON.stringify({
    pid: process.pid,
    startTime: startTime(process.pid),
    since: '2026-01-01T00:00:00.000Z',
    user: 'ann',
    host: hostname(),
    ...change,
  });

async function lockAndLook(): Promise<string[]> {
  await (await lockDirectory(file, Date.now())).release();
  return readdir(path.dirname(file));
}

test('a second starter is told who holds the directory', async () => {
  const lock = await lockDirectory(file, Date.UTC(2026, 1, 3));
  await expect(lockDirectory(file, Date.now())).rejects.toMatchObject({
    code: 'LOCK_HELD',
    exitCode: 5,
    details: { pid: process.pid, since: '2026-02-03T00:00:00.000Z', host: hostname() },
  });
  await lock.release();
  await (await lockDirectory(file, Date.now())).release();
  expect(await readdir(path.dirname(file))).toEqual(['lock-2.json']);
});

test('the lock of a process that is gone is taken over', async () => {
  const gone = spawn('true');
  await new Promise((resolve) => gone.once('exit', resolve));
  await writeFile(`${file}-7.json`, holder({ pid: gone.pid, startTime: '1' }));
  expect(await lockAndLook()).toEqual(['lock-8.json']);
});

test('a pid that is another process by now does not hold it', async () => {
  await writeFile(`${file}-7.json`, holder({ startTime: '1' }));
  expect(await lockAndLook()).toEqual(['lock-8.json']);
});

test('a file that a power cut left empty does not hold it', async () => {
  await writeFile(`${file}-7.json`, '');
  expect(await lockAndLook()).toEqual(['lock-8.json']);
});

test('a holder on another host is believed, and the way out is told', async () => {
  await writeFile(`${file}-7.json`, holder({ host: 'elsewhere', pid: 4_000_000, startTime: '1' }));
  await expect(lockDirectory(file, Date.now())).rejects.toMatchObject({
    code: 'LOCK_HELD',
    message: 'the directory is held by process 4000000 of ann on elsewhere since 2026-01-01T00:00:00.000Z',
    hint: expect.stringContaining(`delete ${file}-7.json`) as string,
  });
});

test('of six starters that meet a stale lock, exactly one gets it, each time', async () => {
  for (let round = 0; round < 4; round++) {
    await writeFile(`${file}-${10 * round + 1}.json`, holder({ startTime: '1' }));
    const racers = await Promise.all(Array.from({ length: 6 }, racer));
    const answers = await Promise.all(racers.map((each) => each.say('go')));
    expect(answers.toSorted()).toEqual([...Array<string>(5).fill('LOCK_HELD'), 'taken']);
    await Promise.all(racers.map((each) => each.end()));
  }
});

interface Racer {
  say(word: string): Promise<string>;
  end(): Promise<void>;
}

/** Another process that is loaded and waits for the word. */
async function racer(): Promise<Racer> {
  const child = fork(path.join(import.meta.dirname, '../../support/lock-runner.js'), [file]);
  const heard = async (): Promise<string> => {
    const [word] = (await once(child, 'message')) as [string];
    return word;
  };
  await heard();
  return {
    say: async (word) => {
      child.send(word);
      return heard();
    },
    end: async () => {
      child.send('end');
      await once(child, 'exit');
    },
  };
}
