import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readAudit } from '../../../src/operator/secrets/audit.ts';
import { getSecret, setSecret } from '../../../src/operator/secrets/values.ts';
import { openTestStore } from '../../support/secrets.ts';

/** By hand with more: VT_KILL_ROUNDS=200. */
const ROUNDS = Number(process.env['VT_KILL_ROUNDS'] ?? 10);

test('killed at any instant, a writer leaves the old value or the new one, whole, and a log that is whole', async () => {
  const store = await openTestStore();
  await setSecret(store, 'COUNT', '0 ');
  await setSecret(store, 'OTHER', 'stays');
  const dir = path.dirname(store.paths.directory);
  let told = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const writer = fork(path.join(import.meta.dirname, '../../support/secrets-writer.js'), [dir, String(told + 1)]);
    writer.on('message', (n: number) => (told = n));
    await once(writer, 'message'); // it is under way
    await delay(Math.random() * 40);
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const [n = '', rest] = (await getSecret(store, 'COUNT')).split(' ');
    expect(rest).toBe('x'.repeat(Number(n) * 10));
    expect(Number(n)).toBeGreaterThanOrEqual(told); // what it was told is written, is written
    told = Number(n);
    expect((await readAudit(store, {})).findings).toEqual([]);
  }
  expect(told).toBeGreaterThanOrEqual(ROUNDS); // each round waited for one write at least
  await setSecret(store, 'COUNT', 'end');
  expect(await getSecret(store, 'OTHER')).toBe('stays');
  expect(readdirSync(store.paths.directory).filter((name) => name.includes('.age.new-'))).toEqual([]);
});
