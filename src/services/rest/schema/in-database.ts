import { ident } from '../../../foundation/postgres/sql.ts';
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

/** The same settings as the transaction has them: $1 names those that may occur. */
export function asSetNow(preConfig: string): string {
  const call = preConfig.split('.').map((part) => ident(part));
  return `
with ran as materialized (select ${call.join('.')}())
select coalesce(json_object_agg(name, value), '{}')::text
from ran, unnest($1::text[]) as name, nullif(current_setting('pgrst.' || name, true), '') as value
where value is not null`;
}

type Overrides = Partial<RestOptions>;

/** What the database says stands over what the file says, as PostgREST has it. A value that makes no sense is left out. */
export function readOverrides(settings: Readonly<Record<string, string>>): Overrides {
  const found: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(settings)) {
    const reader = READERS[name];
    const value = reader?.[1](text);
    if (reader && value !== undefined) found[reader[0]] = value;
  }
  const app = Object.entries(settings).filter(([name]) => name.startsWith('app.settings.'));
  return app.length === 0 ? found : { ...found, appSettings: Object.fromEntries(app) };
}

const name = (text: string): string | undefined => (text.trim() === '' ? undefined : text.trim());
const list = (text: string): readonly string[] => text.split(',').map((item) => item.trim());
const flag = (text: string): boolean | undefined => ({ true: true, on: true, false: false, off: false })[text.trim()];
const count = (text: string): number | undefined => (/^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined);
const oneOf =
  (...words: readonly string[]) =>
  (text: string): string | undefined =>
    words.find((word) => word === text.trim());

/** Names of settings, for `asSetNow`. */
export const settingNames = (): string[] => Object.keys(READERS);

const READERS: Readonly<Record<string, readonly [keyof RestOptions, (text: string) => unknown]>> = {
  db_schemas: ['schemas', list],
  db_schema: ['schemas', list],
  db_extra_search_path: ['extraSearchPath', list],
  db_max_rows: ['maxRows', count],
  db_tx_end: ['txEnd', oneOf('commit', 'commit-allow-override', 'rollback', 'rollback-allow-override')],
  db_pre_request: ['preRequest', name],
  db_plan_enabled: ['planEnabled', flag],
  db_aggregates_enabled: ['aggregatesEnabled', flag],
  db_anon_role: ['anonRole', name],
  db_root_spec: ['rootSpec', name],
  openapi_mode: ['openapiMode', oneOf('follow-privileges', 'ignore-privileges', 'disabled')],
  openapi_security_active: ['openapiSecurity', flag],
  openapi_server_proxy_uri: ['openapiProxyUri', name],
  server_timing_enabled: ['serverTiming', flag],
};
