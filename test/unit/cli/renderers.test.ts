import { describe, expect, test, vi } from 'vitest';
import { openLiveRenderer } from '../../../src/cli/render/live.ts';
import { openPlainRenderer } from '../../../src/cli/render/plain.ts';
import { Progress } from '../../../src/cli/render/progress.ts';
import type { Observation } from '../../../src/foundation/core/observe.ts';

const NOON = new Date(2026, 10, 23, 12, 3, 11).getTime();

describe('plain lines', () => {
  function feed(events: Array<[afterMs: number, observation: Observation]>): string[] {
    const lines: string[] = [];
    let now = NOON;
    const renderer = openPlainRenderer({ write: (line: string) => lines.push(line) > 0 }, () => now);
    for (const [after, observation] of events) {
      now = NOON + after;
      renderer.observe(observation);
    }
    renderer.close();
    return lines.map((line) => line.replace(/\n$/, ''));
  }

  test('say what happened to what, with figures in units', () => {
    const table = { id: 'public.sales', part: 'copy:public.sales' };
    expect(
      feed([
        [0, { event: 'migrate.table.started', ...table }],
        [400, { event: 'migrate.table.finished', ...table, rows: 1204, bytes: 3_100_000, ms: 400 }],
        [500, { event: 'migrate.verify.finished', id: 'public.sales', rows: 1204, equal: true, ms: 61_000 }],
        [600, { event: 'backup.segment.failed', id: '0001', code: 'DISK_FULL', retries: undefined }],
      ]),
    ).toEqual([
      '12:03:11 copying public.sales',
      '12:03:11 copied public.sales 1 204 rows 3.1 MB 0.4 s',
      '12:03:11 verified public.sales 1 204 rows 1 min 1 s equal=true',
      '12:03:11 segment failed 0001 code=DISK_FULL',
    ]);
  });

  test('show progress at most every ten seconds, each group by itself', () => {
    const progress = (bytes: number): Observation => ({
      event: 'a.table.progress',
      id: 't',
      bytes,
      totalBytes: 10_000,
    });
    const lines = feed([
      [0, { event: 'a.table.started', id: 't' }],
      [100, progress(100)],
      [9_900, progress(200)],
      [10_000, progress(300)],
      [10_100, progress(400)],
      [10_200, { event: 'b.other.progress', id: 'u' }],
      [20_000, progress(500)],
    ]);
    expect(lines).toEqual([
      '12:03:11 table started t',
      '12:03:21 table progress t 300 B of 10 kB',
      '12:03:21 other progress u',
      '12:03:31 table progress t 500 B of 10 kB',
    ]);
  });
});

describe('the picture of the work', () => {
  test('counts what is finished and shows what is under way, with rate and time left', () => {
    const progress = new Progress();
    progress.apply({ event: 'migrate.table.started', id: 'public.a', totalBytes: 10_000_000 }, 0);
    progress.apply({ event: 'migrate.table.started', id: 'public.b' }, 0);
    progress.apply({ event: 'migrate.table.finished', id: 'public.b', rows: 5, bytes: 1_000_000 }, 1000);
    progress.apply({ event: 'migrate.table.progress', id: 'public.a', bytes: 3_000_000, totalBytes: 10_000_000 }, 2000);
    expect(progress.views(2000)).toEqual([
      {
        name: 'migrate.table',
        state: 'busy',
        headline: 'migrate table  1 done · 1 under way · 5 rows · 4.0 MB · 2.0 MB/s',
        details: ['✔ public.b  5 rows 1.0 MB', 'public.a  30%  3.0 MB of 10 MB  3.5 s left'],
      },
    ]);
  });

  test('names what is finished while that is a handful, then counts it', () => {
    const progress = new Progress();
    const finish = (id: number): void => progress.apply({ event: 'm.step.finished', id: `s${id}`, ms: 1500 }, 0);
    for (let id = 1; id <= 8; id += 1) finish(id);
    expect(progress.views(0)[0]?.details).toHaveLength(8);
    expect(progress.views(0)[0]?.details[0]).toBe('✔ s1  1.5 s');
    finish(9);
    expect(progress.views(0)[0]).toMatchObject({ headline: 'm step  9 done', details: [] });
  });

  test('keeps failures in sight, and names parts only where one table has several', () => {
    const progress = new Progress();
    progress.apply({ event: 'm.table.started', id: 'a', part: 'a#1' }, 0);
    progress.apply({ event: 'm.table.started', id: 'a', part: 'a#2' }, 0);
    progress.apply({ event: 'm.table.started', id: 'b', part: 'b#1' }, 0);
    progress.apply({ event: 'm.table.failed', id: 'c', code: 'DISK_FULL' }, 0);
    const [view] = progress.views(0);
    expect(view?.state).toBe('failed');
    expect(view?.details).toEqual(['failed: c code=DISK_FULL', 'a (a#1)', 'a (a#2)', 'b']);
  });

  test('shows six ids at most, and the last of those that never started by name', () => {
    const progress = new Progress();
    for (let id = 1; id <= 9; id += 1) progress.apply({ event: 'm.table.started', id: `t${id}` }, 0);
    progress.apply({ event: 'm.loose.progress', id: 'first', rows: 1 }, 0);
    progress.apply({ event: 'm.loose.progress', id: 'second', rows: 2, totalRows: 4 }, 0);
    const [tables, loose] = progress.views(0);
    expect(tables?.details).toEqual(['t1', 't2', 't3', 't4', 't5', 't6', 'and 3 more']);
    expect(loose?.details).toEqual(['second  50%  2 of 4 rows']);
    expect(loose?.state).toBe('idle');
  });
});

describe('the live display', () => {
  /** What listr2 needs of a terminal. */
  function terminal(): { stream: NodeJS.WriteStream; text: () => string } {
    let text = '';
    const stream = {
      isTTY: true,
      columns: 100,
      rows: 30,
      write: (chunk: string) => ((text += chunk), true),
      on: () => undefined,
    };
    return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
  }

  test('draws what is under way, leaves the last picture, gives the stream and the signals back', async () => {
    const { stream, text } = terminal();
    const signals = process.listenerCount('SIGINT');
    const renderer = openLiveRenderer(stream);
    renderer.observe({ event: 'migrate.table.started', id: 'public.sales' });
    await vi.waitFor(() => expect(text()).toContain('public.sales'), { timeout: 10_000 });
    expect(process.listenerCount('SIGINT')).toBe(signals);
    renderer.observe({ event: 'migrate.table.finished', id: 'public.sales', rows: 7, bytes: 70 });
    renderer.close();
    const last = text().slice(text().lastIndexOf('migrate table'));
    expect(last).toMatch(/^migrate table {2}1 done · 7 rows · 70 B\n/);
    stream.write('after\n');
    expect(text()).toMatch(/after\n$/);
  });

  test('a pause clears the picture; the next observation draws it again', async () => {
    const { stream, text } = terminal();
    const renderer = openLiveRenderer(stream);
    renderer.observe({ event: 'migrate.table.started', id: 'one' });
    await vi.waitFor(() => expect(text()).toContain('one'), { timeout: 10_000 });
    renderer.pause();
    stream.write('said meanwhile\n');
    const before = text().length;
    renderer.observe({ event: 'migrate.table.started', id: 'two' });
    await vi.waitFor(() => expect(text().slice(before)).toContain('two'), { timeout: 10_000 });
    expect(text().slice(before)).toContain('one');
    renderer.close();
  });

  test('closed before listr2 is loaded, it still leaves the last picture', async () => {
    const { stream, text } = terminal();
    const renderer = openLiveRenderer(stream);
    renderer.observe({ event: 'migrate.table.finished', id: 'quick', rows: 1 });
    renderer.close();
    expect(text()).toContain('1 done');
  });
});
