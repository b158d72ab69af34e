import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatBytes, formatCount } from '../../src/cli/render/units.ts';
import { searchForCanaries, type CanarySearch } from './canary.ts';

/**
 * Around the whole run: everything that tests write goes below one directory. At the end what is left of it is searched
 * for canaries, and the searches of what tests removed themselves are added. One that is found fails the run.
 */
export function setup(): (() => void) | undefined {
  if (process.env['VT_CANARY_JOURNAL'] !== undefined) return undefined; // each project of the configuration calls this
  const before = process.env['TMPDIR'];
  const root = mkdtempSync(path.join(tmpdir(), 'vt-run-'));
  chmodSync(root, 0o755); // servers of root run as another user
  const journal = path.join(root, 'canary-searches.jsonl');
  writeFileSync(journal, '');
  process.env['TMPDIR'] = root;
  process.env['VT_CANARY_JOURNAL'] = journal;
  return () => {
    const searches = readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as CanarySearch);
    rmSync(journal);
    const all = [...searches, searchForCanaries(root)];
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    delete process.env['VT_CANARY_JOURNAL'];
    rmSync(root, { recursive: true, force: true });
    const found = all.flatMap((search) => search.found);
    const [files, bytes] = [sum(all.map((search) => search.files)), sum(all.map((search) => search.bytes))];
    process.stderr.write(
      `canary search: ${formatBytes(bytes)} in ${formatCount(files)} files, ${found.length} found\n`,
    );
    if (found.length === 0) return;
    process.stderr.write(`secrets were written where they do not belong:\n${found.join('\n')}\n`);
    process.exitCode = 1; // an error thrown here would be printed, and the run end with 0
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
