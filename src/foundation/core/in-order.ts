/**
 * Works on some at once; what comes out is in the order of what went in. The next one is taken from the source when the
 * oldest that is worked on was handed over. Whoever stops early waits for what was begun.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  atOnce: number,
  work: (each: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const begun: Array<Promise<R>> = [];
  try {
    for await (const each of source) {
      const result = work(each);
      result.catch(() => undefined); // told when its turn comes, if it comes
      begun.push(result);
      if (begun.length === atOnce) yield* oldest(begun);
    }
    while (begun.length > 0) yield* oldest(begun);
  } finally {
    await Promise.allSettled(begun);
  }
}

async function* oldest<R>(begun: Array<Promise<R>>): AsyncGenerator<R, void, undefined> {
  const first = begun.shift();
  if (first) yield await first;
}
