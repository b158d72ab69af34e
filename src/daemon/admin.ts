import { chmod, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { VectabaseError } from '../foundation/core/errors.ts';
import type { Alerts } from './alerts/alerts.ts';
import type { Health } from './self-check.ts';

/** What the admin listener tells. */
export interface AdminParts {
  readonly health: () => Promise<Health>;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Writes a test to everybody who gets alerts. Absent: nobody does. */
  readonly testAlert?: Alerts['test'] | undefined;
  /** What it alerts on. Absent: nothing. */
  readonly conditions?: Alerts['conditions'] | undefined;
}

/**
 * Answers on a unix socket, for whoever may enter its directory: `/healthz` asks everything that the daemon depends on
 * now (503 when something is wrong), `/metrics` is for Prometheus, `/alerts` tells what is alerted on now (null before the first look), a POST to `/alerts/test` writes a test to everybody who
 * gets alerts. None of them holds secrets.
 *
 * @throws VectabaseError CONFIG_INVALID when the socket cannot be made
 */
export async function openAdmin(socket: string, parts: AdminParts): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(`${request.method} ${request.url}`, response, parts).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  await rm(socket, { force: true }); // of a daemon that was killed
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  }).catch((cause: unknown) => {
    throw new VectabaseError('CONFIG_INVALID', {
      message: `admin.socket: ${socket} cannot be opened (${(cause as NodeJS.ErrnoException).code ?? 'error'})`,
      hint: `Run systemd-tmpfiles --create, which makes its directory, or name another place.`,
      cause,
    });
  });
  await chmod(socket, 0o660);
  return {
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(what: string, response: ServerResponse, parts: AdminParts): Promise<void> {
  const { health, metrics, testAlert, conditions } = parts;
  if (what === 'GET /healthz') {
    const { alive, lag, checks } = await health();
    const well = alive && checks.every(({ trouble }) => trouble === null);
    response.writeHead(well ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status: well ? 'ok' : 'unavailable', alive, lag_ms: lag, checks })}\n`);
  } else if (what === 'GET /alerts') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ conditions: conditions === undefined ? [] : (conditions() ?? null) })}\n`);
  } else if (what === 'POST /alerts/test') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ channels: (await testAlert?.()) ?? [] })}\n`);
  } else if (what === 'GET /metrics') {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(await metrics());
  } else response.writeHead(404).end();
}
