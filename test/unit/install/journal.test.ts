import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openJournal, readJournal } from '../../../src/operator/provision/install/journal.ts';

let directory: string;
beforeEach(() => {
  directory = path.join(mkdtempSync(path.join(tmpdir(), 'vt-journal-')), 'journal');
});
afterEach(() => rmSync(path.dirname(directory), { recursive: true }));

const file = (): string => path.join(directory, 'journal.ndjson');

test('what a power cut tore off is forgotten, and the next line stands on its own', async () => {
  const first = await openJournal(directory);
  await first.append({ type: 'record', step: 'a', record: { kind: 'file', target: '/etc/a' } });
  await first.append({ type: 'record', step: 'b', record: { kind: 'file', target: '/etc/größe' } });
  await first.close();
  const whole = readFileSync(file());
  const firstLine = whole.indexOf(0x0a) + 1;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: firstLine, max: whole.length }), async (cut) => {
      writeFileSync(file(), whole.subarray(0, cut));
      const again = await openJournal(directory);
      await again.append({ type: 'record', step: 'c', record: { kind: 'file', target: '/etc/c' } });
      await again.close();
      const steps = (await readJournal(directory)).steps();
      expect(steps).toEqual(cut === whole.length ? ['a', 'b', 'c'] : ['a', 'c']);
    }),
  );
});

test('records count until their step is undone, and those made after that count again', async () => {
  const step = fc.constantFrom('a', 'b', 'c');
  const line = fc.record({ step, type: fc.constantFrom('record' as const, 'undone' as const) });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
      rmSync(directory, { recursive: true, force: true });
      const journal = await openJournal(directory);
      const model = new Map<string, string[]>();
      for (const [index, { step: id, type }] of lines.entries()) {
        if (type === 'undone') model.delete(id);
        else model.set(id, [...(model.get(id) ?? []), String(index)]);
        const target = String(index);
        await journal.append(
          type === 'undone' ? { type, step: id } : { type, step: id, record: { kind: 'file', target } },
        );
      }
      await journal.close();
      const read = await readJournal(directory);
      expect(read.steps()).toEqual([...model.keys()]);
      for (const id of ['a', 'b', 'c']) {
        expect(read.ofStep(id).map(({ target }) => target)).toEqual(model.get(id) ?? []);
      }
    }),
    { numRuns: 25 },
  );
});

test('a step is open from its begin to its end, also when it was begun twice', async () => {
  const journal = await openJournal(directory);
  expect(journal.isOpen('a')).toBe(false);
  await journal.append({ type: 'begin', step: 'a' });
  await journal.append({ type: 'record', step: 'a', record: { kind: 'file', target: '/etc/a' } });
  expect(journal.isOpen('a')).toBe(true);
  await journal.append({ type: 'begin', step: 'a' });
  await journal.append({ type: 'end', step: 'a' });
  expect(journal.isOpen('a')).toBe(false);
  await journal.close();
});

test('a copy is kept once, closed to others, under its own digest', async () => {
  const journal = await openJournal(directory);
  const source = path.join(path.dirname(directory), 'source');
  appendFileSync(source, Buffer.from([0, 255, 10, 200]));
  const digest = await journal.keep(source);
  expect(await journal.keep(source)).toBe(digest);
  expect(readFileSync(journal.keptAt(digest))).toEqual(Buffer.from([0, 255, 10, 200]));
  await journal.close();
});
