/** Runs a few at a time: thousands of open files at once meet the limit of the process. The order of answers is kept. */
export async function inParallel<T, R>(items: readonly T[], run: (item: T) => Promise<R>, atOnce = 32): Promise<R[]> {
  const answers: R[] = [];
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) answers[index] = await run(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return answers;
}
