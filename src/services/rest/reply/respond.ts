import { badRequest, outOfBounds } from '../errors.ts';
import type { RestResponse } from '../message.ts';
import { preferenceApplied, type Preferences } from '../parse/prefer.ts';
import type { Outcome } from './outcome.ts';

type Header = readonly [name: string, value: string];

/** `0-9/100`; `*` for what is empty or unknown. */
export function contentRange(first: number, last: number, total: number | undefined): Header {
  const span = total === 0 || first > last ? '*' : `${first}-${last}`;
  return ['Content-Range', `${span}/${total ?? '*'}`];
}

/** Status and headers of a page: partial when more rows match than were given. */
export function pageStatus(offset: number, { rows, total }: Pick<Outcome, 'rows' | 'total'>) {
  const range = contentRange(offset, offset + rows - 1, total);
  if (total === undefined) return { status: 200, range, error: undefined };
  if (offset > total) return { status: 416, range, error: outOfBounds(offset, total) };
  return { status: rows < total ? 206 : 200, range, error: undefined };
}

export function preferenceHeader(preferences: Preferences): Header[] {
  const applied = preferenceApplied(preferences);
  return applied === undefined ? [] : [['Preference-Applied', applied]];
}

/** For a URL, down to the characters that nobody takes for anything else. */
export function percentEncode(text: string): string {
  const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, hex);
}

/**
 * Applies what the database set in response.status and response.headers.
 *
 * @throws RestError PGRST111, PGRST112
 */
export function respond(
  outcome: Pick<Outcome, 'headers' | 'status'>,
  { status, headers, body }: RestResponse,
): RestResponse {
  if (outcome.headers === null && outcome.status === null) return { status, headers, body };
  try {
    const own = ownHeaders(outcome.headers);
    const replaced = new Set(own.map(([name]) => name.toLowerCase()));
    return {
      status: ownStatus(outcome.status) ?? status,
      headers: [...headers.filter(([name]) => !replaced.has(name.toLowerCase())), ...own],
      body,
    };
  } catch (error) {
    discard(body);
    throw error;
  }
}

/** A large body that nobody will read keeps its connection busy. */
export function discard(body: RestResponse['body']): void {
  if (typeof body === 'object' && 'stream' in body) body.stream.destroy();
}

function ownStatus(text: string | null): number | undefined {
  if (text === null) return undefined;
  const status = /^\d{3}$/.test(text) ? Number(text) : 0;
  if (status < 200 || status > 599) throw badRequest.gucStatus();
  return status;
}

function ownHeaders(text: string | null): Header[] {
  if (text === null) return [];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw badRequest.gucHeaders();
  }
  if (!Array.isArray(list)) throw badRequest.gucHeaders();
  return list.map((item: unknown): Header => {
    const entries = typeof item === 'object' && item !== null ? Object.entries(item) : [];
    const [first] = entries;
    if (entries.length !== 1 || !first || typeof first[1] !== 'string' || !isHeader(first[0], first[1])) {
      throw badRequest.gucHeaders();
    }
    return [first[0], first[1]];
  });
}

/** A header that node would refuse to send, line breaks above all. */
export function isHeader(name: string, value: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value);
}
