import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, count, duration, instant } from '../../../src/foundation/core/numbers.ts';
import { displayWidth, textTable, wrap } from '../../../src/foundation/core/text-table.ts';
import { visible } from '../../../src/foundation/core/visible.ts';
import { renderReport } from '../../../src/operator/migrate/render/report-text.ts';
import { renderStatus } from '../../../src/operator/migrate/render/status-text.ts';
import { anyText } from '../../support/any-text.ts';
import {
  differingReport,
  HOSTILE,
  hostileReport,
  resumedReport,
  sampleReport,
  sampleStatus,
  sampleTable,
  stoppedReport,
  unverifiedReport,
} from '../../support/migration-samples.ts';

const WORDS = {
  resume: 'vectabase migrate --resume --dir vb',
  abort: 'vectabase migrate abort --dir vb',
  migrate: 'vectabase migrate --dir vb',
};
const FILES = { html: 'vb/reports/migration-5c2f9a34.html', json: 'vb/reports/migration-5c2f9a34.json' };
const two = [sampleTable('public.sales'), sampleTable('auth.users', { rows: 12 })];

describe('the report on the terminal', () => {
  test('of a complete move', () => {
    expect(renderReport(sampleReport({ tables: two }), FILES, { words: WORDS })).toMatchInlineSnapshot(`
      "✓ Complete
        All 2 tables with 1,216 rows are here and proved equal to the source.

        from    postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres
        to      postgres@127.0.0.1:54322/postgres
        data    252 KiB copied; 41 s from start to end
        as of   One snapshot. All rows were read under one snapshot of the source and are as they stood
                together at 2026-11-01 10:00:12 UTC.

        TABLE         SOURCE ROWS  ROWS HERE     DATA    TIME  STATUS
        public.sales        1,204      1,204  249 KiB  <0.1 s  ✓ verified
        auth.users             12         12  2.5 KiB  <0.1 s  ✓ verified

        ✓ required      1 of 18 required tables verified; not in the source: public.profiles,
                        public.products, public.stores, public.payment_transactions and 13 more
        ✓ catalogue     412 objects compared: 409 equal, 3 explained, 0 different
        ✓ foreign keys  38 valid
        ✓ sequences     12 set, none behind

        Did not come along
        · schema realtime: belongs to the platform, with 41 objects
        · schema vault: belongs to the platform, with 9 objects
        · trigger "notify" on public.sales: needs function supabase_functions.http_request(), which is not
          moved: schema supabase_functions belongs to the platform
        · view public.old_report: left out by request (--skip)

        report  vb/reports/migration-5c2f9a34.html
                vb/reports/migration-5c2f9a34.json

        next    Rows written to the source after its snapshot are not here. If it stayed open for writing,
                compare again:
                  vectabase migrate verify --dir vb
                Read what did not come along (4), and decide for each whether you need it.
                Keep the old project until your application has run against this one.
      "
    `);
  });

  test('of a move with differences: names, counts and hashes of what differs come in full', () => {
    const output = renderReport(differingReport(), FILES, { words: WORDS });
    expect(output.slice(output.indexOf('  ✗ required'), output.indexOf('  Did not come along'))).toMatchInlineSnapshot(`
      "  ✗ required      17 of 18 required tables verified; differs: public.stores
        ✗ catalogue     412 objects compared: 410 equal, 0 explained, 2 different
        ✓ foreign keys  38 valid
        ✗ sequences     12 set, behind: public.sales_id_seq

        ✗ public.stores
            source  44,388 rows, hash 36b74a956174c230
            here    44,387 rows, hash 00ff00ff00ff00ff
        ✗ policy "Own rows" on public.sales
            source  CREATE POLICY "Own rows" ON public.sales FOR SELECT TO authenticated USING ((auth.u…
            here    CREATE POLICY "Own rows" ON public.sales FOR SELECT TO authenticated USING (true)
        ✗ index public.sales_created_at_idx
            source  CREATE INDEX sales_created_at_idx ON public.sales USING btree (created_at DESC)
            here    missing

      "
    `);
    expect(output).toContain('vectabase migrate verify --dir vb\n');
  });

  test('of a move that stopped: why, what is kept, and the command that goes on', () => {
    const output = renderReport(stoppedReport(), FILES, { words: WORDS });
    expect(output).toMatch(/^! Stopped part-way\n {2}6 of 21 tables and 314,552 rows had been copied\. They are kept/);
    expect(output).toContain('why     the disk of the target is full');
    expect(output).toMatch(/public\.whitelist_users +– +30,825 .*! part-way\n/);
    expect(output).toContain('6 of 18 required tables verified; part-way: public.whitelist_users;');
    expect(output).toContain(`\n            ${WORDS.resume}\n`);
  });

  test('of a resumed and of an unverified move: claims no more than was done', () => {
    expect(renderReport(resumedReport())).toContain('Revalidated. The move was interrupted and resumed once.');
    const unverified = renderReport(unverifiedReport());
    expect(unverified).toMatch(
      /^! Moved, not proved\n {2}All 21 tables with 453,607 rows are here\. Verification was switched off/,
    );
    expect(unverified).not.toMatch(/verified|equal to/);
  });

  test('of many tables: the largest, every one in trouble, and what the rest is', () => {
    const well = Array.from({ length: 60 }, (_, index) => sampleTable(`public.t${index}`, { rows: 1000 + index }));
    const bad = [
      sampleTable('public.broken', { rows: 1, status: 'differs' }),
      sampleTable('public.half', { rows: 2, status: 'part-way', sourceHash: null }),
    ];
    const output = renderReport(sampleReport({ outcome: 'differences', tables: [...well, ...bad] }));
    const listed = [...output.matchAll(/^ {2}(public\.\w+) /gm)].map(([, name]) => name);
    expect(listed).toEqual([
      'public.broken',
      'public.half',
      ...Array.from({ length: 15 }, (_, index) => `public.t${59 - index}`),
    ]);
    expect(output).toContain('\n  and 45 more, all verified\n');
  });

  test('of many tables not begun when it stopped: they are counted, not listed', () => {
    const tables = Array.from({ length: 60 }, (_, index) =>
      sampleTable(`public.t${index}`, index < 20 ? {} : { status: 'not begun', rows: 0, attempt: null }),
    );
    expect(renderReport(sampleReport({ outcome: 'stopped', stopped: 'x', tables }))).toMatch(
      /\n {2}and 45 more, 40 not begun, 5 verified\n/,
    );
  });

  test('colours change no letter', () => {
    const style = Object.fromEntries(
      ['bold', 'dim', 'green', 'red', 'yellow'].map((name) => [name, (text: string) => `\u001B[1m${text}\u001B[0m`]),
    );
    for (const report of [sampleReport(), differingReport(), stoppedReport()]) {
      const painted = renderReport(report, FILES, { style: style as never });
      expect(painted).toContain('\u001B[1m');
      expect(stripVTControlCharacters(painted)).toBe(renderReport(report, FILES));
    }
  });

  test('nothing in a name reaches the terminal but what can be seen', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constant(HOSTILE), anyText), (name) => {
        const output =
          renderReport(hostileReport(name)) + renderStatus(sampleStatus({ runId: name, next: [name] }), WORDS);
        expect(output).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe('the status on the terminal', () => {
  test('of a migration that is not finished', () => {
    expect(renderStatus(sampleStatus(), WORDS)).toMatchInlineSnapshot(`
      "! Not finished run 5c2f9a34-7b1e-4d53-9c55-0f6f1f1f0a11
        tables    34 of 60 copied, 61,204 rows, 22.1 MiB
        steps     120 of 310 done
        started   2026-11-01 10:00:12 UTC
        attempts  1: snapshot 0/3A4F2B8 of 2026-11-01 10:00:12 UTC, no end recorded
        next      copy public.sales 3/4
                  build index public.sales_pkey

      Unless a \`vectabase migrate\` is at work on it now, continue it or take back what it made:
        vectabase migrate --resume --dir vb
        vectabase migrate abort --dir vb
      "
    `);
  });

  test('of one that is finished, or being taken back', () => {
    const finished = renderStatus(
      sampleStatus({ state: 'finished', finishedAt: '2026-11-01 10:00:53+00', next: [] }),
      WORDS,
    );
    expect(finished).toContain('finished  2026-11-01 10:00:53 UTC');
    expect(finished).toContain('vectabase migrate verify --dir vb');
    expect(finished).not.toContain('--resume');
    expect(renderStatus(sampleStatus({ state: 'aborting' }), WORDS)).toMatch(
      /taken back[\s\S]*\n {2}vectabase migrate abort --dir vb\n$/,
    );
  });
});

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1024, '1.0 KiB'],
    [1_048_570, '1.0 MiB'],
    [50_541_000, '48.2 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
  ])('%i bytes: %s', (number, words) => {
    expect(bytes(number)).toBe(words);
  });

  test('no amount of bytes is shown as 1024 of a unit', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.integer({ min: 0, max: 19 }), (number, shift) => {
        expect(bytes(number * 2 ** shift)).not.toMatch(/^1,?02[4-9]/);
      }),
    );
    expect(bytes(1024 ** 2 - 1)).toBe('1.0 MiB');
  });

  test.each([
    [0, '0.0 s'],
    [0.01, '<0.1 s'],
    [9.96, '10 s'],
    [59.7, '1 min'],
    [200, '3 min 20 s'],
    [3600, '1 h'],
    [7500, '2 h 5 min'],
    [NaN, '–'],
    [-1, '–'],
  ])('%d seconds: %s', (seconds, words) => {
    expect(duration(seconds)).toBe(words);
  });

  test.each([
    ['2026-11-01 10:00:12.482113+00', '2026-11-01 10:00:12 UTC'],
    ['2026-11-01 12:30:12+02:30', '2026-11-01 10:00:12 UTC'],
    ['2026-11-01T10:00:12.482Z', '2026-11-01 10:00:12 UTC'],
    ['infinity', 'infinity'],
  ])('%s: %s', (text, words) => {
    expect(instant(text)).toBe(words);
  });

  test.each([
    [1, 'table', '1 table'],
    [2, 'index', '2 indexes'],
    [1204, 'policy', '1,204 policies'],
    [0, 'foreign key', '0 foreign keys'],
    [2, 'row security switch', '2 row security switches'],
  ])('%i %s: %s', (number, noun, words) => {
    expect(count(number, noun)).toBe(words);
  });
});

describe('tables and lines', () => {
  const columns = [{ title: 'TABLE' }, { title: 'ROWS', align: 'right' as const }, { title: 'STATUS' }];
  const names = fc.string({ unit: 'grapheme', maxLength: 160 });

  test('fit into 100 columns and stand under each other, whatever the names', () => {
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 5 }), (list) => {
        const lines = textTable(
          columns,
          list.map((name) => [name, '1,204', 'verified']),
          (title) => title,
        );
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(100);
        const ends = lines.slice(1).map((line) => displayWidth(line.slice(0, line.lastIndexOf('1,204'))));
        expect(new Set(ends).size).toBe(1);
      }),
    );
  });

  test('a long name keeps its start and its end', () => {
    const [, line] = textTable(columns, [[`public.${'a'.repeat(90)}_archive`, '1', 'verified']], (title) => title);
    expect(line).toMatch(/^ {2}public\.a+…a+_archive +1 {2}verified$/);
  });

  test('wrapped lines hold every word, in order, within 100 columns where the word allows', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1, maxLength: 60 }), (words) => {
        const lines = wrap(words.join(' '), '  · ', '    ');
        expect(lines.map((line) => line.slice(4)).join(' ')).toBe(words.join(' '));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
      }),
    );
  });

  test('visible text is as it was where nothing was hidden', () => {
    expect(visible('public."Größe 表 🙂" \\ <b>')).toBe('public."Größe 表 🙂" \\ <b>');
    expect(visible('a\u202Eb\u001B[0m\n\uD800')).toBe('a\\u{202e}b\\u{1b}[0m\\n\\u{d800}');
  });
});
