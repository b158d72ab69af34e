/** How long the phases of one request took. */
export class Timing {
  readonly #phases: string[] = [];
  #last = performance.now();

  /** Ends the phase that has lasted since the one before. */
  end(phase: 'jwt' | 'parse' | 'plan' | 'transaction' | 'response'): void {
    const now = performance.now();
    this.#phases.push(`${phase};dur=${(now - this.#last).toFixed(1)}`);
    this.#last = now;
  }

  /** As the header tells them, in milliseconds. */
  header(): readonly [string, string] {
    return ['Server-Timing', this.#phases.join(', ')];
  }
}
