/**
 * Where in an HTML page a value would land. The author of a template writes `href="{{ .SiteURL }}/x?to={{ .Email }}"`
 * and thinks of no escaping; the place decides it, as in Go's html/template, which Supabase's templates were written for.
 */
export type Place =
  | { readonly kind: 'text' }
  | { readonly kind: 'tag' }
  | { readonly kind: 'raw'; readonly element: 'script' | 'style' }
  | {
      readonly kind: 'value';
      readonly attribute: string;
      readonly quote: '"' | "'" | '';
      /** Of an attribute that holds an address: what of it stands before this place. */
      readonly url: 'none' | 'start' | 'path' | 'query';
    };

export const TEXT: Place = { kind: 'text' };

const URL_ATTRIBUTES = new Set(['href', 'src', 'action', 'formaction', 'background', 'poster', 'cite', 'longdesc']);

/** The place behind `text`, when it began at `place`. */
export function advance(place: Place, text: string): Place {
  let at = place;
  let rest = text;
  while (rest !== '') [at, rest] = step(at, rest);
  return at;
}

function step(place: Place, text: string): [Place, string] {
  if (place.kind === 'text') {
    const tag = /<([a-z][a-z0-9]*)?/i.exec(text);
    if (!tag) return [TEXT, ''];
    const name = tag[1]?.toLowerCase();
    const rest = text.slice(tag.index + tag[0].length);
    return name === 'script' || name === 'style' ? [{ kind: 'raw', element: name }, rest] : [{ kind: 'tag' }, rest];
  }
  if (place.kind === 'raw') {
    const close = new RegExp(`</${place.element}`, 'i').exec(text);
    return close ? [{ kind: 'tag' }, text.slice(close.index + close[0].length)] : [place, ''];
  }
  return place.kind === 'tag' ? insideTag(text) : insideValue(place, text);
}

function insideTag(text: string): [Place, string] {
  const next = />|([^\s"'<>/=]+)\s*=\s*(["']?)/.exec(text);
  if (!next) return [{ kind: 'tag' }, ''];
  const rest = text.slice(next.index + next[0].length);
  if (next[1] === undefined) return [TEXT, rest];
  const attribute = next[1].toLowerCase();
  const quote = (next[2] ?? '') as '"' | "'" | '';
  return [{ kind: 'value', attribute, quote, url: URL_ATTRIBUTES.has(attribute) ? 'start' : 'none' }, rest];
}

function insideValue(place: Extract<Place, { kind: 'value' }>, text: string): [Place, string] {
  const end = place.quote === '' ? /[\s>]/.exec(text) : new RegExp(place.quote).exec(text);
  const value = end ? text.slice(0, end.index) : text;
  if (!end) return [behindValue(place, value), ''];
  const rest = text.slice(end.index + (end[0] === '>' ? 0 : 1));
  return [{ kind: 'tag' }, rest];
}

/** The place behind some more of an attribute's value; a value that was filled in counts as one character. */
export function behindValue(place: Place, value: string): Place {
  if (place.kind !== 'value' || place.url === 'none' || value === '') return place;
  // `{{ .RedirectTo }}&token=`: the question mark stands in the value before.
  return { ...place, url: place.url === 'query' || /[?#&=]/.test(value) ? 'query' : 'path' };
}

/**
 * @param trusted an address that the server itself made or checked; its scheme is not questioned
 * @throws Error inside script and style, and where the name of an attribute would be filled in
 */
export function escapeFor(place: Place, value: string, trusted: boolean): string {
  if (place.kind === 'text') return escapeHtml(value);
  if (place.kind === 'value') return escapeValue(urlPart(place.url, value, trusted), place.quote);
  throw new Error(
    place.kind === 'raw' ? `no variable may stand in ${place.element}` : 'no variable may stand in a tag',
  );
}

export function escapeHtml(value: string): string {
  return value.replaceAll(/[&<>"'`]/g, (character) => NAMED[character] ?? `&#${character.charCodeAt(0)};`);
}

const NAMED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeValue(value: string, quote: string): string {
  const escaped = escapeHtml(value);
  return quote === '' ? escaped.replaceAll(/[\s=]/g, (character) => `&#${character.charCodeAt(0)};`) : escaped;
}

function urlPart(part: 'none' | 'start' | 'path' | 'query', value: string, trusted: boolean): string {
  if (part === 'none') return value;
  if (part === 'query') return percentEncode(value, /[^A-Za-z0-9_.~-]/gu);
  if (part === 'start' && !trusted && !isHarmless(value)) return '#';
  return percentEncode(value, /[^A-Za-z0-9_.~:/?#[\]@!$&*+,;=%-]/gu);
}

function percentEncode(value: string, what: RegExp): string {
  return value.replaceAll(what, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/** No scheme, or one that only fetches or writes a letter. Spaces and controls before it are skipped as a browser does. */
function isHarmless(value: string): boolean {
  // oxlint-disable-next-line no-control-regex -- browsers drop these before they read the scheme
  const scheme = /^([^/?#:]*):/.exec(value.replaceAll(/[\u0000-\u0020]/g, ''))?.[1];
  return scheme === undefined || ['http', 'https', 'mailto', 'tel'].includes(scheme.toLowerCase());
}
