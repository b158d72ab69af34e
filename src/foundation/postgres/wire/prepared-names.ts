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

  /** The name for this text, whether it must be prepared, and the name to close when it took another's place. */
  take(text: string): { readonly name: string; readonly isNew: boolean; readonly evicted: string | undefined } {
    const known = this.#names.get(text);
    const name = known ?? `s${this.#next++}`;
    this.#names.delete(text);
    this.#names.set(text, name);
    const evicted = this.#names.size > this.#limit ? this.#dropOldest() : undefined;
    return { name, isNew: known === undefined, evicted };
  }

  /** It could not be prepared. */
  drop(text: string): void {
    this.#names.delete(text);
  }

  /** Forgets all; gives their names. */
  clear(): string[] {
    const names = [...this.#names.values()];
    this.#names.clear();
    return names;
  }

  #dropOldest(): string | undefined {
    const [oldest] = this.#names;
    if (oldest === undefined) return undefined;
    this.#names.delete(oldest[0]);
    return oldest[1];
  }
}
