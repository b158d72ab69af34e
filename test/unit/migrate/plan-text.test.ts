import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderPlan } from '../../../src/operator/migrate/render/plan-text.ts';
import type { Finding } from '../../../src/operator/migrate/preflight/finding.ts';
import { anyText } from '../../support/any-text.ts';
import { HOSTILE, samplePlan } from '../../support/migration-samples.ts';

const WORDS = {
  resume: 'vectabase migrate --resume --dir vb',
  abort: 'vectabase migrate abort --dir vb',
  migrate: 'vectabase migrate --dir vb',
};

const BLOCKERS: readonly Finding[] = [
  {
    id: 'extension',
    level: 'blocker',
    what: 'extension postgis is not available on the target',
    fix: `Install its package there, or leave it out with --skip 'extension postgis'`,
  },
  {
    id: 'source-version',
    level: 'blocker',
    what: 'Postgres 14 as a source is not supported (15 to 18 are)',
    fix: null,
  },
];

describe('the plan on the terminal', () => {
  test('with nothing in the way', () => {
    const inventory = { ...samplePlan().inventory, tables: samplePlan().inventory.tables.slice(0, 2) };
    expect(renderPlan(samplePlan({ inventory }), WORDS)).toMatchInlineSnapshot(`
      "Plan of a migration: nothing has been written
        from  postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres  Postgres 17.6, 48.2 MiB
        to    postgres@127.0.0.1:54322/postgres

      1 warning
        ! 3 cron jobs will not run here: pg_cron belongs to the platform
          → Note them down: select jobname, schedule, command from cron.job;

      1 note
        · while rows are copied, ALTER and TRUNCATE on the source wait (reading and writing do not)

      2 tables to move, about 115,217 rows, 23.3 MiB; 2 of them required
        TABLE               ROWS      SIZE  PARTS  FORMAT
        public.profiles  ~60,417  12.2 MiB         binary  required
        public.products  ~54,800  11.1 MiB         binary  required

      What else is there
        objects       240 grants, 121 indexes, 88 policies, 60 tables, 38 foreign keys, 31 functions, 1
                      extended statistic
        extensions    pgcrypto, "uuid-ossp"
        roles         reporting
        publications  supabase_realtime
        passwords     311 users as $2a$, 4 users without one
        buckets       avatars (12 files, 4.3 MiB)
        platform      3 cron jobs, 1 webhook

      How long it takes
        39.1 MiB of rows, 8.6 MiB of indexes: about 5.0 s, proof included. Reading was measured at 12.0
        MiB/s a connection; a small source may slow down over hours.

      What will not come along, and why
        · schema realtime: belongs to the platform, with 41 objects
        · schema vault: belongs to the platform, with 9 objects
        · trigger "notify" on public.sales: needs function supabase_functions.http_request(), which is not
          moved: schema supabase_functions belongs to the platform
        · view public.old_report: left out by request (--skip)

      Nothing stands in the way. Start with:
        vectabase migrate --dir vb
      "
    `);
  });

  test('blockers come first, each with its fix, and then the command that looks again', () => {
    const plan = samplePlan();
    const output = renderPlan({ ...plan, findings: [...BLOCKERS, ...plan.findings] }, WORDS);
    expect(output).toContain(
      `\n2 blockers\n  ✗ extension postgis is not available on the target\n    → Install its package there, or leave it out with --skip 'extension postgis'\n  ✗ Postgres 14`,
    );
    expect(output.indexOf('2 blockers')).toBeLessThan(output.indexOf('1 warning'));
    expect(output.indexOf('1 warning')).toBeLessThan(output.indexOf('1 note'));
    expect(output).toMatch(/Mend the 2 blockers above, then look again:\n {2}vectabase migrate plan --dir vb\n$/);
  });

  test('a long fix breaks after sentences only: commands come out in one piece', () => {
    const command = `select ${'column_name, '.repeat(12)}id from cron.job;`;
    const findings: Finding[] = [
      { id: 'x', level: 'warning', what: 'x', fix: `They do not move. Note them down: ${command}` },
    ];
    expect(renderPlan(samplePlan({ findings }), WORDS)).toContain(
      `    → They do not move.\n      Note them down: ${command}\n`,
    );
  });

  test('what the target holds already decides the next command', () => {
    const next = (state: string): string =>
      renderPlan(samplePlan({ existingRun: { runId: 'r', state } }), WORDS)
        .split('\n\n')
        .at(-1) ?? '';
    expect(next('running')).toContain(WORDS.resume);
    expect(next('aborting')).toBe(
      `The target holds a migration that is being taken back. Finish that first:\n  ${WORDS.abort}\n`,
    );
    expect(next('finished')).toContain('vectabase migrate verify --dir vb');
    expect(next('finished')).not.toContain('--resume');
  });

  test('tables whose rows stay, are split or were never analysed say so', () => {
    const [first, second, third] = samplePlan().inventory.tables;
    const tables = [first, second, third].flatMap((table, index) =>
      table
        ? [{ ...table, excluded: index === 0, parts: index === 1 ? 4 : 1, rows: index === 2 ? -1 : table.rows }]
        : [],
    );
    const output = renderPlan(samplePlan({ inventory: { ...samplePlan().inventory, tables } }), WORDS);
    expect(output).toMatch(/public\.profiles .* rows stay\n/);
    expect(output).toMatch(/public\.products .* 4 {2}binary {2}required\n/);
    expect(output).toMatch(/public\.sales +\? /);
    expect(output).toContain('2 tables to move, about 54,800 rows');
  });

  test('of many tables the largest are listed', () => {
    const [table] = samplePlan().inventory.tables;
    const tables = Array.from({ length: 50 }, (_, index) => ({
      table: `public.t${index}`,
      rows: 1,
      bytes: 5000 - index,
      parts: 1,
      format: table?.format ?? '',
      excluded: false,
      required: false,
    }));
    const output = renderPlan(samplePlan({ inventory: { ...samplePlan().inventory, tables } }), WORDS);
    expect(output).toContain('public.t14 ');
    expect(output).not.toContain('public.t15 ');
    expect(output).toContain('and 35 more, each smaller');
  });

  test('a source too small to measure gets no invented rate', () => {
    const output = renderPlan(
      samplePlan({ estimate: { dataBytes: 4096, indexBytes: 0, bytesPerSecond: null, seconds: null } }),
      WORDS,
    );
    expect(output).toContain('4.0 KiB of rows, 0 B of indexes: too little to measure, seconds rather than minutes.');
  });

  test('nothing in a name reaches the terminal but what can be seen', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constant(HOSTILE), anyText), (name) => {
        const { inventory } = samplePlan();
        const output = renderPlan(
          samplePlan({
            source: name,
            findings: [{ id: 'x', level: 'blocker', what: name, fix: name }],
            leftOut: [{ key: name, why: name }],
            inventory: {
              ...inventory,
              tables: inventory.tables.slice(0, 2).map((table) => ({ ...table, table: name })),
              extensions: [name],
              roles: [name],
              publications: [name],
              passwordKinds: { [name]: 1 },
              buckets: [{ id: name, objects: 1, bytes: 1 }],
            },
          }),
          WORDS,
        );
        expect(output).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});
