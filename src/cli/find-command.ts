export interface FoundCommand {
  /** The longest part of the command line that is a command or a topic, as `migrate:verify`. */
  readonly id: string | undefined;
  /** What is left of the command line behind it. */
  readonly rest: readonly string[];
  readonly isCommand: boolean;
  /** True when the next word should name a command and does not. */
  readonly unknown: boolean;
  /** The known command that is written most alike. */
  readonly nearest: string | undefined;
}

/**
 * Finds what the leading words of a command line name, before oclif does: oclif joins every word up to the first flag
 * into one "command not found", also words that are values.
 *
 * @param ids oclif's command ids: `migrate:verify`
 */
export function findCommand(argv: readonly string[], ids: readonly string[]): FoundCommand {
  const flag = argv.findIndex((word) => word.startsWith('-'));
  const words = flag === -1 ? argv : argv.slice(0, flag);
  const known = ids.map((id) => id.split(':'));
  let depth = 0;
  while (depth < words.length && known.some((id) => startsWith(id, words.slice(0, depth + 1)))) depth += 1;
  const id = depth === 0 ? undefined : words.slice(0, depth).join(':');
  const isCommand = id !== undefined && ids.includes(id);
  const below = known.filter((each) => each.length > depth && startsWith(each, words.slice(0, depth)));
  const nearest = depth < words.length ? nearestOf(words.slice(0, depth + 1), below) : undefined;
  const unknown = depth < words.length && (!isCommand || nearest !== undefined);
  return { id, rest: argv.slice(depth), isCommand, unknown, nearest };
}

function startsWith(id: readonly string[], words: readonly string[]): boolean {
  return words.every((word, index) => id[index] === word);
}

/** Two typing errors at most, and fewer than half of the word: beyond that a suggestion is a guess. */
function nearestOf(words: readonly string[], known: ReadonlyArray<readonly string[]>): string | undefined {
  const candidates = [...new Set(known.map((id) => id.slice(0, words.length).join(' ')))]
    .map((name) => ({ name, distance: editDistance(words.join(' '), name) }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = candidates[0];
  return best !== undefined && best.distance <= Math.min(2, (words.at(-1)?.length ?? 0) / 2) ? best.name : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of a.split('').entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const change = (row[column - 1] ?? 0) + (b[column - 1] === letter ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
