/**
 * What each exit code means, with and without `--json`. Public: scripts rely on it. Add, never change.
 * Which error ends with which code: `error-catalogue.ts`.
 */
export const EXIT_CODES: ReadonlyArray<readonly [code: number, meaning: string]> = [
  [0, 'ok'],
  [1, 'a bug in Vectabase'],
  [2, 'usage or configuration'],
  [3, 'cancelled at the prompt'],
  [4, 'not authorised, or a key is missing or locked'],
  [5, 'a precondition is not met: target not empty, lock held, version'],
  [6, 'finished, with differences'],
  [7, 'the other side is unreachable; safe to run again'],
  [75, 'stopped part-way; the message ends with the command that continues'],
  [130, 'interrupted, with nothing to resume'],
];
