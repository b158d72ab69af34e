import type { Pair } from '../parse/query.ts';
import { keyOf, type MediaHandler, type QualifiedName, type SchemaCache } from '../schema/model.ts';

/** The database's own handler of a media type; one that is made for whole rows is no use to a selection. */
export function findHandler(
  { handlers }: SchemaCache,
  owner: QualifiedName,
  type: string,
  pairs: readonly Pair[],
): MediaHandler | undefined {
  if (handlers.size === 0) return undefined;
  const own = pairs.some(([key, value]) => key === 'select' && value.trim() !== '*')
    ? undefined
    : handlers.get(keyOf(owner));
  return own?.get('*/*') ?? own?.get(type) ?? handlers.get('')?.get(type);
}
