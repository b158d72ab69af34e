import { expect, test } from 'vitest';
import { PreparedNames } from '../../../src/foundation/postgres/wire/prepared-names.ts';

test('a text keeps its name; the one used longest ago gives up its place, and its name is never reused', () => {
  const names = new PreparedNames(2);
  const a = names.take('a').name;
  const b = names.take('b').name;
  expect(names.take('a')).toEqual({ name: a, isNew: false, evicted: undefined });
  const { name: c, isNew, evicted } = names.take('c');
  expect(isNew).toBe(true);
  expect(evicted).toBe(b);
  expect(names.take('b').evicted).toBe(a);
  expect(new Set([a, b, c, names.take('b').name]).size).toBe(4);
});
