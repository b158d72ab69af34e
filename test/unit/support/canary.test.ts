import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { canary, formsIn, searchForCanaries } from '../../support/canary.ts';
import { scratchUnsearched } from '../../support/secrets.ts';

test('finds a canary in every form, at every alignment, and across two reads', () => {
  const bird = Buffer.from(canary());
  const forms = [
    bird,
    bird.toString('hex'),
    bird.toString('hex').toUpperCase(),
    Buffer.from(bird.toString(), 'utf16le'),
  ];
  for (const form of forms) expect(formsIn(Buffer.concat([Buffer.from('xx'), Buffer.from(form)]))).toHaveLength(1);
  for (const shift of [0, 1, 2, 3, 4, 5]) {
    const encoded = Buffer.concat([Buffer.from('?'.repeat(shift)), bird, Buffer.from('~~')]).toString('base64');
    expect(formsIn(Buffer.from(encoded)), `shift ${shift}`).toEqual([`base64, shifted by ${shift % 3}`]);
  }
  expect(formsIn(Buffer.from('nothing of the kind'))).toEqual([]);
});

test('walks a tree, and says where', () => {
  const directory = scratchUnsearched();
  mkdirSync(path.join(directory, 'a/b'), { recursive: true });
  writeFileSync(path.join(directory, 'clean'), Buffer.alloc(1000));
  const around = 8 * 1024 * 1024 - 5; // the search reads 8 MiB at once
  writeFileSync(path.join(directory, 'a/b/dirty'), Buffer.concat([Buffer.alloc(around), Buffer.from(canary())]));
  const search = searchForCanaries(directory);
  expect(search).toMatchObject({ files: 2, bytes: 1000 + around + canary().length });
  expect(search.found).toEqual([expect.stringContaining('a/b/dirty: in clear')]);
});
