import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { s3Store } from '../../../src/foundation/objects/s3-store.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { holdStoreContract, keysOf } from '../../support/store-contract.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const signal = new AbortController().signal;
const MB = 1024 * 1024;

describe('a bucket', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-s3-test-'));
  const large = path.join(home, 'large');
  const content = randomBytes(40 * MB + 7);
  let s3: TestS3;
  let proxy: TcpProxy;
  const through = (patience?: number) => s3Store({ ...s3.place, endpoint: `http://127.0.0.1:${proxy.port}`, patience });

  beforeAll(async () => {
    s3 = await startS3();
    proxy = await TcpProxy.listen({ host: '127.0.0.1', port: s3.port });
    await writeFile(large, content);
  });
  beforeEach(() => {
    s3.conditions = 'kept';
  });
  afterAll(async () => {
    await proxy.close();
    await s3.stop();
    rmSync(home, { recursive: true });
  });

  // s3rver walks directories, which is not the order of bytes that the protocol asks for.
  holdStoreContract(() => s3Store({ ...s3.place, prefix: 'contract' }), { ordered: false });

  test('takes a large file in parts, and gives it back', async () => {
    const store = s3Store(s3.place);
    s3.requests.length = 0;
    await store.put('1/large', large, { signal });
    expect(s3.requests.filter((request) => request.includes('partNumber'))).toHaveLength(3);
    expect(await store.stat('1/large')).toMatchObject({ bytes: content.length });
    expect(hashOf(await buffer(await store.get('1/large', { signal })))).toBe(hashOf(content));
    await expect(store.put('1/large', large, { signal })).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
  });

  test('lists more than one page', async () => {
    const store = s3Store({ ...s3.place, prefix: 'many', pageSize: 7 });
    const keys = Array.from({ length: 25 }, (_, number) => `1/x/${String(number).padStart(4, '0')}`);
    for (const key of keys) await store.put(key, Buffer.from(''), { signal });
    s3.requests.length = 0;
    expect(await keysOf(store, '1/')).toEqual(keys);
    expect(s3.requests).toHaveLength(4);
  });

  test.each(['kept', 'refused'] as const)('never writes over an object (conditions %s)', async (conditions) => {
    s3.conditions = conditions;
    const store = s3Store({ ...s3.place, prefix: `never-${conditions}` });
    await store.put('1/x', Buffer.from('first'), { signal });
    await expect(store.put('1/x', Buffer.from('second'), { signal })).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    expect(String(await buffer(await store.get('1/x', { signal })))).toBe('first');
  });

  test('lets one of several writers at the same instant win', async () => {
    const store = s3Store({ ...s3.place, prefix: 'race' });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, async (_, n) => store.put('1/x', Buffer.from(`writer ${n}`), { signal })),
    );
    const won = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(reasons).toEqual(reasons.map(() => expect.objectContaining({ code: 'OBJECT_EXISTS' }) as unknown));
  });

  describe('that is troubled', () => {
    test('is asked again', async () => {
      const store = s3Store({ ...s3.place, prefix: 'busy' });
      s3.fail({ count: 2, status: 503 });
      await store.put('1/x', Buffer.from('text'), { signal });
      s3.fail({ count: 2, status: 500, match: /partNumber=2/ });
      await store.put('1/large', large, { signal });
      s3.fail({ count: 2, status: 503 });
      expect(hashOf(await buffer(await store.get('1/large', { signal })))).toBe(hashOf(content));
    });

    test('and whose answer was lost has the object all the same', async () => {
      const store = s3Store({ ...s3.place, prefix: 'lost' });
      s3.fail({ count: 1, status: 500, match: /^PUT/, after: true });
      await store.put('1/x', Buffer.from('text'), { signal });
      s3.fail({ count: 1, status: 500, match: /^POST .*uploadId/, after: true });
      await store.put('1/large', large, { signal });
      expect(await keysOf(store, '')).toEqual(['1/large', '1/x']);
    });

    test('for good is said to be unreachable', async () => {
      const store = s3Store({ ...s3.place, prefix: 'down' });
      s3.fail({ count: 4, status: 503 });
      await expect(store.stat('1/x')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', exitCode: 7 });
      const gone = s3Store({ ...s3.place, endpoint: 'http://127.0.0.1:1' });
      await expect(gone.get('1/x', { signal })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      s3.fail({ count: 1, status: 507 });
      await expect(store.put('1/x', Buffer.from(''), { signal })).rejects.toMatchObject({ code: 'DISK_FULL' });
    });

    test.each([
      [403, 'STORE_REFUSED'],
      [404, 'STORE_UNREACHABLE'],
    ])('answers %i', async (status, code) => {
      const store = s3Store({ ...s3.place, bucket: status === 404 ? 'no-such-bucket' : s3.place.bucket });
      if (status !== 404) s3.fail({ count: 1, status });
      await expect(store.stat('1/x')).rejects.toMatchObject({ code });
    });

    test('and cuts links in the middle: an upload goes on, a download says so', async () => {
      const store = through();
      proxy.cutAfter(20 * MB);
      await store.put('cut/large', large, { signal });
      expect(hashOf(await buffer(await s3Store(s3.place).get('cut/large', { signal })))).toBe(hashOf(content));
      const stream = await store.get('cut/large', { signal });
      proxy.cutAfter(5 * MB);
      await expect(buffer(stream)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    });

    test('and silent is given up on', async () => {
      const store = through(300);
      const stream = await store.get('1/large', { signal });
      proxy.stall();
      await expect(buffer(stream)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      const other = new AbortController();
      const stopped = store.stat('1/x').catch((error: unknown) => error);
      expect(await stopped).toMatchObject({ code: 'STORE_UNREACHABLE' });
      const putting = store.put('1/y', Buffer.from('x'), { signal: other.signal });
      other.abort(new Error('stopped by hand'));
      await expect(putting).rejects.toThrow('stopped by hand');
      proxy.resume();
    });
  });

  test('never says its credentials', async () => {
    const store = s3Store({ ...s3.place, secretAccessKey: 'a-secret-of-mine', endpoint: 'http://127.0.0.1:1' });
    const error: unknown = await store.stat('1/x').catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error) + String(error) + store.url).not.toContain('a-secret-of-mine');
  });
});

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
