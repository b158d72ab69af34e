/**
 * Scoped resources with a last-in, first-out release.
 *
 *   await withResources(async (scope) => {
 *     const client = scope.add(await openClient(), (c) => c.end());
 *     …
 *   });
 *
 * All releases run even when one of them fails; the body's error wins, then the first release error.
 */
export async function withResources<T>(body: (scope: ResourceScope) => Promise<T>): Promise<T> {
  const scope = new ResourceScope();
  let result: T;
  try {
    result = await body(scope);
  } catch (error) {
    await scope.release().catch(() => undefined);
    throw error;
  }
  await scope.release();
  return result;
}

export class ResourceScope {
  readonly #releases: Array<() => unknown> = [];

  add<R>(resource: R, release: (resource: R) => unknown): R {
    this.#releases.push(() => release(resource));
    return resource;
  }

  async release(): Promise<void> {
    let firstError: unknown;
    for (let next = this.#releases.pop(); next; next = this.#releases.pop()) {
      try {
        await next();
      } catch (error) {
        firstError ??= error;
      }
    }
    if (firstError !== undefined) throw firstError;
  }
}
