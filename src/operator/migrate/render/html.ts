import { visible, visibleLines } from '../../../foundation/core/visible.ts';

/** HTML that is safe to stand where it is put. Only this file makes it, from literals of ours and escaped values. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = string | number | Markup | null | readonly Content[];

/**
 * Tagged template: the literal parts are ours, every value is escaped, also inside quoted attributes.
 * `null` is nothing; lists stand one after the other. (Not named `html`: the formatter would move its white space.)
 */
export function markup(literals: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(literals.reduce((text, literal, index) => text + toText(values[index - 1] ?? null) + literal));
}

/** For `<pre>`: line feeds and tabs stay as they are. */
export function lines(text: string): Markup {
  return new Markup(escape(visibleLines(text)));
}

/** A text of ours that is not escaped: the style sheet, which holds `>` and quotes. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function toText(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'number') return String(content);
  if (typeof content === 'string') return escape(visible(content));
  return content.map(toText).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
