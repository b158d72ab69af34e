import { badRequest, type RestError } from '../errors.ts';

/** Reads one parameter's text from left to right. */
export class Cursor {
  readonly text: string;
  readonly #what: string;
  at = 0;

  /** @param what as an error names it: `select parameter` */
  constructor(text: string, what: string) {
    this.text = text;
    this.#what = what;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  peek(word: string): boolean {
    return this.text.startsWith(word, this.at);
  }

  take(word: string): boolean {
    if (!this.peek(word)) return false;
    this.at += word.length;
    return true;
  }

  expect(word: string): void {
    if (!this.take(word)) throw this.fail(`expecting "${word}"`);
  }

  /** What the sticky pattern matches here. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return undefined;
    this.at += found.length;
    return found;
  }

  spaces(): void {
    while (this.text[this.at] === ' ') this.at++;
  }

  /** A name: bare, or in double quotes with backslash escapes. */
  name(): string {
    if (this.peek('"')) return this.quoted();
    const bare = this.match(BARE_NAME)?.trim();
    if (bare === undefined || bare === '') throw this.fail('expecting field name (* or [a..z0..9_$])');
    return bare;
  }

  quoted(): string {
    const start = this.at;
    const inside = this.match(QUOTED);
    if (inside === undefined) {
      this.at = start;
      throw this.fail('expecting a closing quote');
    }
    return inside.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
  }

  fail(expecting: string): RestError {
    const here = this.done ? 'end of input' : JSON.stringify(this.text[this.at]);
    return badRequest.parse(`${this.#what} (${this.text})`, this.at, `unexpected ${here} ${expecting}`);
  }
}

/** Dashes belong to names; `->` does not. */
const BARE_NAME = /(?:[\p{L}\p{N}_$ ]|-(?!>))+/uy;
const QUOTED = /"(?:[^"\\]|\\.)*"/sy;
