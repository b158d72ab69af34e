import { styleText } from 'node:util';
import { environment } from '../../foundation/config/environment.ts';

type Style = (text: string) => string;

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
