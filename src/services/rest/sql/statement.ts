import type { Format } from '../parse/media.ts';

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
export function rowsBody(format: Format): string {
  switch (format) {
    case 'object':
      return `coalesce(json_agg(${PAGE})->0, 'null')`;
    case 'stripped-array':
      return `json_strip_nulls(coalesce(json_agg(${PAGE}), '[]'))`;
    case 'stripped-object':
      return `json_strip_nulls(coalesce(json_agg(${PAGE})->0, 'null'))`;
    case 'csv':
      return CSV;
    case 'array':
    case 'openapi':
      return `coalesce(json_agg(${PAGE}), '[]')`;
    default:
      return format satisfies never;
  }
}

const CSV_HEADER = `(select string_agg(replace_key, ',') from (select case when key ~ '[",\\n]' then '"' || replace(key, '"', '""') || '"' else key end as replace_key from (select json_object_keys(row_to_json(first)) as key from (select * from ${PAGE} limit 1) as first) as keys) as quoted)`;
const CSV = `coalesce(${CSV_HEADER}, '') || E'\\n' || coalesce(string_agg(substring(${PAGE}::text, 2, length(${PAGE}::text) - 2), E'\\n'), '')`;
