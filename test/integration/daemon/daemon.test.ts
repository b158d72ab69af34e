import { readFileSync } from 'node:fs';
import { connect as tcpConnect, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { isAlive } from '../../../src/foundation/process/identity.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import {
  canGiveUpRoot,
  DAEMON,
  eventually,
  runProgram,
  spawnDaemon,
  startDaemon,
  writeConfig,
  type RunningDaemon,
} from '../../support/daemon.ts';

let cluster: TestCluster;
let daemon: RunningDaemon | undefined;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterEach(async () => {
  daemon?.process.kill('SIGKILL');
  await daemon?.exited;
  daemon = undefined;
});
afterAll(() => cluster.stop());

async function start(options: Partial<Parameters<typeof startDaemon>[0]> = {}): Promise<RunningDaemon> {
  daemon = await startDaemon({ database: cluster.adminAddress, ...options });
  return daemon;
}

async function get(path: string, init?: RequestInit): Promise<{ status: number; headers: Headers; body: unknown }> {
  const response = await fetch(`${daemon?.url}${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

const ready = (status: number) => eventually(async () => (await get('/readyz')).status === status);

describe('answers', () => {
  test('one line on stdout, healthy at once, ready when Postgres is', async () => {
    const { process: child, url, stdout } = await start();
    expect(JSON.parse(stdout())).toEqual({ event: 'ready', apiUrl: url, pid: child.pid });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    await ready(200);
    expect(await get('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect(stdout().trim().split('\n')).toHaveLength(1);
  });

  test('every response and its log line carry one request id', async () => {
    await start();
    const mine = await get('/healthz', { headers: { 'x-request-id': 'abc-1' } });
    expect(mine.headers.get('x-request-id')).toBe('abc-1');
    const odd = await get('/nowhere?apikey=hunter2', {
      headers: { 'x-request-id': 'a"b\\', authorization: 'Bearer hunter2' },
    });
    const id = odd.headers.get('x-request-id');
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(odd).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND', requestId: id } } });
    const line = await eventually(() => daemon?.log().find(({ requestId }) => requestId === id));
    expect(line).toMatchObject({ method: 'GET', path: '/nowhere', status: 404 });
    expect(daemon?.stderr()).not.toContain('hunter2');
  });

  test('what cannot be parsed is a JSON 404 or a closed connection, never a stack', async () => {
    await start();
    expect(await get('/%ff/%', { method: 'POST', body: '{' })).toMatchObject({ status: 404 });
    const raw = await rawRequest('NONSENSE\r\n\r\n');
    expect(raw).toMatch(/^HTTP\/1\.1 400/);
    expect(raw).not.toContain('at ');
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });

  test('pages of the listed origins may call, others get no permission', async () => {
    await start();
    const ask = (origin: string) =>
      get('/rest/v1/x', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'apikey' },
      });
    const good = await ask('https://a.example');
    expect(good.status).toBe(200);
    expect(good.headers.get('access-control-allow-origin')).toBe('https://a.example');
    expect(good.headers.get('access-control-allow-headers')).toBe('Authorization, apikey');
    expect((await ask('https://b.example')).headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('follows Postgres', () => {
  test('killed and started again: unready, alive, then ready by itself', async () => {
    await start();
    await ready(200);
    await cluster.kill('SIGKILL');
    await ready(503);
    expect(await get('/readyz')).toMatchObject({
      body: { status: 'unavailable', reason: 'Postgres does not answer' },
    });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    await cluster.restart();
    await ready(200);
    expect(daemon?.process.exitCode).toBeNull();
  });

  test('a server that hangs is noticed although its connection stands', async () => {
    await start();
    await ready(200);
    const admin = await Session.open(cluster.adminAddress, { applicationName: 'daemon test' });
    const [backend] = await admin.rows<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'vectabase readiness'`,
    );
    await admin.close();
    if (!backend) throw new Error('the daemon holds no connection');
    const frozen = await freezeNewBackends(backend.pid);
    try {
      await ready(503);
    } finally {
      frozen.release();
    }
    expect(await ready(200)).toBe(true);
  });

  test('started first, it waits', async () => {
    const { server, port } = await listener();
    server.close();
    await start({ database: { ...cluster.adminAddress, host: '127.0.0.1', port } });
    expect(await get('/readyz')).toMatchObject({ status: 503, body: { status: 'unavailable' } });
    expect(JSON.stringify((await get('/readyz')).body)).not.toContain(cluster.adminAddress.user);
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });
});

describe('stops', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s: exit 0, the port and the database are let go', async (signal) => {
    const { url, process: child, exited } = await start();
    await ready(200);
    child.kill(signal);
    expect(await exited).toBe(0);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    expect(daemon?.log().at(-1)).toMatchObject({ msg: 'stopped' });
    await noSessions();
  });

  test('while Postgres is away too', async () => {
    const { process: child, exited } = await start();
    await ready(200);
    await cluster.kill('SIGKILL');
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    await cluster.restart();
  });

  test('its parent closing the pipe', async () => {
    const { process: child, exited } = await start();
    child.stdin?.end();
    expect(await exited).toBe(0);
  });

  test('its parent being killed', async () => {
    // The command is such a parent: it holds the daemon's stdin.
    const { file, remove } = await writeConfig({ database: cluster.adminAddress });
    const parent = runProgram(assetPath('bin', 'run.js'), ['daemon', '--config', file], remove);
    const { pid } = await readyLine(parent);
    expect(pid).not.toBe(parent.process.pid);
    expect(isAlive(pid)).toBe(true);
    parent.process.kill('SIGKILL');
    await eventually(() => !isAlive(pid));
  });
});

describe('vectabase daemon', () => {
  const command = (file: string, atEnd?: () => void): RunningDaemon =>
    runProgram(assetPath('bin', 'run.js'), ['daemon', '--config', file], atEnd);

  test.each(['SIGTERM', 'SIGINT'] as const)('hands %s on and waits for the end', async (signal) => {
    const { file, remove } = await writeConfig({ database: cluster.adminAddress });
    daemon = command(file, remove);
    const { pid } = await readyLine(daemon);
    daemon.process.kill(signal);
    expect(await daemon.exited).toBe(0);
    expect(isAlive(pid)).toBe(false);
    expect(daemon.log().at(-1)).toMatchObject({ msg: 'stopped' });
  });

  test('ends with the exit code of the daemon, and says only what that said', async () => {
    daemon = command('/nowhere/daemon.json');
    expect(await daemon.exited).toBe(2);
    expect(JSON.parse(daemon.stdout())).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect(daemon.stderr()).toBe('');
  });
});

describe('refuses to start', () => {
  test.each([
    [['--config', '/nowhere/daemon.json'], 'CONFIG_INVALID', 2],
    [[], 'USAGE', 2],
    [['--wrong'], 'USAGE', 2],
  ])('with %j', async (args, code, exitCode) => {
    daemon = runProgram(DAEMON, args);
    expect(await daemon.exited).toBe(exitCode);
    expect(JSON.parse(daemon.stdout())).toMatchObject({ error: { code, exitCode } });
  });

  test('on a port that is taken', async () => {
    const { server, port } = await listener();
    daemon = await spawnDaemon({ database: cluster.adminAddress, port });
    expect(await daemon.exited).toBe(5);
    expect(JSON.parse(daemon.stdout())).toMatchObject({ error: { code: 'PORT_IN_USE', details: { port } } });
    server.close();
    await noSessions();
  });
});

describe.runIf(process.getuid?.() === 0)('as root', () => {
  const user = async (): Promise<{ uid: number; gid: number }> => {
    const found = await serviceUser();
    if (!found) throw new Error('root has a service user');
    return { uid: found.uid, gid: found.gid };
  };

  test('vectabase daemon starts it as the service user, with any Node', async () => {
    const { uid, gid } = await user();
    const { file, remove } = await writeConfig({ database: cluster.adminAddress, runAs: { uid, gid } });
    daemon = runProgram(assetPath('bin', 'run.js'), ['daemon', '--config', file], remove);
    const { pid } = await readyLine(daemon);
    expect(idsOf(pid)).toEqual({ uid: Array(4).fill(uid), gid: Array(4).fill(gid), groups: [] });
    daemon.process.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });

  test.skipIf(canGiveUpRoot())('with a Node that cannot give up root, it says so and does not serve', async () => {
    daemon = await spawnDaemon({ database: cluster.adminAddress, runAs: await user() });
    expect(await daemon.exited).toBe(5);
    expect(JSON.parse(daemon.stdout())).toMatchObject({ error: { code: 'PRECONDITION_FAILED' } });
  });

  test.runIf(canGiveUpRoot())('it becomes the service user, for good, and serves', async () => {
    const { uid, gid } = await user();
    const { process: child } = await start({ runAs: { uid, gid } });
    expect(idsOf(child.pid)).toEqual({ uid: Array(4).fill(uid), gid: Array(4).fill(gid), groups: [] });
    await ready(200);
  });
});

/** `groups`: the ones kept from whoever started it. */
function idsOf(pid: number | undefined): unknown {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const ids = (name: string): number[] =>
    (new RegExp(`^${name}:(.*)$`, 'm').exec(status)?.[1]?.match(/\d+/g) ?? []).map(Number);
  const gid = ids('Gid');
  return { uid: ids('Uid'), gid, groups: ids('Groups').filter((group) => group !== gid[0]) };
}

async function readyLine(program: RunningDaemon): Promise<{ pid: number }> {
  const line = await eventually(() => program.stdout().includes('\n') && program.stdout(), program.exited);
  return JSON.parse(line ?? program.stdout()) as { pid: number };
}

async function noSessions(): Promise<void> {
  const admin = await Session.open(cluster.adminAddress, { applicationName: 'daemon test' });
  try {
    const left = `select from pg_stat_activity where application_name = 'vectabase readiness'`;
    await eventually(async () => (await admin.rows(left)).length === 0);
  } finally {
    await admin.close();
  }
}

/** Stops the backend, and the postmaster so that no new one answers in its place. */
async function freezeNewBackends(backend: number): Promise<{ release: () => void }> {
  const frozen = [cluster.pid, backend];
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  return {
    release: () => {
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
    },
  };
}

async function listener(): Promise<{ server: ReturnType<typeof createServer>; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return { server, port: address.port };
}

async function rawRequest(text: string): Promise<string> {
  const { hostname, port } = new URL(daemon?.url ?? '');
  const socket = tcpConnect({ host: hostname, port: Number(port) });
  socket.end(text);
  let answer = '';
  for await (const chunk of socket.setEncoding('utf8')) answer += String(chunk);
  return answer;
}
