import { describe, expect, test } from 'vitest';
import type { LedgerStep } from '../../../src/operator/migrate/ledger.ts';
import type { MigrationPlan } from '../../../src/operator/migrate/plan/model.ts';
import { makeReport, type ReportInput } from '../../../src/operator/migrate/report.ts';

const EQUAL = { equal: true, sourceRows: 7, targetRows: 7, sourceHash: 'aa', targetHash: 'aa' };

function step(stepId: string, change: Partial<LedgerStep> = {}): LedgerStep {
  return { stepId, attempt: 1, rows: 0, bytes: 0, ms: 0, detail: null, ...change };
}

/** Tables with their parts, as far as the report looks at a plan. */
function input(
  tables: Readonly<Record<string, readonly string[]>>,
  steps: readonly LedgerStep[],
  change: Partial<ReportInput> = {},
): ReportInput {
  const planned = Object.entries(tables).map(([identity, parts]) => ({
    identity,
    format: 'binary',
    excluded: parts.length === 0,
    parts: parts.map((stepId) => ({ stepId })),
  }));
  return {
    kind: 'migration',
    runId: 'run',
    source: 'a',
    target: 'b',
    startedAt: '2026-11-01T10:00:00Z',
    endedAt: '2026-11-01T10:00:05Z',
    plan: { tables: planned, leftOut: [] } as unknown as MigrationPlan,
    verified: true,
    attempts: [],
    steps: new Map(steps.map((each) => [each.stepId, each])),
    catalogue: null,
    foreignKeys: null,
    sequences: null,
    stopped: null,
    ...change,
  };
}

describe('the report is read off the ledger', () => {
  test('adds up the parts of a table and takes both sides from its comparison', () => {
    const steps = [
      step('copy t 1/2', { rows: 3, bytes: 30, ms: 500 }),
      step('copy t 2/2', { rows: 4, bytes: 40, ms: 1500, attempt: 2 }),
      step('verify t', { detail: { ...EQUAL, targetRows: 6, targetHash: 'bb', equal: false } }),
    ];
    const report = makeReport(input({ t: ['copy t 1/2', 'copy t 2/2'] }, steps));
    expect(report.tables).toEqual([
      {
        table: 't',
        status: 'differs',
        rows: 7,
        bytes: 70,
        seconds: 2,
        parts: 2,
        format: 'binary',
        sourceRows: 7,
        targetRows: 6,
        sourceHash: 'aa',
        targetHash: 'bb',
        attempt: 2,
      },
    ]);
    expect(report.outcome).toBe('differences');
    expect(report.totals).toMatchObject({ tables: 0, rows: 7, bytes: 70, seconds: 5 });
  });

  test.each<[status: string, parts: readonly string[], steps: readonly LedgerStep[]]>([
    ['verified', ['a'], [step('a'), step('verify t', { detail: EQUAL })]],
    ['copied', ['a'], [step('a')]],
    ['part-way', ['a', 'b'], [step('a')]],
    ['not begun', ['a'], []],
    ['rows left out', [], []],
  ])('%s', (status, parts, steps) => {
    expect(makeReport(input({ t: parts }, steps)).tables[0]?.status).toBe(status);
  });

  test('is complete only with every table moved: verifying a run that is not finished is no success', () => {
    const done = [step('a'), step('verify t', { detail: EQUAL })];
    expect(makeReport(input({ t: ['a'] }, done)).outcome).toBe('complete');
    expect(makeReport(input({ t: ['a'], left: [] }, done)).outcome).toBe('complete');
    expect(makeReport(input({ t: ['a'], u: ['b'] }, done)).outcome).toBe('differences');
    expect(makeReport(input({ t: ['a', 'b'] }, done)).outcome).toBe('differences');
    expect(makeReport(input({ t: ['a'], u: ['b'] }, done, { stopped: 'why' })).outcome).toBe('stopped');
    expect(makeReport(input({ t: ['a'] }, [step('a')], { verified: false })).outcome).toBe('complete, not verified');
  });

  test('one wrong object or one sequence behind is a difference', () => {
    const done = [step('a'), step('verify t', { detail: EQUAL })];
    const catalogue = {
      compared: 1,
      equal: 0,
      explained: [],
      different: [{ key: 'index i', expected: 'x', found: null }],
    };
    expect(makeReport(input({ t: ['a'] }, done, { catalogue })).outcome).toBe('differences');
    expect(makeReport(input({ t: ['a'] }, done, { sequences: { set: 1, behind: ['s'] } })).outcome).toBe('differences');
  });
});
