/**
 * Text of a foreign database as it may be shown: whatever moves a cursor, hides, or turns the reading order becomes a
 * visible escape. An identifier may hold any of them, and a report is read by people who trust what they see.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, escapeOf);
}

/** The same for text of several lines: line feeds and tabs stay. */
export function visibleLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(UNSEEN, (character) => (/[\n\t]/.test(character) ? character : escapeOf(character)));
}

/** Controls, format characters (bidirectional overrides, zero widths, tags), lone surrogates, line separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t` };

function escapeOf(character: string): string {
  return SHORT[character] ?? String.raw`\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
