import { Flags } from '@oclif/core';
import { parseSpan } from '../foundation/core/span.ts';
import { VectabaseError } from '../foundation/core/errors.ts';

/** A span of time: `90s`, `30m`, `12h`, `7d`. */
export const spanFlag = Flags.custom<number>({
  helpValue: 'SPAN',
  parse: async (text) => {
    const span = parseSpan(text);
    if (span !== undefined) return span;
    throw new VectabaseError('USAGE', {
      message: 'what was given is no span of time',
      hint: 'Write a number and a unit: 90s, 30m, 12h, 7d.',
    });
  },
});

/** What is said after a change: who knows of it. */
export function whoKnows(daemon: boolean): string {
  return daemon
    ? 'A running daemon takes it within two seconds; nothing needs a restart.'
    : 'The daemon will take it when it is started.';
}
