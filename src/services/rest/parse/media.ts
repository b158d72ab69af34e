import { badRequest } from '../errors.ts';
import type { MediaHandler } from '../schema/model.ts';

export type Format =
  | 'array'
  | 'object'
  | 'csv'
  | 'stripped-array'
  | 'stripped-object'
  | 'geojson'
  | 'openapi'
  /** What the database makes of the rows by itself. */
  | 'handler';

export interface PlanOptions {
  readonly format: 'text' | 'json';
  readonly options: readonly string[];
}
export interface Media {
  readonly format: Format;
  readonly contentType: string;
  readonly plan: PlanOptions | undefined;
  readonly handler: MediaHandler | undefined;
}

interface Accepted {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

interface Choices {
  readonly planEnabled: boolean;
  /** The root describes the API. */
  readonly root?: boolean;
  /** What the database offers for a type. */
  readonly handlerOf?: (type: string) => MediaHandler | undefined;
}

const CHARSET = '; charset=utf-8';
const STRIPPED = ';nulls=stripped';
export const JSON_ARRAY = media('array', `application/json${CHARSET}`);
const OPENAPI = media('openapi', `application/openapi+json${CHARSET}`);
/** PostgREST has no such type. */
const OPENAPI_3 = 'application/vnd.oai.openapi+json';

/** Types that the database may offer a handler of its own for. */
const BUILT_IN = new Map([
  ['*/*', JSON_ARRAY],
  ['application/*', JSON_ARRAY],
  ['application/json', JSON_ARRAY],
  ['application/geo+json', media('geojson', `application/geo+json${CHARSET}`)],
  ['text/csv', media('csv', `text/csv${CHARSET}`)],
]);
const PLAN = /^application\/vnd\.pgrst\.plan(?:\+(text|json))?$/;
const VENDOR = /^application\/vnd\.pgrst\.(array|object)(?:\+json)?$/;
const PLAN_OPTIONS = ['analyze', 'verbose', 'settings', 'buffers', 'wal'];

/**
 * The first type that is asked for and can be had.
 *
 * @throws RestError PGRST107
 */
export function chooseMedia(accept: string | undefined, choices: Choices): Media {
  const accepted = parseAccept(accept === undefined || accept.trim() === '' ? '*/*' : accept);
  for (const each of accepted) {
    const found = choices.root ? rootMedia(each) : (planMedia(each, choices) ?? dataMedia(each, choices));
    if (found) return found;
  }
  throw badRequest.mediaType(accepted.map(({ type }) => type));
}

function rootMedia({ type }: Accepted): Media | undefined {
  if (type === OPENAPI_3) return media('openapi', `${OPENAPI_3};version=3.1${CHARSET}`);
  return ['*/*', 'application/openapi+json', 'application/json'].includes(type) ? OPENAPI : undefined;
}

function dataMedia({ type, parameters }: Accepted, { handlerOf }: Choices): Media | undefined {
  const vendor = VENDOR.exec(type)?.[1];
  if (vendor !== undefined) return vendorMedia(vendor, parameters['nulls'] === 'stripped');
  const handler = handlerOf?.(type);
  if (handler) return { ...media('handler', withCharset(handler.contentType)), handler };
  return BUILT_IN.get(type);
}

function vendorMedia(shape: string, stripped: boolean): Media {
  if (shape === 'array') {
    return stripped ? media('stripped-array', `application/vnd.pgrst.array+json${STRIPPED}${CHARSET}`) : JSON_ARRAY;
  }
  return stripped
    ? media('stripped-object', `application/vnd.pgrst.object+json${STRIPPED}${CHARSET}`)
    : media('object', `application/vnd.pgrst.object+json${CHARSET}`);
}

/** Types whose text is known to be UTF-8; of any other only the database knows. */
function withCharset(type: string): string {
  return ['text/plain', 'text/xml', 'text/csv', 'application/json', 'application/geo+json'].includes(type)
    ? type + CHARSET
    : type;
}

function planMedia({ type, parameters }: Accepted, choices: Choices): Media | undefined {
  const match = choices.planEnabled ? PLAN.exec(type) : null;
  if (!match) return undefined;
  const [inner] = parseAccept(parameters['for'] ?? 'application/json');
  const of = inner && dataMedia(inner, choices);
  if (!of) return undefined;
  const format = match[1] === 'json' ? 'json' : 'text';
  const asked = (parameters['options'] ?? '').split('|');
  const options = PLAN_OPTIONS.filter((each) => asked.includes(each));
  const suffix = options.length > 0 ? `; options=${options.join('|')}` : '';
  const contentType = `application/vnd.pgrst.plan+${format}; for="${of.contentType.replace(CHARSET, '')}"${suffix}${CHARSET}`;
  return { ...of, contentType, plan: { format, options } };
}

function media(format: Format, contentType: string): Media {
  return { format, contentType, plan: undefined, handler: undefined };
}

/** By falling weight, and in the order given where weights are equal. */
function parseAccept(header: string): Accepted[] {
  return (header.match(/(?:[^,"]|"[^"]*")+/g) ?? [])
    .map((item) => {
      const [type = '', ...rest] = (item.match(/(?:[^;"]|"[^"]*")+/g) ?? []).map((part) => part.trim());
      return { type: type.toLowerCase(), parameters: Object.fromEntries(rest.map((part) => parameterOf(part))) };
    })
    .filter(({ type }) => type !== '')
    .toSorted((a, b) => weight(b) - weight(a));
}

function parameterOf(part: string): [name: string, value: string] {
  const at = part.indexOf('=');
  const value = part.slice(at + 1).replaceAll('"', '');
  return [part.slice(0, Math.max(at, 0)).trim().toLowerCase(), value.trim()];
}

function weight({ parameters }: Accepted): number {
  const q = Number(parameters['q'] ?? 1);
  return Number.isFinite(q) ? q : 1;
}
