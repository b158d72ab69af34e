/**
 * Which statements one connection holds prepared, the least recently used forgotten first. A bound keeps a client
 * that invents a new query shape for every request from filling the server's memory.
 */
export class PreparedNames {
  readonly #names = new Map<string, string>();
  readonly #limit: number;
  #next = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The name for this text, and the name to deallocate when it took another's place. */
  take(text: string): { readonly name: string; readonly evicted: string | undefined } {
    const known = this.#names.get(text);
    const name = known ?? `s${this.#next++}`;
    this.#names.delete(text);
    this.#names.set(text, name);
    return { name, evicted: this.#names.size > this.#limit ? this.#dropOldest() : undefined };
  }

  #dropOldest(): string | undefined {
    const [oldest] = this.#names;
    if (oldest === undefined) return undefined;
    this.#names.delete(oldest[0]);
    return oldest[1];
  }
}
