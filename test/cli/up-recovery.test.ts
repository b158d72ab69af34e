import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareBinaries } from '../../src/foundation/postgres/embedded/binaries.ts';
import { readPidFile } from '../../src/foundation/postgres/embedded/pid-file.ts';
import { isAlive, startTime } from '../../src/foundation/process/identity.ts';
import { identity } from '../../src/foundation/process/run.ts';
import { serviceUser } from '../../src/foundation/process/service-user.ts';
import { UP_STEPS } from '../../src/operator/provision/observations.ts';
import { BIN, Command, noProcessOf, runCommand, untilNoProcessOf, up } from '../support/up.ts';

let base: string;
beforeAll(async () => {
  base = await realpath(await mkdtemp(path.join(tmpdir(), 'vt-recovery-')));
  await chmod(base, 0o755);
});
afterAll(async () => {
  await noProcessOf(base);
  await rm(base, { recursive: true, force: true });
});

test('killed at the start of any step of the first start, the next one goes on', async () => {
  const dir = path.join(base, 'killed');
  for (const step of UP_STEPS) {
    const command = up(dir);
    await command.line(({ event, id }) => event === 'up.step.started' && id === step);
    command.kill('SIGKILL');
    expect(await command.exited).toBe('SIGKILL');
  }
  const last = up(dir);
  const ready = await last.ready();
  expect((await fetch(`${ready.apiUrl}/healthz`)).status).toBe(200);
  expect(await last.stop()).toBe(0);
  // An initdb that lost its parent may still have been at work when that start swept: the next one finds what it left.
  const again = up(dir);
  await again.ready();
  expect(await again.stop()).toBe(0);
  // Nothing half-made is kept: no workshop of initdb, no temporary file but the daemon's own.
  expect((await readdir(path.join(dir, 'postgres'))).filter((name) => name.includes('.new-'))).toEqual([]);
});

test('stopped by Ctrl-C before it is ready, it says so and leaves nothing running', async () => {
  const dir = path.join(base, 'interrupted');
  const command = up(dir);
  await command.line(({ event, id }) => event === 'up.step.started' && id === 'schema');
  command.kill('SIGINT');
  expect(await command.exited).toBe(130);
  expect(command.lines.at(-1)).toMatchObject({ error: { code: 'INTERRUPTED' } });
  expect(await untilNoProcessOf(dir)).toEqual([]);
});

test('servers that a killed up left behind are stopped first, a stranger with an old pid is not', async () => {
  const dir = path.join(base, 'orphans');
  const first = up(dir);
  await first.ready();
  const run = await readFile(path.join(dir, 'run.json'), 'utf8');
  await first.stop();

  const runAs = await serviceUser();
  const { postgres } = await prepareBinaries({ runAs });
  const data = path.join(dir, 'postgres', 'data');
  const orphan = spawn(postgres, ['-D', data, '-k', path.join(dir, 'postgres', 'socket'), '-h', ''], {
    stdio: 'ignore',
    detached: true,
    ...identity(runAs),
  });
  await expect.poll(async () => (await readPidFile(data))?.status, { timeout: 10_000 }).toBe('ready');
  const daemon = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
  const pid = (child: { pid?: number | undefined }): number => child.pid ?? 0;
  const leave = async (daemonPid: number, daemonStartTime: string | undefined): Promise<void> =>
    writeFile(
      path.join(dir, 'run.json'),
      JSON.stringify({ ...(JSON.parse(run) as object), daemonPid, daemonStartTime }),
      { mode: 0o600 },
    );

  await leave(pid(daemon), startTime(pid(daemon)));
  const second = up(dir);
  await second.ready();
  const noted = second.lines.filter((line) => line.event === 'up.orphan.noted').map((line) => [line.id, line.pid]);
  expect(noted).toEqual([
    ['daemon', pid(daemon)],
    ['postgres', pid(orphan)],
  ]);
  expect([isAlive(pid(daemon)), isAlive(pid(orphan))]).toEqual([false, false]);
  await second.stop();

  await leave(pid(stranger), '1');
  const third = up(dir);
  await third.ready();
  expect(third.lines.filter((line) => line.event === 'up.orphan.noted')).toEqual([]);
  expect(isAlive(pid(stranger))).toBe(true);
  stranger.kill('SIGKILL');
  await third.stop();
});

test('keys generate makes a key once, and never tells it', async () => {
  const dir = path.join(base, 'keys');
  const file = path.join(dir, 'master.key');
  const made = await runCommand(['keys', 'generate', '--dir', dir, '--json']);
  expect(made.exitCode).toBe(0);
  expect(JSON.parse(made.stdout)).toEqual({ file, bits: 256 });
  const key = await readFile(file, 'utf8');
  expect(key).toMatch(/^[0-9a-f]{64}\n$/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(made.stdout + made.stderr).not.toContain(key.trim());

  const again = await runCommand(['keys', 'generate', '--dir', dir]);
  expect(again.exitCode).toBe(5);
  expect(again.stderr).toContain('MASTER_KEY_EXISTS');
  expect(await readFile(file, 'utf8')).toBe(key);

  const command = up(dir);
  await command.ready();
  await command.stop();
  expect(await readFile(file, 'utf8')).toBe(key); // up took it

  await rm(file);
  const lost = await runCommand(['keys', 'generate', '--dir', dir]);
  expect(lost.exitCode).toBe(5);
  expect(lost.stderr).toContain('was made with another master key');
  await expect(stat(file)).rejects.toThrow('ENOENT');
});

test('in text, a person sees addresses and the anon key, and no secret', async () => {
  const dir = path.join(base, 'text');
  const json = up(dir);
  const { serviceRoleKey, anonKey } = await json.ready();
  await json.stop();
  const text = new Command(['up', '--dir', dir, '--port', '0', '--pg-port', '0']);
  await expect.poll(() => text.stdout, { timeout: 30_000 }).toContain('Ctrl-C');
  await text.stop();
  expect(text.stdout).toContain(anonKey);
  const keys = await readFile(path.join(dir, 'keys.json'), 'utf8');
  const { jwtSecret, passwords } = JSON.parse(keys) as { jwtSecret: string; passwords: Record<string, string> };
  for (const secret of [serviceRoleKey, jwtSecret, ...Object.values(passwords)]) {
    expect(text.stdout + text.stderr).not.toContain(secret);
  }
});

test('in a terminal, Ctrl-C and a closed window stop everything', async () => {
  const dir = path.join(base, 'terminal');
  for (const signal of ['SIGINT', 'SIGHUP'] as const) {
    const words = [process.execPath, BIN, 'up', '--dir', dir, '--port', '0', '--pg-port', '0'].join(' ');
    const terminal = spawn('script', ['-qec', words, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => (screen += text));
    const exited = new Promise((resolve) => terminal.once('exit', resolve));
    await expect.poll(() => screen, { timeout: 30_000 }).toContain('Ctrl-C');
    const { pid } = JSON.parse(await readFile(path.join(dir, 'run.json'), 'utf8')) as { pid: number };
    process.kill(pid, signal);
    expect(await exited).toBe(0);
    expect(await untilNoProcessOf(dir)).toEqual([]);
  }
});

test('in a very deep directory the socket finds a shorter place', async () => {
  const dir = path.join(base, ...Array<string>(12).fill('a-rather-long-name'));
  const command = up(dir);
  await command.ready();
  const { socketDirectory } = JSON.parse(await readFile(path.join(dir, 'run.json'), 'utf8')) as {
    socketDirectory: string;
  };
  expect(socketDirectory.length).toBeLessThan(93);
  expect((await stat(socketDirectory)).mode & 0o777).toBe(0o700);
  expect(await command.stop()).toBe(0);
  await rm(socketDirectory, { recursive: true, force: true });
});
