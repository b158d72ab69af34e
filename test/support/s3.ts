import crypto, { type CipherKey, type BinaryLike } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import S3rver from 's3rver';
import type { S3Place } from '../../src/foundation/objects/s3-store.ts';

export interface TestS3 {
  readonly port: number;
  readonly place: S3Place;
  /** `PUT /bucket/key` of every request so far. */
  readonly requests: string[];
  /** Whether `If-None-Match` is obeyed, ignored as by older servers, or refused with 501. */
  conditions: 'kept' | 'ignored' | 'refused';
  /** Answers so many next requests that match with a status, before or after they were carried out. */
  fail(options: { count: number; status: number; match?: RegExp; after?: boolean }): void;
  stop(): Promise<void>;
}

/**
 * s3rver seals where a page of a listing ends with DES, which OpenSSL 3 has no more: three times DES with one key is DES.
 * It is CommonJS, so it finds what is changed here.
 */
for (const name of ['createCipheriv', 'createDecipheriv'] as const) {
  const original = crypto[name] as (algorithm: string, key: CipherKey, iv: BinaryLike | null) => unknown;
  const changed = (algorithm: string, key: CipherKey, iv: BinaryLike | null): unknown =>
    algorithm === 'des'
      ? original('des-ede3-cbc', Buffer.concat([key, key, key] as Buffer[]), iv)
      : original(algorithm, key, iv);
  Object.assign(crypto, { [name]: changed });
}

/**
 * s3rver, an implementation of S3 by others, behind a small gate that fails on demand and keeps conditional writes,
 * which s3rver does not know: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export async function startS3(): Promise<TestS3> {
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-s3-'));
  const bucket = 'backups';
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: bucket }],
  });
  const { port: upstream } = await server.run();
  const faults: Array<{ status: number; match: RegExp; after: boolean }> = [];
  const writing = new Set<string>();
  const requests: string[] = [];

  const agent = new Agent({ keepAlive: false });
  const gate = createServer((from, to) => {
    const what = `${from.method ?? ''} ${from.url ?? ''}`;
    requests.push(what);
    const fault = faults.findIndex(({ match }) => match.test(what));
    const [failing] = fault === -1 ? [] : faults.splice(fault, 1);
    if (failing && !failing.after) return refuse(from, to, failing.status);
    const object = decodeURIComponent((from.url ?? '').split('?')[0] ?? '');
    const ends = !/partNumber|uploads/.test(from.url ?? '');
    if (from.headers['if-none-match'] === '*' && ends && tests3.conditions !== 'ignored') {
      if (tests3.conditions === 'refused') return refuse(from, to, 501);
      const there = existsSync(path.join(directory, `${object}._S3rver_object`)) || writing.has(object);
      if (there) return refuse(from, to, 412);
      writing.add(object);
      to.on('close', () => writing.delete(object));
    }
    const headers = { ...from.headers };
    delete headers['if-none-match'];
    const passed = request({ agent, host: '127.0.0.1', port: upstream, method: from.method, path: from.url, headers });
    passed.on('response', (answer) => {
      if (failing) {
        answer.resume();
        to.writeHead(failing.status).end();
        return;
      }
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    passed.on('error', () => to.destroy());
    from.pipe(passed);
  });
  await new Promise<void>((resolve) => void gate.listen(0, '127.0.0.1', resolve));
  const { port } = gate.address() as AddressInfo;
  const tests3: TestS3 = {
    port,
    place: {
      bucket,
      prefix: 'some/prefix',
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      pathStyle: true,
      accessKeyId: 'S3RVER',
      secretAccessKey: 'S3RVER',
    },
    requests,
    conditions: 'kept',
    fail: ({ count, status, match = /./, after = false }) => {
      for (let each = 0; each < count; each++) faults.push({ status, match, after });
    },
    stop: async () => {
      gate.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => gate.close(resolve));
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return tests3;
}

function refuse(from: IncomingMessage, to: ServerResponse, status: number): void {
  from.resume();
  from.on('end', () => to.writeHead(status, { 'content-length': '0' }).end());
}
