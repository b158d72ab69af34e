import { stripVTControlCharacters } from 'node:util';
import { visible } from './visible.ts';

/** What a terminal is taken to hold. Wider ones leave the rest empty; narrower ones wrap. */
export const WIDTH = 100;

export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

/** A cell and, where it has one, the colour it is shown in. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Lines of a table indented by two. The first column gives way, in its middle, when the whole would pass `WIDTH`. */
export function textTable(
  columns: readonly Column[],
  rows: ReadonlyArray<readonly Cell[]>,
  paintTitle: (text: string) => string,
): string[] {
  const texts = rows.map((row) => row.map((cell) => visible(typeof cell === 'string' ? cell : cell.text)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...texts.map((row) => displayWidth(row[index] ?? ''))),
  );
  const others = widths.slice(1).reduce((sum, width) => sum + width + GAP.length, INDENT.length);
  const first = Math.min(widths[0] ?? 0, Math.max(MIN_FIRST, WIDTH - others));
  const fitted = [first, ...widths.slice(1)];

  const line = (cells: readonly string[], paintOf: (index: number) => (text: string) => string): string => {
    const padded = cells.map((text, index) =>
      pad(index === 0 ? elide(text, first) : text, fitted[index] ?? 0, columns[index]?.align),
    );
    // No blanks at the end of a line, where colours would hide them from a trim.
    const last = cells.findLastIndex((text) => text !== '');
    const shown = padded.slice(0, last).concat(padded[last]?.trimEnd() ?? []);
    return INDENT + shown.map((text, index) => paintOf(index)(text)).join(GAP);
  };
  return [
    line(
      columns.map(({ title }) => title),
      () => paintTitle,
    ),
    ...texts.map((cells, row) =>
      line(cells, (index) => {
        const cell = rows[row]?.[index];
        return typeof cell === 'object' ? cell.paint : (text) => text;
      }),
    ),
  ];
}

/** Words broken into lines of at most `width` columns, the first after `first`, the others after `rest`. */
export function wrap(text: string, first: string, rest: string, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

/** Columns a terminal takes for it: none for colours and combining marks, two for East Asian wide characters and emoji. */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of stripVTControlCharacters(text))
    width += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

const INDENT = '  ';
const GAP = '  ';
const MIN_FIRST = 24;
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;

function pad(text: string, width: number, align: 'right' | undefined): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? spaces + text : text + spaces;
}

/** `public.a_very_…_of_a_table`: names differ at their ends more often than in their middle. */
function elide(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = Array.from(text);
  const widths = characters.map(displayWidth);
  let left = Math.ceil(characters.length / 2);
  let right = left;
  let total = displayWidth(text) + 1;
  while (total > width) {
    if (left >= characters.length - right) total -= widths[(left -= 1)] ?? 1;
    else total -= widths[right++] ?? 1;
  }
  return `${characters.slice(0, left).join('')}…${characters.slice(right).join('')}`;
}
