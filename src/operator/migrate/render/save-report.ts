import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from '../../../foundation/core/durable-file.ts';
import type { CommandWords } from '../errors.ts';
import type { MigrationReport } from '../report.ts';
import { reportHtml } from './report-html.ts';

/**
 * Writes `<dir>/reports/migration-<run>.json` (or `verification-…`) and `.html`, readable by their owner only; a later one of the same run
 * takes their place. `words` are the commands that the page tells to go on with.
 */
export async function saveReport(
  dir: string,
  report: MigrationReport,
  words: CommandWords,
): Promise<{ json: string; html: string }> {
  const folder = path.resolve(dir, 'reports');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const base = path.join(folder, `${report.kind}-${report.runId.slice(0, 8)}`);
  await writeDurably(`${base}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeDurably(`${base}.html`, reportHtml(report, words));
  return { json: `${base}.json`, html: `${base}.html` };
}
