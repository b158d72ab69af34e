import { createTwoFilesPatch } from 'diff';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PLAIN } from '../../../src/foundation/core/style.ts';
import { displayWidth } from '../../../src/foundation/core/text-table.ts';
import { planInstall, type InstallPlan } from '../../../src/operator/provision/install/plan.ts';
import type { Change, Machine, Step } from '../../../src/operator/provision/install/step.ts';
import { renderPlan } from '../../../src/operator/provision/install/text.ts';

const LOOK = { style: PLAIN, width: 80, diffs: false };
const step = (title: string, ...changes: Change[]): InstallPlan['steps'][number] => {
  return { id: title, title, changes, unfinished: false };
};
const plan = (...steps: InstallPlan['steps'][number][]): InstallPlan => {
  return { steps, changes: steps.reduce((sum, { changes }) => sum + changes.length, 0), notes: [] };
};
const patch = (before: string, after: string): string => createTwoFilesPatch('a', 'b', before, after, '', '');

test('new files are folded, changes in files that are there are shown, and the sum stands at the end', () => {
  const steps = [
    step('users', { action: 'create', target: 'user vectabase' }),
    step(
      'settings',
      { action: 'create', target: '/etc/new', diff: patch('', 'one\ntwo\n') },
      { action: 'change', target: '/etc/old', diff: patch('port = 1\n', 'port = 2\n'), foreign: true },
    ),
    step(
      'Postgres running',
      { action: 'run', target: 'postgresql@17', note: 'does not start at boot' },
      { action: 'run', target: 'postgresql@17', note: 'does not run' },
    ),
  ];
  expect(renderPlan({ ...plan(...steps), notes: ['the clock is not synchronized'] }, LOOK)).toMatchInlineSnapshot(`
    "+ users: user vectabase
    ~ settings: /etc/new (2 lines), /etc/old (changed by somebody else; a copy is
        kept)
        /etc/old
          @@ -1,1 +1,1 @@
          -port = 1
          +port = 2
    ! Postgres running: postgresql@17 (does not start at boot, does not run)

    To know:
      ! the clock is not synchronized

    5 changes in 3 steps: + 2 made, ~ 1 changed, ! 2 started or run
    New files line by line: vectabase install --dry-run --diff
    "
  `);
  expect(renderPlan(plan(...steps), { ...LOOK, diffs: true })).toContain('+one\n      +two');
  expect(renderPlan(plan(), LOOK)).toContain('nothing to do');
});

test('nothing is cut, and every line fits where words allow it', () => {
  const word = fc.stringMatching(/^[a-z/.]{1,30}$/);
  const change = fc.record({
    action: fc.constantFrom('create' as const, 'change' as const, 'remove' as const, 'run' as const),
    target: word,
    note: fc.array(word, { maxLength: 8 }).map((words) => words.join(' ')),
  });
  const steps = fc.array(fc.tuple(word, fc.array(change, { minLength: 1, maxLength: 6 })), { maxLength: 6 });
  fc.assert(
    fc.property(steps, fc.array(word), fc.integer({ min: 60, max: 120 }), (all, note, width) => {
      const text = renderPlan(
        { ...plan(...all.map(([title, changes]) => step(title, ...changes))), notes: [note.join(' ')] },
        { ...LOOK, width },
      );
      const flat = text.replaceAll(/\s+/g, ' ');
      for (const [title, changes] of all) {
        expect(flat).toContain(title);
        for (const { target, note: said } of changes) for (const each of [target, said]) expect(flat).toContain(each);
      }
      for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    }),
  );
});

test('what an earlier step does is not planned again', async () => {
  const runs: Change = { action: 'run', target: 'a.service', note: 'does not run' };
  const made: Change = { action: 'create', target: '/data', note: 'encrypted directory' };
  const steps = [
    [runs, made],
    [runs],
    [
      { ...made, note: 'mode 700' },
      { ...runs, note: 'runs with old files' },
    ],
  ].map((changes, index) => ({ id: `step.${index}`, title: '', detect: async () => changes }) as unknown as Step);
  const machine = { context: { signal: new AbortController().signal } } as unknown as Machine;
  const found = await planInstall(steps, machine, () => false);
  expect(found.steps.map(({ id, changes }) => [id, changes.length])).toEqual([
    ['step.0', 2],
    ['step.2', 1],
  ]);
});
