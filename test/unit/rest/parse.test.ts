import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RestError } from '../../../src/services/rest/errors.ts';
import type { SelectItem } from '../../../src/services/rest/parse/ast.ts';
import { parseCondition, parseLogic } from '../../../src/services/rest/parse/filter.ts';
import { chooseMedia } from '../../../src/services/rest/parse/media.ts';
import { readPayload } from '../../../src/services/rest/parse/payload.ts';
import { parsePrefer } from '../../../src/services/rest/parse/prefer.ts';
import { parseQuery } from '../../../src/services/rest/parse/query.ts';
import { parseSelect } from '../../../src/services/rest/parse/select.ts';
import { shapeOf, unmask } from '../../../src/services/rest/plan/shape.ts';
import { viewColumns } from '../../../src/services/rest/schema/view-columns.ts';
import { nearest } from '../../../src/services/rest/schema/fuzzy.ts';
import { anyText } from '../../support/any-text.ts';

/** Whatever a client writes is understood or refused in PostgREST's shape; nothing else comes out. */
function understoodOrRefused(run: () => unknown): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  const refused = thrown instanceof RestError && thrown.status >= 400 && thrown.status < 500;
  expect(thrown === undefined || refused ? undefined : thrown).toBeUndefined();
}

const PIECES = [
  'select',
  'id',
  '=',
  '&',
  'eq.',
  'not.',
  'or',
  '(',
  ')',
  ',',
  '.',
  '->',
  '->>',
  '"',
  '\\',
  '*',
  '!',
  ':',
  '::',
  '...',
  '{',
  '}',
  '%',
  '1',
  ' ',
];
const soup = fc.array(fc.oneof(fc.constantFrom(...PIECES), anyText), { maxLength: 20 }).map((parts) => parts.join(''));

describe('malformed input', () => {
  test('in the query string', () => {
    fc.assert(
      fc.property(soup, (text) => understoodOrRefused(() => parseQuery(shapeOf(text, true).pairs()))),
      { numRuns: 2000 },
    );
  });

  test('in headers and bodies', () => {
    fc.assert(
      fc.property(soup, (text) => {
        understoodOrRefused(() => parsePrefer(text, true));
        understoodOrRefused(() => chooseMedia(text, { planEnabled: true }));
        for (const type of ['application/json', 'text/csv', 'application/x-www-form-urlencoded', text]) {
          understoodOrRefused(() => readPayload(Buffer.from(text), type, undefined));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('deep nesting ends', () => {
    understoodOrRefused(() => parseLogic('or', false, '(or'.repeat(10_000)));
    understoodOrRefused(() => parseSelect('a('.repeat(10_000)));
    expect(() => parseLogic('or', false, '(not.and'.repeat(500) + '(a.eq.1)')).toThrow('failed to parse logic tree');
  });
});

describe('select', () => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).filter((word) => word !== 'count');
  const field = fc.record({
    name,
    alias: fc.option(name, { nil: undefined }),
    cast: fc.option(fc.constantFrom('text', 'int[]', 'numeric(10,2)'), { nil: undefined }),
  });
  const { items } = fc.letrec<{ item: SelectItem; items: SelectItem[] }>((tie) => ({
    item: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant<SelectItem>({ kind: 'star' }),
      field.map((each): SelectItem => ({
        kind: 'field',
        field: { name: each.name, path: [] },
        alias: each.alias,
        cast: each.cast,
        aggregate: undefined,
        aggregateCast: undefined,
      })),
      fc
        .record({
          target: name,
          alias: fc.option(name, { nil: undefined }),
          hint: fc.option(
            name.filter((word) => word !== 'inner' && word !== 'left'),
            { nil: undefined },
          ),
          inner: fc.boolean(),
          spread: fc.boolean(),
          select: tie('items'),
        })
        .map((each): SelectItem => ({
          kind: 'embed',
          ...each,
          alias: each.spread ? undefined : each.alias,
        })),
    ),
    items: fc.array(tie('item'), { minLength: 1, maxLength: 4 }),
  }));
  const write = (item: SelectItem): string => {
    if (item.kind === 'star') return '*';
    const alias = item.alias === undefined ? '' : `${item.alias}:`;
    if (item.kind === 'field') return `${alias}${item.field?.name}${item.cast === undefined ? '' : `::${item.cast}`}`;
    const marks = (item.hint === undefined ? '' : `!${item.hint}`) + (item.inner ? '!inner' : '');
    return `${item.spread ? '...' : ''}${alias}${item.target}${marks}(${item.select.map(write).join(',')})`;
  };

  test('what is written is read back', () => {
    fc.assert(
      fc.property(items, (list) => {
        expect(parseSelect(list.map(write).join(','))).toEqual(list);
      }),
      { numRuns: 500 },
    );
  });

  test('json paths, aggregates, quoted names', () => {
    expect(parseSelect('a->b->>-1,"x y":"a,b"::text,price.sum()::int,count()')).toEqual([
      {
        kind: 'field',
        field: {
          name: 'a',
          path: [
            { asText: false, key: 'b' },
            { asText: true, key: -1 },
          ],
        },
        alias: undefined,
        cast: undefined,
        aggregate: undefined,
        aggregateCast: undefined,
      },
      {
        kind: 'field',
        field: { name: 'a,b', path: [] },
        alias: 'x y',
        cast: 'text',
        aggregate: undefined,
        aggregateCast: undefined,
      },
      {
        kind: 'field',
        field: { name: 'price', path: [] },
        alias: undefined,
        cast: undefined,
        aggregate: 'sum',
        aggregateCast: 'int',
      },
      {
        kind: 'field',
        field: undefined,
        alias: undefined,
        cast: undefined,
        aggregate: 'count',
        aggregateCast: undefined,
      },
    ]);
  });
});

describe('filters', () => {
  test('a value is kept as it is', () => {
    fc.assert(
      fc.property(anyText, (value) => {
        expect(parseCondition('a', `eq.${value}`).test).toMatchObject({ value });
      }),
    );
  });

  test('quoted values of a list and of a tree are read back', () => {
    const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 2, maxLength: 5 }), (values) => {
        expect(parseCondition('a', `in.(${values.map(quote).join(',')})`).test).toEqual({ kind: 'in', values });
        const tree = parseLogic('or', false, `(${values.map((value) => `a.eq.${quote(value)}`).join(',')})`);
        expect(
          tree.children.map((child) => child.kind === 'condition' && 'value' in child.test && child.test.value),
        ).toEqual(values);
      }),
    );
  });

  test('a shape hides values and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b.c'), fc.constantFrom('eq.', 'not.lt.', 'like.'), anyText), {
          maxLength: 5,
        }),
        (filters) => {
          const texts = filters.map(([, , value]) => value.replaceAll('\0', ''));
          const query = filters.map(
            ([key, operator], at) => `${key}=${operator}${encodeURIComponent(texts[at] ?? '')}`,
          );
          const { pairs, values } = shapeOf(query.join('&'), true);
          const masked = pairs();
          const back = unmask(
            masked.map(([, value], at) => value.slice(filters[at]?.[1].length)),
            values,
            undefined,
          );
          const hidden = masked.map(([, value]) => value.includes('\0'));
          expect(hidden).toEqual(filters.map(([, operator]) => operator !== 'like.'));
          expect(back).toEqual(texts);
        },
      ),
    );
  });
});

test('a misspelt name finds the near one, and no far one', () => {
  const names = ['films', 'directors', 'roles', 'competitions'];
  expect(nearest('film', names, 0.75)).toBe('films');
  expect(nearest('Directorz', names, 0.75)).toBe('directors');
  expect(nearest('noclosealternative', names, 0.33)).toBeUndefined();
});

test('the columns of a view are read from its outermost list only', () => {
  const entry = (resno: number, table: number, column: number): string =>
    `{TARGETENTRY :expr {VAR :varno 1} :resno ${resno} :resname x :ressortgroupref 0 :resorigtbl ${table} :resorigcol ${column} :resjunk false}`;
  const tree = `({QUERY :rtable ({RANGETBLENTRY :subquery {QUERY :targetList (${entry(1, 7, 7)})}}) :targetList (${entry(1, 16, 2)} ${entry(2, 0, 0)})})`;
  expect(viewColumns(tree)).toEqual([{ number: 1, table: '16', column: 2 }]);
});

test('operators are those of the list, not what every object knows', () => {
  for (const word of ['constructor', 'toString', 'valueOf']) {
    expect(() => parseCondition('id', `${word}.1`)).toThrow(/failed to parse/);
    expect(parsePrefer(`${word}=1`, true)).toEqual({});
  }
});
