import { badRequest } from '../errors.ts';

export type Format = 'array' | 'object' | 'csv' | 'stripped-array' | 'stripped-object' | 'openapi';
export interface PlanOptions {
  readonly format: 'text' | 'json';
  readonly of: Format;
  readonly options: readonly string[];
}
export interface Media {
  readonly format: Format;
  readonly contentType: string;
  readonly plan: PlanOptions | undefined;
}

interface Accepted {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const JSON_ARRAY = media('array', 'application/json; charset=utf-8');
const FORMATS: Readonly<Record<string, (parameters: Readonly<Record<string, string>>) => Media>> = {
  '*/*': () => JSON_ARRAY,
  'application/*': () => JSON_ARRAY,
  'application/json': () => JSON_ARRAY,
  'application/vnd.pgrst.array': () => media('array', 'application/vnd.pgrst.array+json; charset=utf-8'),
  'application/vnd.pgrst.array+json': ({ nulls }) =>
    nulls === 'stripped'
      ? media('stripped-array', 'application/vnd.pgrst.array+json; nulls=stripped; charset=utf-8')
      : media('array', 'application/vnd.pgrst.array+json; charset=utf-8'),
  'application/vnd.pgrst.object': (parameters) => objectMedia(parameters),
  'application/vnd.pgrst.object+json': (parameters) => objectMedia(parameters),
  'text/csv': () => media('csv', 'text/csv; charset=utf-8'),
};
const PLAN = /^application\/vnd\.pgrst\.plan(?:\+(text|json))?$/;
const PLAN_OPTIONS = new Set(['analyze', 'verbose', 'settings', 'buffers', 'wal']);

/**
 * The first type that is asked for and can be had.
 *
 * @throws RestError PGRST107
 */
export function chooseMedia(accept: string | undefined, options: { planEnabled: boolean; root?: boolean }): Media {
  if (accept === undefined || accept.trim() === '') return options.root ? OPENAPI : JSON_ARRAY;
  const accepted = parseAccept(accept);
  for (const { type, parameters } of accepted) {
    if (options.root) {
      if (type === '*/*' || type === 'application/openapi+json' || type === 'application/json') return OPENAPI;
      continue;
    }
    const plan = options.planEnabled ? PLAN.exec(type) : null;
    if (plan) return planMedia(plan[1] === 'json' ? 'json' : 'text', parameters);
    const make = FORMATS[type];
    if (make) return make(parameters);
  }
  throw badRequest.mediaType(accepted.map(({ type }) => type));
}

const OPENAPI = media('openapi', 'application/openapi+json; charset=utf-8');

function planMedia(format: 'text' | 'json', parameters: Readonly<Record<string, string>>): Media {
  const inner = parameters['for'] ?? 'application/json';
  const [type = ''] = parseAccept(inner);
  const of = type === '' ? JSON_ARRAY : (FORMATS[type.type]?.(type.parameters) ?? JSON_ARRAY);
  const options = (parameters['options'] ?? '').split('|').filter((each) => PLAN_OPTIONS.has(each));
  const suffix = options.length > 0 ? `; options=${options.join('|')}` : '';
  return {
    format: of.format,
    contentType: `application/vnd.pgrst.plan+${format}; for="${of.contentType.replace('; charset=utf-8', '')}"${suffix}; charset=utf-8`,
    plan: { format, of: of.format, options },
  };
}

function objectMedia({ nulls }: Readonly<Record<string, string>>): Media {
  return nulls === 'stripped'
    ? media('stripped-object', 'application/vnd.pgrst.object+json; nulls=stripped; charset=utf-8')
    : media('object', 'application/vnd.pgrst.object+json; charset=utf-8');
}

function media(format: Format, contentType: string): Media {
  return { format, contentType, plan: undefined };
}

/** By falling weight, and in the order given where weights are equal. */
function parseAccept(header: string): Accepted[] {
  return (header.match(/(?:[^,"]|"[^"]*")+/g) ?? [])
    .map((item) => {
      const [type = '', ...rest] = (item.match(/(?:[^;"]|"[^"]*")+/g) ?? []).map((part) => part.trim());
      const parameters = Object.fromEntries(
        rest.map((part) => {
          const at = part.indexOf('=');
          return [
            part.slice(0, Math.max(at, 0)).trim().toLowerCase(),
            part
              .slice(at + 1)
              .replaceAll('"', '')
              .trim(),
          ];
        }),
      );
      return { type: type.toLowerCase(), parameters };
    })
    .filter(({ type }) => type !== '')
    .toSorted((a, b) => weight(b) - weight(a));
}

function weight({ parameters }: Accepted): number {
  const q = Number(parameters['q'] ?? 1);
  return Number.isFinite(q) ? q : 1;
}
