import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEntry, withoutValues } from '../../../src/operator/database/slow-log.ts';

test.each([
  ["select * from t where name = 'O''Brien' and n > 12.5e3", 'select * from t where name = ? and n > ?'],
  [String.raw`select E'it\'s', e'x\\', b`, 'select ?, ?, b'],
  ["select $$it is 'me'$$, $tag$ $$ $tag$, $1", 'select ?, ?, $1'],
  ['select "Weird 12 \'name\'", t1.c2 from "a""b"', 'select "Weird 12 \'name\'", t1.c2 from "a""b"'],
  ["insert into t values\n\t(1,\n 'cut off here", 'insert into t values (?, ?'],
  ["alter role x password 'secret'", 'alter role x password ?'],
])('%s loses its values', (query, wanted) => {
  expect(withoutValues(query)).toBe(wanted);
});

test('no string that a query holds is left in it', () => {
  const value = fc.stringMatching(/^[^'\\]*canary[^'\\]*$/);
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(withoutValues(`select '${a}' || x, 'a''${b}'`)).toBe('select ? || x, ?');
    }),
  );
});

test('a line of the log is read, with the protocol that the query came by', () => {
  const line = (text: string): string =>
    `2026-11-01 10:00:00.123 UTC [4711] postgres@shop psql LOG:  duration: 120.500 ms  ${text}`;
  const wanted = { role: 'postgres', database: 'shop', ms: 120.5 };
  expect(parseEntry(line('statement: select 1'))).toEqual({ ...wanted, query: 'select ?' });
  expect(parseEntry(line('execute <unnamed>: select\n $1'))).toEqual({ ...wanted, query: 'select $1' });
  expect(parseEntry(line('execute s_12: select x'))).toEqual({ ...wanted, query: 'select x' });
  expect(parseEntry(line('bind s_12: select x'))).toBeUndefined();
  expect(parseEntry('2026-11-01 10:00:00.123 UTC [1] LOG:  duration: x')).toBeUndefined();
});
