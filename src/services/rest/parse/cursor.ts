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

  expect(word: string, expecting = `expecting "${word}"`): void {
    if (!this.take(word)) throw this.fail(expecting);
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
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') this.at++;
  }

  /** A name: bare, or in double quotes with backslash escapes. */
  name(expecting = 'expecting field name (* or [a..z0..9_$])'): string {
    if (this.peek('"')) return this.quoted();
    const bare = this.match(BARE_NAME)?.trim();
    if (bare === undefined || bare === '') throw this.fail(expecting);
    return bare;
  }

  /** A key of a JSON value: like a name, but any character that the grammar does not need may stand in it. */
  jsonKey(): string {
    if (this.peek('"')) return this.quoted();
    const negative = this.match(NEGATIVE);
    if (negative === '-') throw this.fail('expecting digit');
    if (negative !== undefined) throw this.fail('expecting digit, "->", "::", ".", "," or end of input', "'");
    const bare = this.match(BARE_KEY)?.trim();
    if (bare === undefined) {
      throw this.fail('expecting "-", digit or any non reserved character different from: .,>()');
    }
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

  /** @param quote PostgREST shows a character in single quotes where it looked ahead, in double quotes where it read */
  fail(expecting: string, quote: "'" | '"' = '"'): RestError {
    const char = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0);
    const shown = quote === '"' ? JSON.stringify(char) : `'${char}'`;
    const here = this.done ? 'end of input' : shown;
    const shift = this.#what === 'logic tree' ? this.shift : 0;
    return badRequest.parse(`${this.#what} (${this.text})`, this.at + shift, `unexpected ${here} ${expecting}`);
  }

  /** Characters that stand before the text as its grammar sees it. */
  shift = 0;
}

/** Dashes belong to names; `->` does not. */
const BARE_NAME = /(?:[\p{L}\p{N}_$ ]|-(?!>))+/uy;
/** Only a whole number may begin with a dash. */
const NEGATIVE = /-\d*/y;
const BARE_KEY = /[^(\-:.,>)]+(?:-(?!>)[^(\-:.,>)]+)*/uy;
const QUOTED = /"(?:[^"\\]|\\.)*"/sy;
