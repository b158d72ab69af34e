import type { RestResponse } from '../message.ts';
import type { ActionContext } from './context.ts';
import { readAction } from './read.ts';

/** Passes row security; the connection role may become it on a hosted project. */
const SEES_ALL = 'service_role';
const HEADER = 'Vectabase-Diagnostics';

/**
 * To an update or delete that touched no row, adds how many rows its filters match for one who sees them all: more than
 * none means that row policies hid them. Nothing else of the answer changes.
 */
export async function withDiagnosis(response: RestResponse, context: ActionContext): Promise<RestResponse> {
  const { request, target, identity } = context;
  if (target.kind !== 'relation' || !['PATCH', 'DELETE'].includes(request.method) || identity.role === SEES_ALL)
    return response;
  const matched = await matchedRows(target.name, context);
  if (matched === undefined || matched === 0) return response;
  const words = `row-security; matched=${matched}; role=${identity.role.replaceAll(/[^\w-]/g, '_')}; hint="policies of this role hid every row that the filters match"`;
  return { ...response, headers: [...response.headers, [HEADER, words]] };
}

/** Of the same filters, by a read of its own. Undefined where that cannot be told. */
async function matchedRows(name: string, context: ActionContext): Promise<number | undefined> {
  const filters = context.pairs.filter(([key]) => !SHAPES.has(key));
  const once = context.once;
  try {
    const { headers } = await readAction(name, {
      ...context,
      request: { ...context.request, method: 'HEAD', headers: {}, body: Buffer.alloc(0) },
      identity: { role: SEES_ALL, claims: { role: SEES_ALL } },
      preferences: { count: 'exact' },
      pairs: filters,
      once: (key, make) => once(`diagnosis ${key}`, make),
    });
    const total = /\/(\d+)$/.exec(headers.find(([header]) => header === 'Content-Range')?.[1] ?? '')?.[1];
    return total === undefined ? undefined : Number(total);
  } catch {
    return undefined; // the role is not there or not ours to take, or the count took too long
  }
}

/** What of a query says how rows are shown, not which. */
const SHAPES: ReadonlySet<string> = new Set(['select', 'columns', 'on_conflict', 'order', 'limit', 'offset']);
