import { readFile, stat } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

// Postgres writes down every statement that it gets, without the values that are bound to it. Whatever a client sends
// as a value must not be found there.
const WORD = 'zqxword';
const NUMBER = 731_901;

let server: RestServer;
let logged = 0;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest-shapes.sql'), {
    rest: { schemas: ['public'], aggregatesEnabled: true, txEnd: 'rollback' },
  });
  for (const setting of [`log_statement = 'all'`, `log_parameter_max_length = 0`, `log_min_messages = 'log'`]) {
    await server.sql(`alter system set ${setting}`);
  }
  await server.sql('select pg_reload_conf()');
});
afterAll(() => server?.stop());

async function newLog(): Promise<string> {
  const text = await readFile(server.cluster.logFile);
  return text.subarray(logged).toString();
}

const value = fc
  .constantFrom(WORD, `${WORD}'`, `${WORD}"`, `it's ${WORD}; --`, `\\${WORD}`, `{${WORD}}`, `[${WORD}]`, `${WORD}*`)
  .chain((text) => fc.constantFrom(text, `${NUMBER}`));
const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const operator = fc.constantFrom(
  'eq',
  'neq',
  'gt',
  'lte',
  'like',
  'ilike',
  'match',
  'imatch',
  'isdistinct',
  'cs',
  'cd',
  'ov',
  'fts',
  'plfts(english)',
  'wfts',
  'like(any)',
  'eq(all)',
  'sl',
  'adj',
  'not.eq',
  'not.like',
);
const column = fc.constantFrom(
  'text_',
  'id',
  'jsonb_->>k',
  `jsonb_->${WORD}`,
  `json_->>${WORD}`,
  'ints',
  'words',
  'num',
  'feeling',
);
const leaf = fc.tuple(column, operator, value);
const pair: fc.Arbitrary<[string, string]> = fc.oneof(
  leaf.map(([name, way, text]): [string, string] => [name, `${way}.${text}`]),
  fc
    .tuple(column, fc.array(value, { minLength: 1, maxLength: 3 }))
    .map(([name, list]): [string, string] => [name, `in.(${list.map((one) => quoted(one)).join(',')})`]),
  fc
    .tuple(fc.constantFrom('or', 'and', 'not.or'), fc.array(leaf, { minLength: 1, maxLength: 3 }))
    .map(([key, list]): [string, string] => [
      key,
      `(${list.map(([name, way, text]) => `${name}.${way}.${quoted(text)}`).join(',')})`,
    ]),
  fc.constantFrom<[string, string]>(
    ['limit', `${NUMBER}`],
    ['offset', `${NUMBER}`],
    ['order', `jsonb_->${WORD}.desc`],
    ['select', `id,x:jsonb_->${WORD}`],
  ),
);
const request = fc.record({
  kind: fc.constantFrom('read', 'count', 'insert', 'upsert', 'update', 'delete', 'call', 'post call', 'form', 'csv'),
  pairs: fc.array(pair, { maxLength: 3 }),
  text: value,
});

test('no value of a client is ever part of a statement', { timeout: 120_000 }, async () => {
  // The signal to read the settings again is on its way: from here on the log has each statement.
  await expect.poll(async () => (await server.sql('select 1'), newLog())).toContain('select 1');
  logged = (await stat(server.cluster.logFile)).size;
  const token = server.token({ role: 'authenticated', sub: WORD, extra: NUMBER });
  const always = { authorization: `Bearer ${token}`, 'x-mine': WORD, cookie: `a=${WORD}`, 'user-agent': WORD };
  await fc.assert(
    fc.asyncProperty(request, async ({ kind, pairs, text }) => {
      const query = new URLSearchParams(pairs).toString();
      const json = { ...always, 'content-type': 'application/json', prefer: 'return=representation' };
      const row = JSON.stringify({ id: NUMBER, name: text });
      const send = (target: string, method: string, body?: string, headers: Record<string, string> = json) =>
        server.ask(target, { method, headers, ...(body === undefined ? {} : { body }) });
      const asked: Record<string, () => Promise<unknown>> = {
        read: () => send(`/samples?${query}`, 'GET', undefined, always),
        count: () => send(`/samples?${query}`, 'HEAD', undefined, { ...always, prefer: 'count=exact' }),
        insert: () => send('/labels', 'POST', row),
        upsert: () => send('/labels', 'POST', row, { ...json, prefer: 'resolution=merge-duplicates' }),
        update: () => send(`/samples?${query}`, 'PATCH', JSON.stringify({ text_: text })),
        delete: () => send(`/samples?${query}`, 'DELETE'),
        call: () => send(`/rpc/hello?name=${encodeURIComponent(text)}`, 'GET', undefined, always),
        'post call': () => send('/rpc/hello', 'POST', JSON.stringify({ name: text })),
        form: () =>
          send('/labels', 'POST', new URLSearchParams({ id: `${NUMBER}`, name: text }).toString(), {
            ...json,
            'content-type': 'application/x-www-form-urlencoded',
          }),
        csv: () =>
          send('/labels', 'POST', `id,name\n${NUMBER},${quoted(text)}`, { ...json, 'content-type': 'text/csv' }),
      };
      await asked[kind]?.();
    }),
    { numRuns: 400 },
  );
  const log = await newLog();
  const lines = log.split('\n').filter((line) => line.includes(WORD) || line.includes(`${NUMBER}`));
  expect(lines).toEqual([]);
  // It was all written down.
  expect(log.split('"public"."samples"').length).toBeGreaterThan(30);
  expect(log).toContain('insert into "public"."labels"');
});
