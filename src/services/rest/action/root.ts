import { badRequest } from '../errors.ts';
import type { RestResponse } from '../message.ts';
import { describeApi } from '../reply/openapi.ts';
import { perform } from '../transaction.ts';
import type { ActionContext } from './context.ts';

/** What the caller's role may touch, as `{schema: [names]}` lists of one row. */
const ACCESSIBLE = `
select
  (select coalesce(json_agg(c.relname), '[]') from pg_class c where c.relnamespace = n.oid
    and has_table_privilege(c.oid, 'select, insert, update, delete'))::text,
  (select coalesce(json_agg(distinct p.proname), '[]') from pg_proc p where p.pronamespace = n.oid
    and has_function_privilege(p.oid, 'execute'))::text
from pg_namespace n where n.nspname = $1`;

/** GET of the root: the API described. */
export async function rootAction(context: ActionContext): Promise<RestResponse> {
  const { options, request, schema, cache, media } = context;
  if (options.openapiMode === 'disabled') throw badRequest.rootDisabled();
  if (request.method !== 'GET' && request.method !== 'HEAD') throw badRequest.method(request.method);
  const { results } = await perform({ readOnly: true, statements: [{ text: ACCESSIBLE, values: [schema] }] }, context);
  const [relations, routines] = results[0]?.[0] ?? [];
  const ignore = options.openapiMode === 'ignore-privileges';
  const names = (text: Buffer | null | undefined): Set<string> =>
    new Set(JSON.parse(text?.toString() ?? '[]') as string[]);
  const body = describeApi(cache, schema, {
    relations: ignore ? undefined : names(relations),
    routines: ignore ? undefined : names(routines),
  });
  return {
    status: 200,
    headers: [['Content-Type', media.contentType], ...context.profileHeader],
    body: request.method === 'HEAD' ? '' : body,
  };
}
