import { styleText } from 'node:util';
import { WIDTH } from '../../foundation/core/text-table.ts';
import { environment } from '../../foundation/config/environment.ts';

type Style = (text: string) => string;

/** Columns of a terminal, up to what is still easy to read; as many where there is none. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.max(40, Math.min(stream.columns, WIDTH)) : WIDTH;
}

/**
 * Colours for one stream: none without a terminal or with NO_COLOR.
 * From Node 22 on, `styleText` looks at stdout by itself: wrong for stderr, so it is told not to.
 */
export function paint(stream: NodeJS.WriteStream): Record<'red' | 'green' | 'yellow' | 'dim' | 'bold', Style> {
  const on = stream.isTTY && environment().NO_COLOR === undefined;
  const style =
    (format: Parameters<typeof styleText>[0]): Style =>
    (text) =>
      on ? styleText(format, text, { validateStream: false }) : text;
  return { red: style('red'), green: style('green'), yellow: style('yellow'), dim: style('dim'), bold: style('bold') };
}
