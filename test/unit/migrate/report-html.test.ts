import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reportHtml } from '../../../src/operator/migrate/render/report-html.ts';
import { anyText } from '../../support/any-text.ts';
import {
  differingReport,
  HOSTILE,
  hostileReport,
  resumedReport,
  sampleReport,
  sampleTable,
  stoppedReport,
  unverifiedReport,
} from '../../support/migration-samples.ts';

const outcomes = {
  complete: sampleReport(),
  resumed: resumedReport(),
  'not verified': unverifiedReport(),
  differences: differingReport(),
  stopped: stoppedReport(),
};

describe('the page stands alone', () => {
  test.each(Object.entries(outcomes))(
    '%s: no script, no address, no style but its own, which its policy names by hash',
    (_name, report) => {
      const page = reportHtml(report);
      expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
      expect(page).not.toMatch(
        /<(script|link|img|iframe|object|form|base)\b|\son[a-z]+=|\sstyle=|javascript:|https?:|@import|url\(/i,
      );
      const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? '';
      const hash = createHash('sha256').update(style).digest('base64');
      expect(page).toContain(
        `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
      );
    },
  );

  test.each(Object.entries(outcomes))('%s: every element that is opened is closed', (_name, report) => {
    expect(unbalanced(reportHtml(report))).toEqual([]);
  });
});

describe('what the page says', () => {
  test.each([
    ['complete', 'Complete', 'All 21 tables with 453,607 rows are here and proved equal to the source.'],
    ['not verified', 'Moved, not proved', 'nothing has been compared with the source row by row'],
    ['differences', 'Differences', '1 table differs (public.stores)'],
    ['stopped', 'Stopped part-way', '6 of 21 tables and 314,552 rows had been copied'],
  ] as const)('%s', (name, title, sentence) => {
    const words = text(reportHtml(outcomes[name]));
    expect(words).toContain(title);
    expect(words).toContain(sentence);
  });

  test('each table with its rows and hashes on both sides', () => {
    const row = /<tr class="differs">.*<\/tr>/.exec(reportHtml(outcomes.differences))?.[0] ?? '';
    expect(cells(row)).toEqual([
      'public.stores',
      '≠ differs',
      '44,388',
      '44,387',
      '9.0 MiB',
      '1.1 s',
      'binary',
      expect.stringMatching(/^[0-9a-f]{16}$/),
      '00ff00ff00ff00ff',
    ]);
  });

  test('no table is left away, however many there are', () => {
    const tables = Array.from({ length: 400 }, (_, index) => sampleTable(`shop.t${index}`));
    const page = reportHtml(sampleReport({ tables }));
    expect(tables.filter(({ table }) => !page.includes(`<code>${table}</code>`))).toEqual([]);
  });

  test('both definitions of what differs, the difference marked in whole words, and what is missing', () => {
    const page = reportHtml(outcomes.differences);
    expect(page).toContain('USING (<mark>(auth.uid() = user_id)</mark>)</pre>');
    expect(page).toContain('USING (<mark>true</mark>)</pre>');
    expect(page).toMatch(/index public\.sales_created_at_idx<\/code>.*CREATE INDEX.*<p class="missing">Missing/);
  });

  test('how one instant came about, in words', () => {
    expect(text(reportHtml(outcomes.complete))).toContain(
      'One snapshot. All rows were read under one snapshot of the source and are as they stood together at 2026-11-01 10:00:12 UTC.',
    );
    expect(text(reportHtml(outcomes.resumed))).toContain('Revalidated. The move was interrupted and resumed once.');
    expect(text(reportHtml({ ...outcomes.resumed, consistency: 'mixed' }))).toContain(
      'Tables copied before and after are of different instants',
    );
  });

  test('each attempt, the last one with the end that the report knows', () => {
    const page = reportHtml(outcomes.resumed);
    expect(page).toContain('interrupted</td></tr>');
    expect(page).toMatch(/0\/3C00110.*2026-11-01 10:08:21 UTC<\/td><td>complete<\/td>/);
  });

  test('the required tables only for a source that has any, and those it lacks', () => {
    expect(text(reportHtml(outcomes.complete))).toContain('18 of 18 required tables verified.');
    const none = sampleReport({ tables: [sampleTable('shop.orders')] });
    expect(reportHtml(none)).not.toContain('must be there');
    const some = sampleReport({ tables: [sampleTable('public.sales')] });
    expect(text(reportHtml(some))).toContain('1 of 18 required tables verified');
    expect(text(reportHtml(some))).toContain('Not in the source, so not here: public.profiles, public.products');
  });

  test('the commands to go on with, with the flags of the run where they are known', () => {
    expect(reportHtml(outcomes.stopped)).toContain('<pre>vectabase migrate --resume</pre>');
    const words = {
      resume: "vectabase migrate --resume --dir 'my vb'",
      abort: 'vectabase migrate abort',
      migrate: 'vectabase migrate',
    };
    expect(reportHtml(outcomes.stopped, words)).toContain(
      '<pre>vectabase migrate --resume --dir &#39;my vb&#39;</pre>',
    );
  });

  test('a source without tables claims nothing about rows', () => {
    expect(text(reportHtml(sampleReport({ tables: [] })))).toContain('There were no rows to move; the schema is here.');
  });

  test('rows that were left behind as asked are part of the verdict', () => {
    const tables = [
      sampleTable('public.a'),
      sampleTable('public.b'),
      sampleTable('public.log', {
        status: 'rows left out',
        rows: 0,
        sourceRows: null,
        targetRows: null,
        attempt: null,
      }),
    ];
    expect(text(reportHtml(sampleReport({ tables })))).toContain(
      'All 2 tables with 2,408 rows are here and proved equal to the source; the rows of 1 more table were left behind as asked.',
    );
  });
});

describe('names and definitions of a hostile database', () => {
  test('are text and nothing else', () => {
    const page = reportHtml(hostileReport(HOSTILE));
    expect(page).not.toContain('<script');
    expect(page).toContain('x&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}gnp.exe\\u{1b}[2J');
  });

  test('never change the page around them, whatever they hold', () => {
    const plain = skeleton(reportHtml(hostileReport('x')));
    const nasty = fc.string({
      unit: fc.constantFrom(
        '<',
        '>',
        '"',
        "'",
        '&',
        '/',
        '=',
        '`',
        '-',
        '!',
        ']',
        ' ',
        '\u202E',
        '\0',
        '\u001B',
        'a',
        '\u2028',
        '\uD800',
      ),
      maxLength: 20,
    });
    fc.assert(
      fc.property(fc.oneof(nasty, anyText), (name) => {
        const page = reportHtml(hostileReport(`x${name}`));
        expect(skeleton(page)).toEqual(plain);
        expect(page).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?![\n\t])\p{Cc}/u);
      }),
    );
  });
});

/** Tags in their order with their attributes: what a browser builds; text and marks of differences left away. */
function skeleton(page: string): string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
}

function text(page: string): string {
  const body = page.slice(page.indexOf('<body>'));
  return body
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"');
}

function cells(row: string): string[] {
  return [...row.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => (cell ?? '').replaceAll(/<[^>]*>/g, ''));
}

const VOID = new Set(['meta', 'path', 'circle']);

function unbalanced(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)/g)) {
    if (name === undefined || VOID.has(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}
