import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rawItems, rawMembers, writeMembers } from '../../../src/services/rest/beyond/raw-json.ts';

test('members and items of any JSON are those that JSON.parse finds', () => {
  const blank = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()), blank, (object, list, space) => {
      const spaced = (value: unknown): string => space + JSON.stringify(value, null, space.length) + space;
      const members = [...rawMembers(spaced(object))].map(([key, raw]) => [key, JSON.parse(raw) as unknown]);
      expect(Object.fromEntries(members)).toEqual(JSON.parse(JSON.stringify(object)));
      expect(rawItems(spaced(list)).map((raw) => JSON.parse(raw) as unknown)).toEqual(JSON.parse(JSON.stringify(list)));
    }),
  );
});

test('digits, escapes and doubled keys stay as they are written', () => {
  const text = '{ "a" : 9007199254740993.10, "b\\"}" : "x\\\\", "a":1e400 , "c":[{"d":"]"}] }';
  expect([...rawMembers(text)]).toEqual([
    ['a', '1e400'],
    ['b"}', '"x\\\\"'],
    ['c', '[{"d":"]"}]'],
  ]);
  expect(writeMembers(rawMembers('{"n":12345678901234567890}'))).toBe('{"n":12345678901234567890}');
  expect([rawItems('[ ]'), [...rawMembers(' {} ')]]).toEqual([[], []]);
});
