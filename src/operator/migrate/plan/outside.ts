import type { Session } from '../../../foundation/postgres/session.ts';
import { objectKey, type Catalog } from '../catalog/model.ts';

/**
 * Things of the platform that objects of the source lean on (a webhook's function, realtime.topic()), as far as the
 * target has them too.
 */
export async function outsideThings(source: Catalog, target: Session): Promise<Set<string>> {
  const known = new Set(source.objects.map(objectKey));
  const needed = [...new Set(source.objects.flatMap(({ needs }) => needs))].filter((key) => !known.has(key));
  const rows = await target.rows<{ key: string }>(
    `select key from json_array_elements_text($1::json) key, lateral (select split_part(key, ' ', 1) as kind, substr(key, strpos(key, ' ') + 1) as name) k
     where case kind when 'function' then to_regprocedure(name) is not null
                     when 'type' then to_regtype(name) is not null
                     else to_regclass(name) is not null end`,
    [JSON.stringify(needed)],
  );
  return new Set(rows.map(({ key }) => key));
}
