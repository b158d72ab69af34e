/** Keeps the values used last. */
export class Lru<V> {
  readonly #values = new Map<string, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    if (this.#values.size >= this.#limit) this.#values.delete(this.#values.keys().next().value ?? '');
    this.#values.set(key, value);
  }
}
