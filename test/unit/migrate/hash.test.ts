import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnInfo, TypeInfo } from '../../../src/operator/migrate/catalog/model.ts';
import { contentQuery, hashHex } from '../../../src/operator/migrate/rows/hash.ts';

function column(name: string, type: Partial<TypeInfo>, change: Partial<ColumnInfo> = {}): ColumnInfo {
  const base: TypeInfo = { schema: 'pg_catalog', name: 'text', kind: 'base', builtin: true, element: null, ...type };
  return {
    name,
    type: base.name,
    base,
    notNull: false,
    generated: false,
    identity: null,
    hasDefault: false,
    deterministicCollation: true,
    add: '',
    ...change,
  };
}

const valueOf = (type: Partial<TypeInfo>, change: Partial<ColumnInfo> = {}): string =>
  /row\((.*?)\), 0\)/.exec(contentQuery('public.t', [column('c', type, change)], null))?.[1] ?? '';

describe('the content of a table as SQL', () => {
  test('counts and sums over the table alone, or over a part of it', () => {
    const columns = [column('id', { name: 'int8' }), column('price', { name: 'numeric' })];
    expect(contentQuery('public.sales', columns, null)).toBe(
      `select count(*)::text as rows, coalesce(sum(hash_record_extended(row(t."id", pg_catalog.numeric_send(t."price")), 0)), 0)::text as hash from only public.sales t`,
    );
    expect(contentQuery('public.sales', columns, 't."id" < 5')).toMatch(
      / from only public\.sales t where t\."id" < 5$/,
    );
  });

  test.each([
    'bool',
    'int2',
    'int4',
    'int8',
    'oid',
    'text',
    'varchar',
    'bytea',
    'uuid',
    'date',
    'time',
    'timestamp',
    'timestamptz',
    'inet',
    'cidr',
    'macaddr',
  ])('%s is hashed as it is: equal means identical', (name) => {
    expect(valueOf({ name })).toBe('t."c"');
  });

  test.each<[why: string, name: string, by: string]>([
    ['1.0 = 1.00', 'numeric', 'numeric_send'],
    ['-0 = 0, and its text may be short of digits', 'float8', 'float8send'],
    ['-0 = 0, and its text may be short of digits', 'float4', 'float4send'],
    ["'1 mon' = '30 days'", 'interval', 'interval_send'],
    ['instants are compared', 'timetz', 'timetz_send'],
    ['trailing blanks are ignored, by ::text too', 'bpchar', 'bpcharsend'],
  ])('by its bytes on the wire: %s, %s', (_why, name, by) => {
    expect(valueOf({ name })).toBe(`pg_catalog.${by}(t."c")`);
  });

  test.each<[why: string, type: Partial<TypeInfo>]>([
    ['jsonb 1.0 = 1.00', { name: 'jsonb' }],
    ['json has no equality', { name: 'json' }],
    ['xml has no equality', { name: 'xml' }],
    ['point has no hash', { name: 'point' }],
    ['tsvector has no hash before 18', { name: 'tsvector' }],
    ['arrays of what is not hashed as it is', { name: '_jsonb', kind: 'array' }],
    ['ranges are made of their subtype', { name: 'int4range', kind: 'range' }],
  ])('by its text: %s', (_why, type) => {
    expect(valueOf(type)).toBe('t."c"::text');
  });

  test.each<[why: string, type: Partial<TypeInfo>]>([
    ["a type of the owner's that is called text", { schema: 'public', name: 'text', builtin: false }],
    ['enums hash their oid', { schema: 'public', name: 'mood', kind: 'enum', builtin: false }],
    ['composites', { schema: 'public', name: 'pair', kind: 'composite', builtin: false }],
  ])('by what its type prints, so that no cast of the owner runs: %s', (_why, type) => {
    expect(valueOf(type)).toBe(`format('%L', t."c")`);
  });

  test('arrays ignore their bounds, so those are hashed beside them', () => {
    const element = { schema: 'pg_catalog', name: 'int4', kind: 'base', builtin: true, element: null } as const;
    expect(valueOf({ name: '_int4', kind: 'array', element })).toBe('t."c", array_dims(t."c")');
  });

  test('a collation that takes different strings for equal is set aside', () => {
    expect(valueOf({ name: 'text' }, { deterministicCollation: false })).toBe('(t."c") collate "C"');
    expect(valueOf({ name: '_text', kind: 'array' }, { deterministicCollation: false })).toBe(
      '(t."c"::text) collate "C"',
    );
  });

  test('names are quoted', () => {
    expect(contentQuery('public.t', [column('a"; drop table x --', { name: 'int4' })], null)).toContain(
      't."a""; drop table x --"',
    );
  });

  test('a table without columns still has a count', () => {
    expect(contentQuery('public.t', [], null)).toBe(`select count(*)::text as rows, '0' as hash from only public.t t`);
  });
});

describe('a sum as sixteen hexadecimal digits', () => {
  test.each([
    ['0', '0000000000000000'],
    ['255', '00000000000000ff'],
    ['-1', 'ffffffffffffffff'],
    ['-9223372036854775808', '8000000000000000'],
    ['18446744073709551616', '0000000000000000'],
  ])('%s: %s', (sum, hex) => {
    expect(hashHex(sum)).toBe(hex);
  });

  test('sums that differ by less than 2^64 differ', () => {
    const big = fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n });
    fc.assert(
      fc.property(big, fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (sum, apart) => {
        expect(hashHex(String(sum))).toMatch(/^[0-9a-f]{16}$/);
        expect(hashHex(String(sum))).not.toBe(hashHex(String(sum + apart)));
      }),
    );
  });
});
