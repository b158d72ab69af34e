import { connect, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isAlive } from '../../../src/foundation/process/identity.ts';
import { startDaemonProgram } from '../../../src/foundation/process/daemon-program.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { eventually, spawnDaemon, startDaemon, writeConfig, type RunningDaemon } from '../../support/daemon.ts';

let cluster: TestCluster;
let daemon: RunningDaemon | undefined;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterEach(async () => {
  const workers = daemon ? workersOf(daemon) : [];
  daemon?.process.kill('SIGKILL');
  await daemon?.exited;
  daemon = undefined;
  await eventually(() => workers.every((pid) => !isAlive(pid)));
});
afterAll(() => cluster.stop());

async function start(workers: number): Promise<RunningDaemon> {
  daemon = await startDaemon({ database: cluster.adminAddress, more: { rest: { workers } } });
  return daemon;
}

async function allWorkers(running: RunningDaemon, count: number): Promise<number[]> {
  await eventually(() => workersOf(running).length === count);
  return workersOf(running);
}

/** Every worker says in the log that it is ready; the supervisor does too, with their number. */
function workersOf({ log }: RunningDaemon): number[] {
  const lines = log().filter(({ msg, workers }) => msg === 'ready' && workers === undefined);
  return [...new Set(lines.map(({ pid }) => pid as number))];
}

/** Each over a connection of its own: those are what is handed out. */
async function ask(url: string): Promise<string> {
  return new Promise((resolve) => {
    const { port } = new URL(url);
    let text = '';
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    );
    socket
      .setEncoding('utf8')
      .on('data', (chunk: string) => (text += chunk))
      .on('error', () => resolve('refused'))
      .on('close', () => resolve(text.slice(9, 12)));
  });
}

test('several workers serve one port, behind one ready line, and go together', async () => {
  const running = await start(3);
  const { url, stdout, process: supervisor, log, exited } = running;
  expect(stdout().trim().split('\n')).toHaveLength(1);
  expect(JSON.parse(stdout())).toEqual({ event: 'ready', apiUrl: url, pid: supervisor.pid });
  const workers = await allWorkers(running, 3);
  expect(workers).not.toContain(supervisor.pid);
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(url)));
  expect(new Set(answers)).toEqual(new Set(['200']));
  await eventually(() => {
    const served = log().filter(({ msg, path }) => msg === 'request' && path === '/healthz');
    return new Set(served.map(({ pid }) => pid)).size === 3;
  });
  supervisor.kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(workers.filter((pid) => isAlive(pid))).toEqual([]);
});

test('a worker that is killed is replaced, and the others serve meanwhile', async () => {
  const running = await start(2);
  const [victim = 0] = await allWorkers(running, 2);
  process.kill(victim, 'SIGKILL');
  await eventually(() => running.log().some(({ msg, worker }) => msg === 'worker ended' && worker === victim));
  for (let at = 0; at < 20; at++) expect(await ask(running.url)).toBe('200');
  await allWorkers(running, 3);
  expect(running.log()).toContainEqual(
    expect.objectContaining({ msg: 'worker ended', worker: victim, signal: 'SIGKILL' }),
  );
});

test('a supervisor that is killed takes its workers along', async () => {
  const running = await start(2);
  const workers = await allWorkers(running, 2);
  running.process.kill('SIGKILL');
  expect(await eventually(() => workers.every((pid) => !isAlive(pid)))).toBe(true);
});

test('a start that fails says why, once', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const more = { rest: { workers: 2 } };
  daemon = await spawnDaemon({ database: cluster.adminAddress, port, more });
  expect(await daemon.exited).toBe(5);
  taken.close();
  const lines = daemon.stdout().trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: { code: 'PORT_IN_USE' } });
});

test.runIf(process.getuid?.() === 0)('workers are handed what their user cannot open', async () => {
  const user = await serviceUser();
  if (!user) throw new Error('root without a service user');
  const { file, remove } = await writeConfig({
    database: cluster.adminAddress,
    runAs: { uid: user.uid, gid: user.gid },
    more: { rest: { workers: 2 } },
  });
  const child = await startDaemonProgram(file, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const line = await new Promise<string>((resolve) =>
      child.handle.stdout?.once('data', (data: Buffer) => resolve(String(data))),
    );
    const { apiUrl } = JSON.parse(line) as { apiUrl: string };
    expect(await Promise.all([ask(apiUrl), ask(apiUrl)])).toEqual(['200', '200']);
  } finally {
    child.kill('SIGTERM');
    expect((await child.exited).code).toBe(0);
    remove();
  }
});
