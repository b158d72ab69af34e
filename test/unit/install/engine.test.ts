import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applySteps } from '../../../src/operator/provision/install/engine.ts';
import { openJournal, type Journal } from '../../../src/operator/provision/install/journal.ts';
import { fileStep } from '../../../src/operator/provision/install/kinds/file.ts';
import { localMachine } from '../../../src/operator/provision/install/local-machine.ts';
import { planInstall } from '../../../src/operator/provision/install/plan.ts';
import { toInstallSettings } from '../../../src/operator/provision/install/settings.ts';
import { loadSettings } from '../../../src/foundation/config/settings.ts';
import type { InstallObservation, Machine, Step } from '../../../src/operator/provision/install/step.ts';
import { undoSteps } from '../../../src/operator/provision/install/undo.ts';

const OWNER = `${execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()}:${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`;

let home: string;
let seen: InstallObservation[];
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'vt-engine-'));
  seen = [];
});
afterEach(() => rmSync(home, { recursive: true }));

const at = (...parts: string[]): string => path.join(home, ...parts);

/** A run of the engine in which the process dies at the given append, before or after the line is on disk. */
async function run(steps: readonly Step[], death?: { append: number; before: boolean }): Promise<string[] | 'killed'> {
  const journal = await openJournal(at('journal'));
  let appends = 0;
  const mortal: Journal = Object.create(journal, {
    append: {
      value: async (...line: Parameters<Journal['append']>) => {
        const dies = ++appends === death?.append;
        if (dies && death.before) throw new Error('killed');
        await journal.append(...line);
        if (dies) throw new Error('killed');
      },
    },
    about: { value: journal.about.bind(journal) },
    ofStep: { value: journal.ofStep.bind(journal) },
    isOpen: { value: journal.isOpen.bind(journal) },
    keep: { value: journal.keep.bind(journal) },
    keptAt: { value: journal.keptAt.bind(journal) },
  }) as Journal;
  try {
    const { changed } = await applySteps(steps, machine(mortal), mortal);
    return changed.map(({ id }) => id);
  } catch (error) {
    if (error instanceof Error && error.message.endsWith('killed')) return 'killed';
    throw error;
  } finally {
    await journal.close();
  }
}

async function undo(steps: readonly Step[]): Promise<void> {
  const journal = await openJournal(at('journal'));
  await undoSteps(steps, machine(journal), journal, { purge: false });
  await journal.close();
}

function machine(journal: Journal): Machine {
  const context = {
    observe: (each: InstallObservation) => void seen.push(each),
    signal: new AbortController().signal,
    clock: { now: () => 0 },
  };
  const settings = toInstallSettings(loadSettings({ dir: at('none') }).settings);
  const facts = {
    os: { id: 'debian', version: '13', codename: 'trixie' },
    memoryBytes: 2 ** 30,
    cores: 2,
    systemd: 257,
    virtualization: 'none',
  };
  return localMachine({ facts, settings, context, journal });
}

const file = (name: string, content: string, mode = 0o644): Step =>
  fileStep({ id: `file.${name}`, title: name, files: [{ path: at('etc', name), content, mode, owner: OWNER }] });

/** Everything below etc: type, mode, content. */
function listing(): unknown {
  if (!existsSync(at('etc'))) return undefined;
  return readdirSync(at('etc'), { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const stat = lstatSync(at('etc', name));
      if (stat.isSymbolicLink()) return [name, 'link', readlinkSync(at('etc', name))];
      return [name, stat.mode, stat.isFile() ? readFileSync(at('etc', name), 'utf8') : ''];
    });
}

const BEFORE = fc.oneof(
  fc.constant({ is: 'absent' as const }),
  fc.record({ is: fc.constant('file' as const), content: fc.string(), mode: fc.constantFrom(0o600, 0o644, 0o755) }),
  fc.record({ is: fc.constant('link' as const), to: fc.constantFrom('/nowhere', 'b') }),
);

test('whatever was there, killed anywhere and run again it converges, and undone all is as it was', async () => {
  const world = fc.record({
    before: fc.tuple(BEFORE, BEFORE, BEFORE),
    deaths: fc.array(fc.record({ append: fc.integer({ min: 1, max: 9 }), before: fc.boolean() }), { maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ before, deaths }) => {
      for (const name of ['etc', 'journal']) rmSync(at(name), { recursive: true, force: true });
      mkdirSync(at('etc'));
      const names = ['a', 'b', 'c'];
      before.forEach((state, index) => {
        const target = at('etc', names[index] ?? '');
        if (state.is === 'link') symlinkSync(state.to, target);
        if (state.is !== 'file') return;
        writeFileSync(target, state.content);
        chmodSync(target, state.mode);
      });
      const original = listing();
      const steps = [...names, 'deep/below/d'].map((name) => file(name, `# ${name}\n`, 0o640));
      for (const death of deaths) await run(steps, death);
      expect(await run(steps)).not.toBe('killed');
      expect(await run(steps)).toEqual([]);
      const wanted = names.map((name) => [name, 0o100640, `# ${name}\n`]);
      expect(listing()).toEqual(expect.arrayContaining([...wanted, ['deep/below/d', 0o100640, '# deep/below/d\n']]));
      await undo(steps);
      expect(listing()).toEqual(original);
    }),
    { numRuns: 30 },
  );
}, 60_000);

test('a change by somebody else is shown as such, kept, and repaired; a new release is not somebody else', async () => {
  mkdirSync(at('etc'));
  await run([file('a', 'one\n')]);
  const journal = await openJournal(at('journal'));
  const plan = async (step: Step) => (await planInstall([step], machine(journal), () => false)).steps[0]?.changes[0];
  expect(await plan(file('a', 'two\n'))).toMatchObject({ action: 'change', diff: expect.stringContaining('+two') });
  expect(await plan(file('a', 'two\n'))).not.toHaveProperty('foreign');
  writeFileSync(at('etc', 'a'), 'mine\n');
  expect(await plan(file('a', 'one\n'))).toMatchObject({ foreign: true, diff: expect.stringContaining('-mine') });
  await journal.close();
  expect(await run([file('a', 'one\n')])).toEqual(['file.a']);
  const noted = seen.find((each) => each.event === 'install.foreign.noted');
  expect(readFileSync(String(noted?.['savedTo']), 'utf8')).toBe('mine\n');
  expect(readFileSync(at('etc', 'a'), 'utf8')).toBe('one\n');
});

test('a file that is not wanted any more is brought back to what it was', async () => {
  mkdirSync(at('etc'));
  writeFileSync(at('etc', 'a'), 'original\n');
  const step = (...names: string[]): Step =>
    fileStep({
      id: 'files',
      title: 'files',
      files: names.map((name) => ({ path: at('etc', name), content: 'ours\n', owner: OWNER })),
    });
  await run([step('a', 'b')]);
  expect(await run([step('b')])).toEqual(['files']);
  expect(readFileSync(at('etc', 'a'), 'utf8')).toBe('original\n');
  expect(await run([step('b')])).toEqual([]);
  expect(await run([step('a', 'b')])).toEqual(['files']);
  expect(readFileSync(at('etc', 'a'), 'utf8')).toBe('ours\n');
  await undo([step('a', 'b')]);
  expect(readFileSync(at('etc', 'a'), 'utf8')).toBe('original\n');
  expect(existsSync(at('etc', 'b'))).toBe(false);
});

test('what follows a change runs again when a run was stopped before it', async () => {
  mkdirSync(at('etc'));
  const step = fileStep({
    id: 'files',
    title: 'files',
    files: [{ path: at('etc', 'a'), content: 'x\n', owner: OWNER }],
    onChange: [['sh', '-c', `echo reloaded >> ${at('reloads')}; test -e ${at('may-end')}`]],
  });
  await expect(run([step])).rejects.toMatchObject({ code: 'PROGRAM_FAILED', details: { step: 'files' } });
  writeFileSync(at('may-end'), '');
  expect(await run([step])).toEqual(['files']);
  expect(await run([step])).toEqual([]);
  expect(readFileSync(at('reloads'), 'utf8')).toBe('reloaded\nreloaded\n');
});
