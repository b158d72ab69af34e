import type { RestOptions } from '../options.ts';

/** Settings named `pgrst.*` on the connection role, for every database and then for this one. */
export const IN_DATABASE = `
select coalesce(json_object_agg(substr(name, 7), value), '{}')::text from (
  select distinct on (name) name, value from (
    select split_part(item, '=', 1) as name, substr(item, strpos(item, '=') + 1) as value, setdatabase
    from pg_db_role_setting cross join unnest(setconfig) as items (item)
    where setrole = current_user::regrole
      and setdatabase in (0, (select oid from pg_database where datname = current_database()))
  ) as settings where name like 'pgrst.%' order by name, setdatabase desc
) as effective`;

type Overrides = Partial<RestOptions>;

/** What the database says stands over what the file says, as PostgREST has it. A value that makes no sense is left out. */
export function readOverrides(settings: Readonly<Record<string, string>>): Overrides {
  const found: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(settings)) {
    const reader = READERS[name];
    const value = reader?.[1](text);
    if (reader && value !== undefined) found[reader[0]] = value;
  }
  return found;
}

const list = (text: string): readonly string[] => text.split(',').map((item) => item.trim());
const flag = (text: string): boolean | undefined => ({ true: true, on: true, false: false, off: false })[text.trim()];
const count = (text: string): number | undefined => (/^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined);
const oneOf =
  (...words: readonly string[]) =>
  (text: string): string | undefined =>
    words.find((word) => word === text.trim());

const READERS: Readonly<Record<string, readonly [keyof RestOptions, (text: string) => unknown]>> = {
  db_schemas: ['schemas', list],
  db_schema: ['schemas', list],
  db_extra_search_path: ['extraSearchPath', list],
  db_max_rows: ['maxRows', count],
  db_tx_end: ['txEnd', oneOf('commit', 'commit-allow-override', 'rollback', 'rollback-allow-override')],
  db_pre_request: ['preRequest', (text) => (text.trim() === '' ? undefined : text.trim())],
  db_plan_enabled: ['planEnabled', flag],
  db_aggregates_enabled: ['aggregatesEnabled', flag],
  openapi_mode: ['openapiMode', oneOf('follow-privileges', 'ignore-privileges', 'disabled')],
};
