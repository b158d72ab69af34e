import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { eventually, startDaemon, type RunningDaemon } from '../../support/daemon.ts';

let cluster: TestCluster;
let daemon: RunningDaemon | undefined;
let directory: string;

beforeAll(async () => {
  cluster = await startTestCluster();
});
afterEach(async () => {
  daemon?.process.kill('SIGKILL');
  await daemon?.exited;
  daemon = undefined;
  rmSync(directory, { recursive: true, force: true });
});
afterAll(() => cluster.stop());

test.each([1, 2])('the admin listener tells how the daemon is, with %i processes', async (workers) => {
  directory = mkdtempSync(path.join(tmpdir(), 'vt-admin-'));
  const socket = path.join(directory, 'admin.sock');
  daemon = await startDaemon({ database: cluster.adminAddress, more: { rest: { workers }, admin: { socket } } });
  await eventually(() => statSync(socket, { throwIfNoEntry: false }) !== undefined);
  expect(statSync(socket).mode & 0o777).toBe(0o660);
  const well = await eventually(async () => {
    const answer = await get(socket, '/healthz');
    return answer.status === 200 && answer;
  });
  expect(JSON.parse(well?.body ?? '')).toMatchObject({
    status: 'ok',
    alive: true,
    checks: [{ name: 'postgres', trouble: null }],
  });
  const { body } = await get(socket, '/metrics');
  expect(body).toMatch(/^vectabase_up\{name="postgres"\} 1$/m);
  expect(body).toMatch(/^vectabase_scrape_failures 0$/m);
});

test('without Postgres it is alive, and not well', async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'vt-admin-'));
  const socket = path.join(directory, 'admin.sock');
  const nowhere = { ...cluster.adminAddress, port: 1 };
  daemon = await startDaemon({ database: nowhere, more: { rest: { workers: 1 }, admin: { socket } } });
  const answer = await get(socket, '/healthz');
  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.body)).toMatchObject({ status: 'unavailable', alive: true, checks: [{ name: 'postgres' }] });
});

async function get(socketPath: string, at: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: at, headers: { connection: 'close' } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body })).on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}
