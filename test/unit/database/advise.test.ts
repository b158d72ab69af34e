import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advise, leads } from '../../../src/operator/database/advise.ts';
import type { DatabaseFacts, IndexFacts } from '../../../src/operator/database/model.ts';
import { indexName } from '../../../src/operator/database/names.ts';

const table = { oid: 1, schema: 'public', table: 't', partitioned: false, rows: 1000, bytes: 8192, widths: { a: 4 } };

function index(change: Partial<IndexFacts>): IndexFacts {
  return {
    oid: 10,
    tableOid: 1,
    schema: 'public',
    table: 't',
    name: 'i',
    method: 'btree',
    keys: ['a'],
    shape: 'a',
    predicate: null,
    unique: false,
    valid: true,
    building: false,
    load: null,
    partitioned: false,
    attached: false,
    bytes: 8192,
    scans: 0,
    definition: 'CREATE INDEX i ON public.t USING btree (a)',
    ...change,
  };
}

function facts(change: Partial<DatabaseFacts>): DatabaseFacts {
  return {
    tables: [{ ...table, ordered: ['a', 'b', 'c'] }],
    indexes: [],
    foreignKeys: [],
    taken: new Map(),
    countedFor: 0,
    ...change,
  };
}

describe('an index leads', () => {
  test.each<[string, Partial<IndexFacts>, string[], boolean]>([
    ['its first column', { keys: ['a', 'b'] }, ['a'], true],
    ['not its second', { keys: ['a', 'b'] }, ['b'], false],
    ['columns in any order', { keys: ['b', 'a', 'c'] }, ['a', 'b'], true],
    ['not over an expression', { keys: [null, 'a'] }, ['a'], false],
    ['by hash of one column', { keys: ['a'], method: 'hash' }, ['a'], true],
    ['not as gin', { keys: ['a'], method: 'gin' }, ['a'], false],
    ['not for some of the rows', { predicate: '(b > 1)' }, ['a'], false],
    ['where it only leaves out nulls', { predicate: '(a IS NOT NULL)' }, ['a'], true],
  ])('%s', (_, change, columns, wanted) => {
    expect(leads(index(change), columns)).toBe(wanted);
  });
});

test('the index of a wider foreign key serves a narrower one too', () => {
  const key = (name: string, columns: string[]) => ({ tableOid: 1, name, columns, references: 'public.x' });
  const { wanted } = advise(facts({ foreignKeys: [key('one', ['a']), key('two', ['a', 'b'])] }), 'd', ['a']);
  expect(wanted).toMatchObject([
    { columns: ['a', 'b'], reasons: ['foreign key to public.x', 'foreign key to public.x', 'searched by a'] },
  ]);
});

test('an index is called unused after a week without a scan, and never one that enforces or serves a foreign key', () => {
  const indexes = [
    index({ name: 'spare', shape: 'c', keys: ['c'] }),
    index({ name: 'unique', shape: 'b', keys: ['b'], unique: true }),
    index({ name: 'key' }),
    index({ name: 'used', shape: 'x', keys: [null], scans: 1 }),
  ];
  const foreignKeys = [{ tableOid: 1, name: 'k', columns: ['a'], references: 'public.x' }];
  const week = 7 * 24 * 3600 * 1000;
  const told = (countedFor: number): string[] =>
    advise(facts({ indexes, foreignKeys, countedFor }), 'd', []).spare.map((each) => each.index);
  expect([told(week - 1), told(week)]).toEqual([[], ['spare']]);
});

test('of two equal indexes the one that carries something stays', () => {
  const twins = [
    index({ oid: 1, name: 'plain' }),
    index({ oid: 2, name: 'unique', unique: true }),
    index({ oid: 3, name: 'held', load: 'constraint' }),
  ];
  const { spare } = advise(facts({ indexes: twins }), 'd', []);
  expect(spare.map(({ index: name, droppable }) => [name, droppable])).toEqual([
    ['plain', true],
    ['unique', true],
  ]);
});

test('names fit, differ, and are the same in every run', () => {
  const word = fc.string({ minLength: 1, maxLength: 63, unit: 'grapheme' });
  fc.assert(
    fc.property(word, fc.array(word, { minLength: 1, maxLength: 4 }), (name, columns) => {
      const first = indexName(name, columns, new Set());
      expect(Buffer.byteLength(first)).toBeLessThanOrEqual(63);
      expect(indexName(name, columns, new Set())).toBe(first);
      const second = indexName(name, columns, new Set([first]));
      expect(second).not.toBe(first);
      expect(Buffer.byteLength(second)).toBeLessThanOrEqual(63);
    }),
  );
  expect(indexName('sales', ['product_id'], new Set())).toBe('sales_product_id_idx');
});
