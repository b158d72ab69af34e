import { visible } from '../../foundation/core/visible.ts';
import type { paint } from './paint.ts';

/** Columns under dim headings, as wide as their widest cell. Cells are plain text; what a terminal would obey is shown. */
export function table(
  headings: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  style: Pick<ReturnType<typeof paint>, 'dim'>,
): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = headings.map((heading, at) => Math.max(heading.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [style.dim(line(headings)), ...cells.map(line)].join('\n');
}
