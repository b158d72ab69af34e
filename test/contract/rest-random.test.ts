import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { anyText } from '../support/any-text.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

let server: RestServer;

beforeAll(async () => {
  server = await startRestServer(assetPath('test', 'fixtures', 'rest.sql'), {
    rest: { schemas: ['public'], aggregatesEnabled: true, planEnabled: true },
  });
});
afterAll(() => server?.stop());

const column = fc.constantFrom(
  'id',
  'name',
  'price',
  'notes',
  'period',
  'state',
  'full_label',
  'profile->>city',
  'tags',
  'nope',
);
const operator = fc.constantFrom(
  'eq',
  'neq',
  'gt',
  'like',
  'ilike(any)',
  'in',
  'is',
  'cs',
  'ov',
  'fts',
  'sl',
  'isdistinct',
  'not.eq',
);
const value = fc.oneof(fc.constantFrom('1', 'null', '(1,2)', '{1,2}', '[1,2]', '2026-01-01', '{"a":1}'), anyText);
const embed = fc.constantFrom(
  'clients(*)',
  'clients!inner(name)',
  'tasks(id,users(name))',
  '...clients(client:name)',
  '...tasks(ids:id)',
  'users()',
  'lead_tasks(*)',
  'count()',
  'price.sum()',
  '*',
  'id',
  'name::text',
  'messages(id)',
);
const filter = fc.tuple(column, operator, value).map(([a, b, c]) => [a, `${b}.${c}`] as const);
const logic = fc
  .tuple(
    fc.constantFrom('or', 'and', 'not.or', 'clients.or'),
    fc.array(fc.tuple(column, operator, value), { minLength: 1, maxLength: 3 }),
  )
  .map(([key, list]) => [key, `(${list.map(([a, b, c]) => `${a}.${b}.${c}`).join(',')})`] as const);
const request = fc.record({
  table: fc.constantFrom('projects', 'clients', 'tasks', 'users', 'project_names', 'rpc/all_projects', 'rpc/names'),
  method: fc.constantFrom('GET', 'HEAD', 'GET', 'PATCH', 'POST', 'DELETE'),
  select: fc.array(embed, { maxLength: 3 }),
  parameters: fc.array(
    fc.oneof(
      filter,
      logic,
      fc.constantFrom(
        ['order', 'id.desc'],
        ['limit', '2'],
        ['offset', '1'],
        ['clients.limit', '1'],
        ['order', 'clients(name)'],
      ),
    ),
    { maxLength: 3 },
  ),
  accept: fc.constantFrom(
    'application/json',
    'text/csv',
    'application/vnd.pgrst.object+json',
    'application/vnd.pgrst.plan+json',
  ),
  prefer: fc.constantFrom('', 'count=exact', 'count=estimated', 'return=representation'),
  body: fc.oneof(fc.constantFrom('{}', '[]', '{"id":1}', '[{"name":"x"}]', '{"name":null,"nope":1}'), anyText),
});

test('whatever is asked, the server answers in the right shape and never fails', { timeout: 110_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(request, async ({ table, method, select, parameters, accept, prefer, body }) => {
      const query = new URLSearchParams([
        ...(select.length > 0 ? [['select', select.join(',')] as [string, string]] : []),
        ...parameters.map(([key, text]): [string, string] => [key ?? '', text ?? '']),
      ]);
      const reads = method === 'GET' || method === 'HEAD';
      const { status, text, json } = await server.ask(`/${table}?${query.toString()}`, {
        method,
        headers: {
          accept,
          prefer,
          'content-type': 'application/json',
          authorization: `Bearer ${server.keys.serviceRoleKey}`,
        },
        ...(reads ? {} : { body }),
      });
      expect(status >= 500 ? text : '').toBe('');
      const refused = status >= 300 && method !== 'HEAD';
      expect(refused ? Object.keys(json as object).toSorted() : ['code', 'details', 'hint', 'message']).toEqual([
        'code',
        'details',
        'hint',
        'message',
      ]);
    }),
    { numRuns: 1500 },
  );
});
