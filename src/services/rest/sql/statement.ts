import { ident } from '../../../foundation/postgres/sql.ts';
import type { Media } from '../parse/media.ts';
import type { MediaHandler } from '../schema/model.ts';

/** What the main statement finds out, besides the body. One row: total, rows of the page, body, and the rest. */
export interface MainParts {
  /** `with …` items before the page. */
  readonly with: readonly string[];
  readonly page: string;
  readonly body: string;
  /** A query of one row per match, when the client wants an exact total. */
  readonly matches?: string | undefined;
  readonly location?: string | undefined;
  readonly inserted?: string | undefined;
}

export const PAGE = 'pgrst_page';

/** One row: total, rows of the page, response.headers, response.status, location, inserted, and last, as it may be long, the body. */
export function mainStatement(parts: MainParts): string {
  const items = [...parts.with, `${PAGE} as (${parts.page})`];
  return (
    `with ${items.join(', ')} select ` +
    [
      parts.matches === undefined ? 'null' : `(select count(*) from (${parts.matches}) as pgrst_matches)::text`,
      'count(*)::text',
      `nullif(current_setting('response.headers', true), '')`,
      `nullif(current_setting('response.status', true), '')`,
      parts.location ?? 'null',
      parts.inserted ?? 'null',
      `(${parts.body})::text`,
    ].join(', ') +
    ` from ${PAGE}`
  );
}

/** The page as one text, in the format that was negotiated. */
export function rowsBody({ format, handler }: Pick<Media, 'format' | 'handler'>): string {
  if (handler) return aggregateBody(handler);
  switch (format) {
    case 'object':
      return `coalesce(json_agg(${PAGE})->0, 'null')`;
    case 'stripped-array':
      return `json_strip_nulls(coalesce(json_agg(${PAGE}), '[]'))`;
    case 'stripped-object':
      return `json_strip_nulls(coalesce(json_agg(${PAGE})->0, 'null'))`;
    case 'csv':
      return CSV;
    case 'geojson':
      return GEOJSON;
    case 'array':
    case 'openapi':
    case 'handler':
      return `coalesce(json_agg(${PAGE}), '[]')`;
    default:
      return format satisfies never;
  }
}

/** The value of a function, or the values of one that gives a set, as one text. */
export function scalarBody(
  value: string,
  set: boolean,
  { format, handler }: Pick<Media, 'format' | 'handler'>,
): string {
  if (handler?.kind === 'value') return `coalesce((select ${value}::text from ${PAGE} limit 1), '')`;
  if (handler) return `coalesce(${ident(handler.routine.schema, handler.routine.name)}(${value})::text, '')`;
  if (format === 'csv') return CSV;
  if (format.endsWith('object')) return `coalesce(json_agg(${set ? PAGE : value})->0, 'null')`;
  return set ? `coalesce(json_agg(${value}), '[]')` : `coalesce(json_agg(${value})->0, 'null')`;
}

/** What an aggregate of the database makes of the page. */
function aggregateBody({ routine, target }: MediaHandler): string {
  const rows = target ? `${PAGE}::${ident(target.schema, target.name)}` : PAGE;
  return `coalesce(${ident(routine.schema, routine.name)}(${rows})::text, '')`;
}

/** Whether embedded JSON becomes part of a text. */
export function showsText({ format }: Pick<Media, 'format'>): boolean {
  return format === 'csv' || format === 'handler';
}

const GEOJSON = `json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(st_asgeojson(${PAGE})::json), '[]'))`;

const CSV_HEADER = `(select string_agg(replace_key, ',') from (select case when key ~ '[",\\n]' then '"' || replace(key, '"', '""') || '"' else key end as replace_key from (select json_object_keys(row_to_json(first)) as key from (select * from ${PAGE} limit 1) as first) as keys) as quoted)`;
const CSV = `coalesce(${CSV_HEADER}, '') || E'\\n' || coalesce(string_agg(substring(${PAGE}::text, 2, length(${PAGE}::text) - 2), E'\\n'), '')`;
