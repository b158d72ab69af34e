import { badRequest } from '../errors.ts';
import type { RestRequest, RestResponse } from '../message.ts';
import { describeApi } from '../reply/openapi.ts';
import { describeApi31 } from '../reply/openapi31.ts';
import { perform } from '../transaction.ts';
import type { ActionContext } from './context.ts';

/** The schema's comment, and the names in it that the caller's role may touch. */
const ACCESSIBLE = `
select json_build_object(
  'comment', obj_description(n.oid, 'pg_namespace'),
  'relations', (select coalesce(json_agg(c.relname), '[]') from pg_class c where c.relnamespace = n.oid
    and (pg_has_role(c.relowner, 'usage') or has_table_privilege(c.oid, 'select, insert, update, delete')
      or c.relkind in ('r', 'v', 'm', 'f', 'p') and has_any_column_privilege(c.oid, 'select, insert, update'))),
  'routines', (select coalesce(json_agg(distinct p.proname), '[]') from pg_proc p where p.pronamespace = n.oid
    and has_function_privilege(p.oid, 'execute')))::text
from pg_namespace n where n.nspname = $1`;

interface Accessible {
  readonly comment: string | null;
  readonly relations: readonly string[];
  readonly routines: readonly string[];
}

/** GET of the root: the API described. */
export async function rootAction(context: ActionContext): Promise<RestResponse> {
  const { options, request, schema, cache, media } = context;
  if (options.openapiMode === 'disabled') throw badRequest.rootDisabled();
  if (request.method !== 'GET' && request.method !== 'HEAD') throw badRequest.method(request.method);
  const { results } = await perform({ readOnly: true, statements: [{ text: ACCESSIBLE, values: [schema] }] }, context);
  const { comment, relations, routines } = JSON.parse(results[0]?.[0]?.[0]?.toString() ?? '{}') as Accessible;
  const all = options.openapiMode === 'ignore-privileges';
  const describe = media.contentType.includes('version=3') ? describeApi31 : describeApi;
  const body = describe(cache, {
    schema,
    comment,
    relations: all ? undefined : new Set(relations),
    routines: all ? undefined : new Set(routines),
    uri: URL.canParse(options.openapiProxyUri ?? '') ? (options.openapiProxyUri ?? '') : ownUri(request),
    security: options.openapiSecurity,
  });
  return {
    status: 200,
    headers: [['Content-Type', media.contentType], ...context.profileHeader],
    body: request.method === 'HEAD' ? '' : body,
  };
}

/** Where this request came to. */
function ownUri({ headers }: RestRequest): string {
  const uri = `http://${headers['host'] ?? 'localhost'}/`;
  return URL.canParse(uri) ? uri : 'http://localhost/';
}
