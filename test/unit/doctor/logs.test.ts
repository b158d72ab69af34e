import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  inOrder,
  parseJournalLine,
  parseLine,
  parseSince,
  readable,
  type LogLine,
} from '../../../src/operator/doctor/logs/line.ts';
import { readLogs } from '../../../src/operator/doctor/logs/read.ts';
import type { LogSource } from '../../../src/operator/doctor/logs/sources.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');

test.each([
  ['2026-11-23 10:45:01.123 UTC [12] LOG:  ready', '2026-11-23T10:45:01.123Z'],
  ['2026-11-23T10:45:01.500+0100 x', '2026-11-23T09:45:01.500Z'],
  ['{"level":30,"time":"2026-11-23T10:45:01.123Z","pid":3,"msg":"hello"}', '2026-11-23T10:45:01.123Z'],
  ['{"at":"2026-11-23T10:45:02.000Z","type":"begin","step":"a"}', '2026-11-23T10:45:02.000Z'],
  ['\tselect 1', null],
  ['  "time":"2026-11-23T10:45:01.123Z" in a statement', null],
  ['', null],
])('%s', (text, iso) => {
  expect(parseLine('postgres', text).at).toBe(iso === null ? null : Date.parse(iso));
});

test('a line of the journal', () => {
  const stamp = String(NOW * 1_000);
  expect(parseJournalLine('daemon', JSON.stringify({ MESSAGE: 'up', __REALTIME_TIMESTAMP: stamp }))).toEqual({
    source: 'daemon',
    at: NOW,
    text: 'up',
  });
  expect(parseJournalLine('daemon', JSON.stringify({ MESSAGE: [0xc3, 0xa4], __REALTIME_TIMESTAMP: stamp })).text).toBe(
    'ä',
  );
});

test('lines of several logs stand in the order of their times, with what continues them', () => {
  const log = (...texts: string[]): LogLine[] => texts.map((text) => parseLine('postgres', text));
  const one = log('2026-11-23 10:00:01 UTC a', '\tmore of a', '2026-11-23 10:00:03 UTC c');
  const two = log('{"time":"2026-11-23T10:00:02.000Z","msg":"b"}');
  expect(inOrder([one, two]).map(({ text }) => text.slice(-1))).toEqual(['a', 'a', '}', 'c']);
});

test('a line of the daemon reads like a sentence', () => {
  const text =
    '{"level":40,"time":"2026-11-23T10:00:02.000Z","pid":9,"status":503,"path":"/rest/v1/x","msg":"request"}';
  expect(readable({ source: 'daemon', at: null, text })).toBe(
    '2026-11-23T10:00:02.000Z warn request status=503 path=/rest/v1/x',
  );
  expect(readable({ source: 'daemon', at: NOW, text: 'Started.' })).toBe('2026-11-23T12:00:00.000Z Started.');
  expect(readable({ source: 'postgres', at: NOW, text: '{ not json' })).toBe('{ not json');
});

test.each([
  ['10m', NOW - 600_000],
  ['2h', NOW - 7_200_000],
  ['3d', NOW - 3 * 86_400_000],
  ['2026-11-22', Date.parse('2026-11-22T00:00:00Z')],
  ['2026-11-22 14:03', Date.parse('2026-11-22T14:03:00Z')],
  ['2026-11-22T14:03:05.5+01:00', Date.parse('2026-11-22T13:03:05.5Z')],
  ['yesterday', undefined],
  ['10', undefined],
  ['', undefined],
])('since %s', (text, at) => {
  expect(parseSince(text, NOW)).toBe(at);
});

describe('files', () => {
  let place: string;
  let sources: readonly [LogSource & { file: string }, LogSource & { file: string }];
  beforeEach(() => {
    place = mkdtempSync(path.join(tmpdir(), 'vt-logs-'));
    sources = [
      { name: 'postgres', file: path.join(place, 'postgres.log') },
      { name: 'daemon', file: path.join(place, 'daemon.log') },
    ];
    writeFileSync(sources[0].file, [1, 2, 3, 4].map((n) => `2026-11-23 10:00:0${n} UTC p${n}\n`).join(''));
    writeFileSync(sources[1].file, '{"time":"2026-11-23T10:00:02.500Z","msg":"d"}\n');
  });
  afterEach(() => rmSync(place, { recursive: true }));

  async function read(wish: { lines?: number; since?: number }): Promise<string[]> {
    const found: string[] = [];
    const all = { sources, lines: 100, since: undefined, follow: false, ...wish };
    await readLogs(all, ({ source, text }) => found.push(`${source} ${text.slice(-2)}`), new AbortController().signal);
    return found;
  }

  test('the newest of each, in order', async () => {
    expect(await read({})).toEqual(['postgres p1', 'postgres p2', 'daemon "}', 'postgres p3', 'postgres p4']);
    expect(await read({ lines: 2 })).toEqual(['daemon "}', 'postgres p3', 'postgres p4']);
    expect(await read({ since: Date.parse('2026-11-23T10:00:04Z') })).toEqual(['postgres p4']);
    expect(await read({ since: Date.parse('2026-11-24T10:00:04Z') })).toEqual([]);
  });

  test('followed, nothing is lost or told twice: half lines, and a file that is emptied', async () => {
    const stop = new AbortController();
    const found: string[] = [];
    appendFileSync(sources[0].file, '2026-11-23 10:00:05 UTC half');
    const reading = readLogs(
      { sources, lines: 1, since: undefined, follow: true },
      ({ text }) => found.push(text.slice(-6)),
      stop.signal,
    );
    await expect.poll(() => found.length, { timeout: 30_000 }).toBe(2);
    appendFileSync(sources[0].file, ' whole\n2026-11-23 10:00:06 UTC second\n');
    await expect.poll(() => found.slice(2), { timeout: 30_000 }).toEqual([' whole', 'second']);
    truncateSync(sources[0].file);
    appendFileSync(sources[0].file, '2026-11-23 10:00:07 UTC anew\n');
    await expect.poll(() => found.at(-1), { timeout: 30_000 }).toBe('C anew');
    stop.abort();
    expect(await reading).toBe(found.length);
  });

  test('a log that is not there says so', async () => {
    const missing = [{ name: 'postgres' as const, file: path.join(place, 'none') }];
    const wish = { sources: missing, lines: 1, since: undefined, follow: false };
    await expect(readLogs(wish, () => undefined, new AbortController().signal)).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    });
  });
});
