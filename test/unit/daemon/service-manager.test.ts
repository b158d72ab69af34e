import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { descriptorsFromSystemd } from '../../../src/daemon/activation.ts';
import { openServiceManager, type ServiceManager } from '../../../src/daemon/notify.ts';
import { checkSelf } from '../../../src/daemon/self-check.ts';

const pid = String(process.pid);

test('sockets of systemd have the names of their units', () => {
  const env = { LISTEN_PID: pid, LISTEN_FDS: '3', LISTEN_FDNAMES: 'archive:api:notify' };
  expect(Object.fromEntries(descriptorsFromSystemd(env))).toEqual({ archive: 3, api: 4, notify: 5 });
});

test.each([
  ['nobody started us so', {}],
  ['they were for our parent', { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'api' }],
])('there are none when %s', (_, env) => {
  expect(descriptorsFromSystemd(env).size).toBe(0);
});

test('two sockets of one name are refused', () => {
  const env = { LISTEN_PID: pid, LISTEN_FDS: '2', LISTEN_FDNAMES: 'api:api' };
  expect(() => descriptorsFromSystemd(env)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error);
});

test('what systemd hears is what sd_notify(3) says', () => {
  expect(heard((manager) => manager.ready())).toBe('READY=1');
  expect(heard((manager) => manager.reloading())).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  expect(heard((manager) => manager.stopping())).toBe('STOPPING=1');
  expect(heard((manager) => manager.alive())).toBe('WATCHDOG=1');
  expect(heard((manager) => manager.status('one\nREADY=1'))).toBe('STATUS=one READY=1');
});

test.each([
  [{ WATCHDOG_USEC: '30000000' }, 30_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: pid }, 30_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, undefined],
  [{}, undefined],
])('a watchdog is fed when it is ours: %j', (env, expected) => {
  expect(openServiceManager(new Map([['notify', 1]]), env).watchdog).toBe(expected);
});

test('a check that reports is no reason to be killed, one that fails or hangs is', async () => {
  const full = { name: 'spool', run: () => 'no space' };
  const broken = {
    name: 'postgres',
    run: () => {
      throw new Error('not asked');
    },
  };
  expect(await checkSelf([full])).toMatchObject({ alive: true, checks: [{ name: 'spool', trouble: 'no space' }] });
  expect(await checkSelf([{ name: 'spool', run: () => undefined }])).toMatchObject({ checks: [{ trouble: null }] });
  expect(await checkSelf([full, broken])).toMatchObject({ alive: false });
  const hangs = { name: 'disk', run: async () => new Promise<string>(() => undefined) };
  expect(await checkSelf([hangs])).toMatchObject({ alive: false, checks: [{ trouble: 'no answer within 5000 ms' }] });
});

function heard(say: (manager: ServiceManager) => void): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-notify-'));
  const file = path.join(directory, 'socket');
  const descriptor = openSync(file, 'w');
  say(openServiceManager(new Map([['notify', descriptor]]), {}));
  closeSync(descriptor);
  const text = readFileSync(file, 'utf8');
  rmSync(directory, { recursive: true });
  return text;
}
