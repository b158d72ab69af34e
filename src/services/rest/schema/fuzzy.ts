/**
 * The candidate nearest to a misspelt name, as PostgREST's hints choose it: candidates that share letter groups,
 * ranked by edit distance.
 *
 * @param minimum least likeness, 0 to 1
 */
export function nearest(name: string, candidates: Iterable<string>, minimum: number): string | undefined {
  const wanted = name.toLowerCase();
  const list = [...new Set(candidates)];
  for (const size of [3, 2]) {
    const grams = gramsOf(wanted, size);
    const scored = list
      .map((candidate) => ({ candidate, share: cosine(grams, gramsOf(candidate.toLowerCase(), size)) }))
      .filter(({ share }) => share > 0)
      .toSorted((a, b) => b.share - a.share)
      .slice(0, 50)
      .map(({ candidate }) => ({ candidate, score: likeness(wanted, candidate.toLowerCase()) }))
      .filter(({ score }) => score >= minimum)
      .toSorted((a, b) => b.score - a.score);
    if (scored[0]) return scored[0].candidate;
  }
  return undefined;
}

function gramsOf(text: string, size: number): Map<string, number> {
  const padded = `-${text.replaceAll(/[^\p{L}\p{N}_, ]+/gu, '')}-`.padEnd(size, '-');
  const counts = new Map<string, number>();
  for (let at = 0; at + size <= padded.length; at++) {
    const gram = padded.slice(at, at + size);
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

function cosine(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
  let dot = 0;
  for (const [gram, count] of one) dot += count * (other.get(gram) ?? 0);
  return dot / (length(one) * length(other) || 1);
}

function length(grams: ReadonlyMap<string, number>): number {
  return Math.sqrt([...grams.values()].reduce((sum, count) => sum + count * count, 0));
}

function likeness(one: string, other: string): number {
  return 1 - distance(one, other) / Math.max(one.length, other.length, 1);
}

/** Levenshtein. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replace = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
