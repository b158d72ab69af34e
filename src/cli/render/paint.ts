import { styleText } from 'node:util';
import { environment } from '../../foundation/config/environment.ts';

type Style = (text: string) => string;

/** Colours for one stream: none without a terminal or with NO_COLOR. */
export function paint(stream: NodeJS.WriteStream): Record<'red' | 'green' | 'yellow' | 'dim' | 'bold', Style> {
  const on = stream.isTTY && environment().NO_COLOR === undefined;
  const style =
    (format: Parameters<typeof styleText>[0]): Style =>
    (text) =>
      on ? styleText(format, text) : text;
  return { red: style('red'), green: style('green'), yellow: style('yellow'), dim: style('dim'), bold: style('bold') };
}
