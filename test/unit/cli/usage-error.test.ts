import { describe, expect, test } from 'vitest';
import { findCommand } from '../../../src/cli/find-command.ts';
import { unwrapFlagMessage } from '../../../src/cli/usage-error.ts';

const IDS = ['up', 'migrate', 'migrate:plan', 'migrate:verify', 'config:show', 'keys:init'];

describe('finding the command', () => {
  const cases: Array<[line: string, id: string | undefined, unknown: boolean, nearest: string | undefined]> = [
    ['', undefined, false, undefined],
    ['--help', undefined, false, undefined],
    ['up --port=0', 'up', false, undefined],
    ['migrate --source=x plan', 'migrate', false, undefined],
    ['migrate plan', 'migrate:plan', false, undefined],
    ['config', 'config', false, undefined],
    ['migrate plann', 'migrate', true, 'migrate plan'],
    ['migrate postgres://u:p@h/d', 'migrate', false, undefined],
    ['migrat', undefined, true, 'migrate'],
    ['config shwo', 'config', true, 'config show'],
    ['config postgres://u:p@h/d', 'config', true, undefined],
    ['hunter2', undefined, true, undefined],
  ];
  test.each(cases)('%j', (line, id, unknown, nearest) => {
    expect(findCommand(line.split(' ').filter(Boolean), IDS)).toMatchObject({ id, unknown, nearest });
  });
});

test('oclif wraps what a flag parser throws; the reason comes out again', () => {
  expect(unwrapFlagMessage('Parsing --source \n\tit is not a URL\nSee more help with --help')).toEqual({
    flag: 'source',
    reason: 'it is not a URL',
  });
  expect(unwrapFlagMessage('anything else')).toBeUndefined();
});
